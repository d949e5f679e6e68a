"""Grids, ``configs/grids/NAME.yaml``: which candidates are trained on one sample of answers."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator

from smallscale_ci.config.base import Config, Fraction, Name, NamedConfig, Positive
from smallscale_ci.config.train import Count

Seed = Annotated[int, Field(ge=0, lt=2**31)]


class GridArm(Config):
    """One recipe at several learning rates; whatever is not given comes from the recipe."""

    recipe: Annotated[str, Field(min_length=1)]  # a name, or a file beside the grid's
    name: Name | None = None  # its name in reports; None: the recipe's name
    learning_rates: tuple[Positive, ...] = ()
    seeds: tuple[Seed, ...] = ()  # of the training; empty: the grid's
    changes: dict[Name, Any] = Field(default_factory=dict)  # other values of the recipe


class GridConfig(NamedConfig):
    """``configs/grids/NAME.yaml``: the candidates to train, evaluate and choose from."""

    folder: ClassVar[str] = "grids"
    kind: ClassVar[str] = "grid"

    members: Annotated[tuple[GridArm, ...], Field(min_length=1)]
    seeds: tuple[Seed, ...] = ()  # of every member's training; empty: the recipe's own
    # Chosen is the shortest among those whose accuracy is lower than the parent's by at most this.
    max_loss: Fraction = 0.01
    side_by_side: Count = 1  # members at the same time; GPUs are shared out among them

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> GridConfig:
        for arm in self.members:
            taken = {"name", "seed", "learning_rate"} & {*arm.changes}
            if taken:
                raise ValueError(
                    f"changes of {arm.recipe} hold {', '.join(sorted(taken))}; use name, seeds and "
                    "learning_rates"
                )
        return self
