"""The metrics: the one table of what the gate compares."""

from __future__ import annotations

import math
from enum import StrEnum
from typing import Self, assert_never


class Scale(StrEnum):
    """A metric's kind of value per sample: it decides how runs are compared and margins given."""

    RATE = "rate"  # 0 or 1 per sample: compared by the difference of rates; margins are absolute
    LENGTH = "length"  # tokens per sample: compared by the log ratio of means; margins are relative


class Metric(StrEnum):
    """The metrics that the gate compares, one entry each; all code relies on these entries.

    An entry holds its name in files and margins, its scale, the sign of a change for the worse, the
    heading of its column, what reports say of a task in which it rose and fell (``{}`` is the
    amount), and whether it is ``core``: known for every run, and shown even if it is zero or
    not gated. ``gate/metric.py`` computes a sample's value.
    """

    scale: Scale
    worse: int
    heading: str
    risen: str
    fallen: str
    core: bool

    ACCURACY = (
        "accuracy",
        Scale.RATE,
        -1,
        "accuracy",
        "gained {} of accuracy",
        "lost {} of accuracy",
    )
    TOKENS = (
        "tokens",
        Scale.LENGTH,
        +1,
        "mean tokens",
        "thinks {} longer",
        "thinks {} shorter",
    )
    TRUNCATION = (
        "truncation",
        Scale.RATE,
        +1,
        "truncated",
        "hits the token limit {} more often",
        "hits the token limit {} less often",
    )

    THINKING = (
        "thinking",
        Scale.LENGTH,
        +1,
        "thinking tokens",
        "has {} more thinking before its answers",
        "has {} less thinking before its answers",
        False,
    )
    ANSWER = (
        "answer",
        Scale.LENGTH,
        +1,
        "answer tokens",
        "gives {} longer answers after its thinking",
        "gives {} shorter answers after its thinking",
        False,
    )
    LOOPING = (
        "looping",
        Scale.RATE,
        +1,
        "looping",
        "ends in a loop {} more often",
        "ends in a loop {} less often",
        False,
    )
    MISSING = (
        "missing",
        Scale.RATE,
        +1,
        "no answer",
        "gives no answer {} more often",
        "gives no answer {} less often",
        False,
    )

    def __new__(
        cls,
        value: str,
        scale: Scale,
        worse: int,
        heading: str,
        risen: str,
        fallen: str,
        core: bool = True,
    ) -> Self:
        """An entry of the table."""
        entry = str.__new__(cls, value)
        entry._value_ = value
        entry.scale, entry.worse, entry.heading = scale, worse, heading
        entry.risen, entry.fallen, entry.core = risen, fallen, core
        return entry

    def limit(self, margin: float) -> float:
        """``margin`` on the scale of differences: itself for a rate, else log(1 + margin)."""
        match self.scale:
            case Scale.RATE:
                return margin
            case Scale.LENGTH:
                return math.log1p(margin)
            case unknown:
                assert_never(unknown)

    def size(self, change: float) -> float:
        """The inverse of ``limit``: a difference in the unit of the margins."""
        match self.scale:
            case Scale.RATE:
                return change
            case Scale.LENGTH:
                return math.expm1(change) if change < 100 else math.inf
            case unknown:
                assert_never(unknown)
