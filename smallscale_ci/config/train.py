"""Training recipes, ``configs/train/NAME.yaml``: data and constraints, no behaviour."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from smallscale_ci.config.base import Config, Fraction, Name, NamedConfig, Positive

Count = Annotated[int, Field(ge=1)]

REFERENCE_FREE = ("lcpo", "simpo", "orpo", "simper", "sft")  # objectives without a reference model


class LoraConfig(Config):
    """Low-rank adapters, merged into the weights when training ends."""

    rank: Annotated[int, Field(ge=1, le=1024)] = 16
    alpha: Count = 32
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    target: tuple[Name, ...] = ("all",)  # names of modules, or "all" linear ones


class TrainContainer(Config):
    """What the training container may use."""

    image: Name | None = None  # in docker/images.lock.yaml; None: train, or train-cpu without GPUs
    memory_gib: Positive | None = None  # None: nine tenths of the machine's
    shm_gib: Positive = 16.0
    deadline_h: Positive = 72.0


class TrainRecipe(NamedConfig):
    """``configs/train/NAME.yaml``: how a candidate is trained on preference pairs."""

    folder: ClassVar[str] = "train"
    kind: ClassVar[str] = "train recipe"

    objective: Literal["lcpo", "dpo", "simpo", "orpo", "ipo", "simper", "sft"]
    tuning: Literal["full", "lora"] = "full"
    lora: LoraConfig = LoraConfig()
    beta: Positive = 0.1  # strength of the preference; not used by simper and sft
    gamma: Annotated[float, Field(ge=0)] = 0.5  # simpo: the target margin between the rewards

    learning_rate: Positive = 5e-6
    schedule: Literal["cosine", "linear", "constant", "constant_with_warmup"] = "cosine"
    warmup: Annotated[float, Field(ge=0, lt=1)] = 0.1  # share of the steps
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    max_grad_norm: Positive = 1.0
    epochs: Positive = 1.0  # passes over the pairs, unless steps is given
    steps: Count | None = None
    batch_size: Count = 16  # pairs of one step, over all ranks
    micro_batch: Count = 1  # pairs that one rank holds at once
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 42

    cutoff_len: Annotated[int, Field(ge=16)] = 2300  # tokens of prompt and answer
    max_cut: Fraction = 0.05  # share of pairs that may be cut or dropped for it
    template: str = "checkpoint"  # or one that LLaMA-Factory knows by name
    precision: Literal["auto", "bf16", "fp32"] = "auto"  # auto: bf16 on GPUs
    # auto: zero3 for several ranks or with offload
    deepspeed: Literal["auto", "none", "zero2", "zero3"] = "auto"
    offload: bool = False  # DeepSpeed: optimiser (and with zero3 weights) in the host's memory
    gradient_checkpointing: bool = True

    save_steps: Count = 25
    keep: Annotated[int, Field(ge=1, le=100)] = 1  # newest checkpoints to keep for --resume
    environment: Name = "train-cpu"  # local: .envs/NAME
    container: TrainContainer = TrainContainer()
    extra: dict[str, Any] = Field(default_factory=dict)  # LLaMA-Factory's own keys

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> TrainRecipe:
        if self.batch_size % self.micro_batch:
            raise ValueError(
                f"batch_size {self.batch_size} is not a multiple of micro_batch {self.micro_batch}"
            )
        # A recipe that is written back holds every default, so only another value is a
        # contradiction.
        fields = type(self).model_fields
        if self.lora != LoraConfig() and self.tuning != "lora":
            raise ValueError("lora is given, but tuning is full; say tuning: lora")
        if self.gamma != fields["gamma"].default and self.objective != "simpo":
            raise ValueError("gamma is an option of simpo only")
        if self.beta != fields["beta"].default and self.objective in {"simper", "sft"}:
            raise ValueError(f"{self.objective} has no beta")
        if self.offload and self.deepspeed == "none":
            raise ValueError("offload is DeepSpeed's, and deepspeed is none")
        return self
