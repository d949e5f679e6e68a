import dataclasses

import pytest
import yaml

from smallscale_ci.config.train import LoraConfig, TrainRecipe
from smallscale_ci.errors import UsageError
from smallscale_ci.train.llamafactory import Place, deepspeed, deepspeed_stage, render, to_yaml

CPU = Place("/m", "/p", "/o", ranks=1)
GPUS = Place("/checkpoint", "/pairs", "/work", ranks=4, nodes=2, gpu=True)


def recipe(**changes: object) -> TrainRecipe:
    return TrainRecipe(**{"name": "r", "objective": "lcpo", **changes})


def test_golden_lcpo_on_two_nodes_of_four_gpus() -> None:
    assert render(recipe(steps=50), GPUS) == {
        "model_name_or_path": "/checkpoint",
        "trust_remote_code": False,
        "stage": "dpo",
        "do_train": True,
        "finetuning_type": "full",
        "pref_loss": "orpo",
        "pref_beta": 0.1,
        "dataset": "pairs",
        "dataset_dir": "/pairs",
        "cutoff_len": 2300,
        "overwrite_cache": True,
        "max_steps": 50,
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 2,
        "learning_rate": 5e-6,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 0.1,
        "weight_decay": 0.0,
        "max_grad_norm": 1.0,
        "seed": 42,
        "bf16": True,
        "disable_gradient_checkpointing": False,
        "deepspeed": "/work/settings/deepspeed.json",
        "output_dir": "/work/checkpoints",
        "logging_steps": 1,
        "save_strategy": "steps",
        "save_steps": 25,
        "plot_loss": False,
        "report_to": "none",
        "include_num_input_tokens_seen": "non_padding",
    }


def test_golden_sft_with_adapters_on_one_cpu() -> None:
    lora = LoraConfig(rank=8, alpha=16, target=("q_proj", "v_proj"))
    found = render(recipe(objective="sft", tuning="lora", lora=lora, epochs=2.0), CPU, "/o/c-4")
    assert {key: found[key] for key in found if key.startswith("lora")} == {
        "lora_rank": 8,
        "lora_alpha": 16,
        "lora_dropout": 0.0,
        "lora_target": "q_proj,v_proj",
    }
    assert found["stage"] == found["dataset"] == "sft"
    assert found["use_cpu"] is True
    assert found["bf16"] is False
    assert found["num_train_epochs"] == 2.0
    assert found["resume_from_checkpoint"] == "/o/c-4"
    assert not {"pref_loss", "deepspeed", "max_steps", "template"} & {*found}


@pytest.mark.parametrize(
    ("objective", "loss"),
    [
        ("lcpo", "orpo"),
        ("simper", "orpo"),
        ("orpo", "orpo"),
        ("simpo", "simpo"),
        ("dpo", "sigmoid"),
        ("ipo", "ipo"),
    ],
)
def test_which_branch_of_upstream_takes_an_objective(objective: str, loss: str) -> None:
    found = render(recipe(objective=objective), CPU)
    assert found["pref_loss"] == loss
    assert ("simpo_gamma" in found) == (objective == "simpo")


def test_deepspeed_on_the_cpu_goes_without_use_cpu() -> None:
    two = dataclasses.replace(CPU, ranks=2)
    found = render(recipe(), two)
    assert found["deepspeed"]
    assert "use_cpu" not in found
    assert deepspeed_stage(recipe(deepspeed="none"), two) == 0
    assert render(recipe(deepspeed="none"), two)["use_cpu"] is True


def test_offload_brings_deepspeed_also_to_one_rank() -> None:
    assert deepspeed_stage(recipe(), CPU) == 0
    assert deepspeed_stage(recipe(offload=True), CPU) == 3
    assert "deepspeed" in render(recipe(offload=True), CPU)


def test_zero2_and_zero3() -> None:
    two, three = (deepspeed(recipe(), stage) for stage in (2, 3))
    assert two["zero_optimization"]["stage"] == 2
    assert not any(key.startswith("stage3") for key in two["zero_optimization"])
    assert three["zero_optimization"]["stage3_gather_16bit_weights_on_model_save"] is True
    assert two["train_batch_size"] == three["gradient_clipping"] == "auto"
    lent = deepspeed(recipe(offload=True), 3)["zero_optimization"]
    assert lent["offload_optimizer"]["device"] == lent["offload_param"]["device"] == "cpu"
    assert "offload_param" not in deepspeed(recipe(offload=True), 2)["zero_optimization"]


def test_a_batch_that_cannot_be_split_is_refused_with_the_number_that_can() -> None:
    with pytest.raises(UsageError, match="16 pairs cannot be split over 3 ranks") as caught:
        render(recipe(), dataclasses.replace(GPUS, ranks=3, nodes=1))
    assert "a multiple of 3" in caught.value.hint


def test_extra_is_passed_on_but_does_not_override() -> None:
    found = render(recipe(extra={"flash_attn": "fa2", "pref_ftx": 0.1}), CPU)
    assert (found["flash_attn"], found["pref_ftx"]) == ("fa2", 0.1)
    extra = {"learning_rate": 1.0, "save_total_limit": 3, "flash_attn": "fa2"}
    with pytest.raises(UsageError, match="learning_rate, save_total_limit"):
        render(recipe(extra=extra), CPU)


def test_extra_holds_no_key_that_any_recipe_sets() -> None:
    """One that another recipe sets would go round what is checked, planned and shown."""
    recipes = (
        recipe(steps=5, template="qwen"),
        recipe(objective="simpo", deepspeed="zero3"),
        recipe(objective="sft", tuning="lora", lora=LoraConfig(rank=8)),
    )
    keys = {key for one in recipes for key in render(one, CPU, "/o/checkpoint-1")}
    for key in sorted(keys | {"save_total_limit"}):
        with pytest.raises(UsageError, match=f"it sets itself: {key}"):
            render(recipe(extra={key: 1}), CPU)


def test_the_file_reads_back_as_the_same_settings() -> None:
    settings = render(recipe(template="qwen"), GPUS)
    assert settings["template"] == "qwen"
    assert yaml.safe_load(to_yaml(settings)) == settings
