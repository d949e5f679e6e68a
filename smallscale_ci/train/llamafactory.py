"""A recipe in the form of LLaMA-Factory 0.9.5 and DeepSpeed. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from smallscale_ci.config.train import TrainRecipe
from smallscale_ci.errors import UsageError

Settings = dict[str, Any]

SETTINGS, DEEPSPEED = "settings/llamafactory.yaml", "settings/deepspeed.json"  # in the out folder
CHECKPOINTS = "checkpoints"
# Objectives that LLaMA-Factory lacks use its ORPO branch, in which our entry replaces the loss.
_PREF_LOSS = {
    "lcpo": "orpo",
    "simper": "orpo",
    "orpo": "orpo",
    "simpo": "simpo",
    "dpo": "sigmoid",
    "ipo": "ipo",
}
OWN_LOSSES = ("lcpo", "simper")
# Keys for some recipes only: with others they would bypass what is checked and shown.
_OURS = (
    *("max_steps", "num_train_epochs", "template", "deepspeed", "use_cpu", "pref_loss"),
    *("pref_beta", "simpo_gamma", "lora_rank", "lora_alpha", "lora_dropout", "lora_target"),
    *("save_total_limit", "resume_from_checkpoint"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where training runs, as its processes see it."""

    model: str  # folder of the parent
    pairs: str  # folder of the pairs
    out: str
    ranks: int  # ranks on one node
    nodes: int = 1
    gpu: bool = False

    @property
    def world(self) -> int:
        """Ranks on all nodes."""
        return self.ranks * self.nodes


def deepspeed_stage(recipe: TrainRecipe, place: Place) -> int:
    """0 (no DeepSpeed), 2 or 3."""
    if recipe.deepspeed == "auto":
        return 3 if place.world > 1 or recipe.offload else 0
    return {"none": 0, "zero2": 2, "zero3": 3}[recipe.deepspeed]


def bf16(recipe: TrainRecipe, place: Place) -> bool:
    """Whether the model computes in bf16 instead of fp32."""
    return recipe.precision == "bf16" or (recipe.precision == "auto" and place.gpu)


def accumulation(recipe: TrainRecipe, place: Place) -> int:
    """Micro-batches per rank and step.

    Raises ``UsageError`` for a batch that cannot be split.
    """
    at_once = recipe.micro_batch * place.world
    if recipe.batch_size % at_once:
        raise UsageError(
            f"A batch of {recipe.batch_size} pairs cannot be split over {place.world} ranks with "
            f"{recipe.micro_batch} each.",
            f"Set batch_size in the recipe to a multiple of {at_once}, or use other --ranks.",
        )
    return recipe.batch_size // at_once


def render(recipe: TrainRecipe, place: Place, resume: str | None = None) -> Settings:
    """LLaMA-Factory's settings. ``resume`` is the checkpoint to resume from.

    Raises ``UsageError`` for ``extra`` keys that the recipe sets itself, and for a batch that
    cannot be split.
    """
    supervised = recipe.objective == "sft"
    settings: Settings = {
        "model_name_or_path": place.model,
        "trust_remote_code": False,
        "stage": "sft" if supervised else "dpo",
        "do_train": True,
        **_tuning(recipe),
        **({} if supervised else _preference(recipe)),
        **_data(recipe, place),
        **_steps(recipe, place),
        **_machine(recipe, place),
        "output_dir": f"{place.out}/{CHECKPOINTS}",
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": recipe.save_steps,
        "plot_loss": False,
        "report_to": "none",
        "include_num_input_tokens_seen": "non_padding",
    }
    if resume is not None:
        settings["resume_from_checkpoint"] = resume
    taken = sorted({*settings, *_OURS} & {*recipe.extra})
    if taken:
        raise UsageError(
            f"The recipe '{recipe.name}' has in `extra` what it sets itself: {', '.join(taken)}.",
            "Use the recipe's own keys for them; `smallscale schema train` lists these.",
        )
    return {**settings, **recipe.extra}


