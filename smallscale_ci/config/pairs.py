"""How preference pairs are chosen, as a frozen model: options of ``pairs`` and ``candidate``."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import Field, model_validator

from smallscale_ci.config.models import Config, Fraction

SHORTEST: Final = "shortest-correct-vs-longest"
CORRECT: Final = "correct-vs-wrong"

Difficulty = Literal["easy", "medium", "hard"]


class PairPolicy(Config):
    """Which two answers of which problems make a pair; the same samples give the same pairs.

    The difficulty of a problem is its solve rate: easy from ``easy_from`` on, medium from
    ``medium_from`` on, else hard.
    """

    policy: Literal["shortest-correct-vs-longest", "correct-vs-wrong"] = SHORTEST
    difficulty: Annotated[tuple[Difficulty, ...], Field(min_length=1)] = ("easy",)
    easy_from: Fraction = 1.0
    medium_from: Fraction = 0.5
    min_samples: Annotated[int, Field(ge=2)] = 4  # judged samples that a solve rate needs
    per_problem: Annotated[int, Field(ge=1)] = 1
    max_pairs: Annotated[int, Field(ge=1)] | None = None  # a seeded choice of so many
    min_pairs: Annotated[int, Field(ge=1)] = 16  # fewer are an error
    min_ratio: Annotated[float, Field(ge=1)] = 1.0  # tokens of the longer answer / of the shorter
    max_ratio: Annotated[float, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None  # longer answers are left out
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0

    @model_validator(mode="after")
    def _does_not_contradict_itself(self) -> PairPolicy:
        if self.medium_from > self.easy_from:
            raise ValueError("medium_from is above easy_from")
        if self.max_ratio is not None and self.max_ratio < self.min_ratio:
            raise ValueError("max_ratio is below min_ratio")
        if self.max_pairs is not None and self.max_pairs < self.min_pairs:
            raise ValueError("max_pairs is below min_pairs")
        if self.policy == CORRECT and self.difficulty == ("easy",) and self.easy_from == 1:
            raise ValueError(
                "correct-vs-wrong needs medium or hard problems: easy ones lack errors"
            )
        return self
