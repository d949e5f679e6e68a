"""Pair policies, ``configs/pairs/NAME.yaml``: which preference pairs are made from a run."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import Field, model_validator

from smallscale_ci.config.base import Fraction, Name, NamedConfig

SHORTEST: Final = "shortest-correct-vs-longest"
CORRECT: Final = "correct-vs-wrong"

Difficulty = Literal["easy", "medium", "hard"]


def _fewest(before: dict[str, Any]) -> int:
    """The fewest pairs worth training on, or ``max_pairs`` if that is less."""
    return min(16, before.get("max_pairs") or 16)


def _medium(before: dict[str, Any]) -> float:
    return min(0.5, float(before.get("easy_from", 1.0)))


class PairPolicy(NamedConfig):
    """Which two answers of which problems make a pair; the same samples give the same pairs.

    The difficulty of a problem is its solve rate: easy from ``easy_from`` on, medium from
    ``medium_from`` on, else hard.
    """

    folder: ClassVar[str] = "pairs"
    kind: ClassVar[str] = "pair policy"

    name: Name = "lcpo"
    policy: Literal["shortest-correct-vs-longest", "correct-vs-wrong"] = SHORTEST
    difficulty: Annotated[tuple[Difficulty, ...], Field(min_length=1)] = ("easy",)
    easy_from: Fraction = 1.0
    medium_from: Fraction = Field(default_factory=_medium)  # 0.5, or easy_from if that is less
    min_samples: Annotated[int, Field(ge=2)] = 4  # judged samples needed for a solve rate
    per_problem: Annotated[int, Field(ge=1)] = 1
    max_pairs: Annotated[int, Field(ge=1)] | None = None  # chosen at random, with the policy's seed
    # Fewer are an error: 16, or max_pairs if that is less.
    min_pairs: int = Field(ge=1, default_factory=_fewest)
    min_ratio: Annotated[float, Field(ge=1)] = 1.0  # tokens of the longer answer / of the shorter
    max_ratio: Annotated[float, Field(ge=1)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None  # longer answers are left out
    seed: Annotated[int, Field(ge=0, lt=2**31)] = 0
    # Training problems that are also in an evaluation suite: an error, or left out.
    leaks: Literal["refuse", "drop"] = "refuse"
    # Two problems count as the same from this share of common word triples, or words.
    leak_threshold: Annotated[float, Field(ge=0.3, le=1)] = 0.8

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