def deepspeed(recipe: TrainRecipe, stage: int) -> Settings:
    """DeepSpeed's configuration of ZeRO ``stage`` 2 or 3; "auto" is filled in by the trainer."""
    zero: Settings = {
        "stage": stage,
        "overlap_comm": True,
        "contiguous_gradients": True,
        "reduce_bucket_size": "auto" if stage == 3 else 500_000_000,
    }
    if stage == 3:
        zero |= {
            "sub_group_size": 1_000_000_000,
            "stage3_prefetch_bucket_size": "auto",
            "stage3_param_persistence_threshold": "auto",
            "stage3_max_live_parameters": 1_000_000_000,
            "stage3_max_reuse_distance": 1_000_000_000,
            "stage3_gather_16bit_weights_on_model_save": True,
        }
    else:
        zero |= {"allgather_partitions": True, "allgather_bucket_size": 500_000_000}
        zero |= {"reduce_scatter": True, "round_robin_gradients": True}
    if recipe.offload:
        zero["offload_optimizer"] = {"device": "cpu", "pin_memory": True}
        if stage == 3:
            zero["offload_param"] = {"device": "cpu", "pin_memory": True}
    return {
        "zero_force_ds_cpu_optimizer": False,  # DeepSpeed's own would have to be compiled first
        "train_batch_size": "auto",
        "train_micro_batch_size_per_gpu": "auto",
        "gradient_accumulation_steps": "auto",
        "gradient_clipping": "auto",
        "zero_allow_untested_optimizer": True,
        "bf16": {"enabled": "auto"},
        "fp16": {"enabled": "auto"},
        "zero_optimization": zero,
    }


def to_yaml(settings: Mapping[str, Any]) -> str:
    """The settings as a file that ``llamafactory-cli train`` can also read."""
    head = "# Rendered by smallscale from recipe.yaml. Upstream lacks the losses lcpo and simper.\n"
    return head + yaml.safe_dump(dict(settings), sort_keys=False, allow_unicode=True)


def _tuning(recipe: TrainRecipe) -> Settings:
    if recipe.tuning == "full":
        return {"finetuning_type": "full"}
    return {
        "finetuning_type": "lora",
        "lora_rank": recipe.lora.rank,
        "lora_alpha": recipe.lora.alpha,
        "lora_dropout": recipe.lora.dropout,
        "lora_target": ",".join(recipe.lora.target),
    }


def _preference(recipe: TrainRecipe) -> Settings:
    settings: Settings = {"pref_loss": _PREF_LOSS[recipe.objective], "pref_beta": recipe.beta}
    if recipe.objective == "simpo":
        settings["simpo_gamma"] = recipe.gamma
    return settings


def _data(recipe: TrainRecipe, place: Place) -> Settings:
    settings: Settings = {
        "dataset": "sft" if recipe.objective == "sft" else "pairs",
        "dataset_dir": place.pairs,
        "cutoff_len": recipe.cutoff_len,
        "overwrite_cache": True,
    }
    if recipe.template != "checkpoint":  # if None, our entry supplies the checkpoint's own
        settings["template"] = recipe.template
    return settings


def _steps(recipe: TrainRecipe, place: Place) -> Settings:
    amount = {"num_train_epochs": recipe.epochs}
    if recipe.steps is not None:
        amount = {"max_steps": recipe.steps}
    return {
        **amount,
        "per_device_train_batch_size": recipe.micro_batch,
        "gradient_accumulation_steps": accumulation(recipe, place),
        "learning_rate": recipe.learning_rate,
        "lr_scheduler_type": recipe.schedule,
        "warmup_steps": recipe.warmup,
        "weight_decay": recipe.weight_decay,
        "max_grad_norm": recipe.max_grad_norm,
        "seed": recipe.seed,
    }


def _machine(recipe: TrainRecipe, place: Place) -> Settings:
    settings: Settings = {
        "bf16": bf16(recipe, place),
        "disable_gradient_checkpointing": not recipe.gradient_checkpointing,
    }
    if deepspeed_stage(recipe, place):
        # With use_cpu DeepSpeed would see a world of one rank and refuse the batch.
        settings["deepspeed"] = f"{place.out}/{DEEPSPEED}"
    elif not place.gpu:
        settings["use_cpu"] = True
    return settings
