"""What ``plan`` and ``calibrate`` found, as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from smallscale_ci.records import Metric
from smallscale_ci.report import formats

Rows = list[tuple[str, ...]]


class Share(Protocol):
    """How often something happened, with its interval."""

    @property
    def value(self) -> float: ...  # noqa: D102
    @property
    def low(self) -> float: ...  # noqa: D102
    @property
    def high(self) -> float: ...  # noqa: D102


class Outcomes(Protocol):
    """Chances of one kind of candidate: ``loss`` margins worse in ``metric``."""

    @property
    def metric(self) -> Metric | None: ...  # noqa: D102
    @property
    def loss(self) -> float: ...  # noqa: D102
    @property
    def passed(self) -> Share: ...  # noqa: D102
    @property
    def regressed(self) -> Share: ...  # noqa: D102
    @property
    def epochs(self) -> float: ...  # noqa: D102


COLUMNS = ("true change", "PASS", "REGRESSED", "epochs")


def chance(share: Share) -> str:
    """``98.0% [96.1, 99.1]``."""
    return f"{formats.rate(share.value)} [{100 * share.low:.1f}, {100 * share.high:.1f}]"


def outcome_rows(outcomes: Iterable[Outcomes]) -> Rows:
    """One row for each kind of candidate, under ``COLUMNS``."""
    return [
        (
            _change(o),
            chance(o.passed),
            chance(o.regressed),
            f"{o.epochs:.2f}",
        )
        for o in outcomes
    ]


def _change(outcomes: Outcomes) -> str:
    if not outcomes.metric:
        return "none"
    few = ", in few problems" if getattr(outcomes, "concentrated", False) else ""
    return f"{outcomes.metric.value}, {outcomes.loss:g} × margin{few}"


def margin_rows(holdable: Sequence[Any]) -> Rows:
    """Task, metric, the policy's margin, and the margin that this budget holds."""
    return [
        (
            item.task,
            item.metric.value,
            "not gated" if item.margin is None else f"{100 * item.margin:.3g}%",
            f"{100 * item.holds:.2g}%",
        )
        for item in holdable
    ]


def detectable_rows(detectable: dict[str, float | None]) -> Rows:
    """Metric and the smallest loss, in margins, that is found 8 times in 10."""
    return [
        (metric, "more than was simulated" if loss is None else f"{loss:.2f} margins")
        for metric, loss in detectable.items()
    ]
