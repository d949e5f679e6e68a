"""A suite's limits: margins finer than its noise, and too few clusters."""

from __future__ import annotations

from dataclasses import dataclass

from smallscale_ci.records.metric import Metric


@dataclass(frozen=True, slots=True)
class Holdable:
    """The margin of one task and metric that an unchanged model holds at the full budget."""

    task: str
    metric: Metric
    margin: float | None  # the policy's; None: not gated
    holds: float  # smallest margin that an unchanged model passes 95 times in 100
    reach: float = 0.0  # smallest margin that it passes half of the time

    @property
    def is_too_fine(self) -> bool:
        """Whether the policy asks for a finer margin than is held."""
        return self.margin is not None and self.margin < self.holds


@dataclass(frozen=True, slots=True)
class FewClusters:
    """A task whose problems are in too few clusters to PASS."""

    task: str
    problems: int
    clusters: int
    worth: float  # effective number: clusters of equal size that say as much
    needed: int  # clusters needed to know the errors between them


Limit = Holdable | FewClusters
