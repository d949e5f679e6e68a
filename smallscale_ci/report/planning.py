"""The results of ``plan`` and ``calibrate`` as tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol, assert_never

from smallscale_ci.records import FewClusters, Holdable, Limit, Metric
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


_MOSTLY = "holds 95 times in 100"
_WORST = {  # names of the worst samples by metric
    Metric.ACCURACY: "wrong answers",
    Metric.TOKENS: "longest answers",
    Metric.TRUNCATION: "truncated answers",
    Metric.THINKING: "longest thoughts",
    Metric.ANSWER: "longest answers",
    Metric.LOOPING: "looping answers",
    Metric.MISSING: "answers without a result",
}
_OPEN = 0.1  # share of unchanged models that may end undecided without a warning
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
    lost = f", {_WORST[outcomes.metric]} ERRORED" if getattr(outcomes, "errored", False) else ""
    return f"{outcomes.metric.value}, {outcomes.loss:g} × margin{few}{lost}"


def plan_warnings(plan: Any) -> tuple[str, ...]:
    """Warnings before a run: an unchanged model's chances, margins and clusters."""
    found = []
    if not plan.detectable:
        found.append(f"The policy {plan.policy} gates nothing.")
    if not plan.can_pass:
        found.append(
            f"An unchanged model would pass only {100 * plan.passed.value:.0f} times in 100: "
            "widen the margins, add problems or allow more epochs."
        )
    elif plan.inconclusive.value > _OPEN:
        found.append(
            f"{100 * plan.inconclusive.value:.0f} of 100 runs of an unchanged model end undecided."
        )
    return (*found, *map(limit, plan.limits))


def limit(found: Limit) -> str:
    """A sentence for a limit of a suite."""
    match found:
        case Holdable(task, metric, margin, holds, reach):
            unit = formats.unit(metric)
            rarely = margin is not None and margin < reach
            can = "can hold: an unchanged model would rarely PASS" if rarely else _MOSTLY
            asked, enough = formats.figures(100 * (margin or 0), 3), formats.figures(100 * holds, 2)
            return (
                f"{task} {metric.value}: the margin of {asked}{unit} is finer than this suite "
                f"{can}; about {enough}{unit} is."
            )
        case FewClusters(task, problems, clusters, worth, needed):
            uneven = f", worth {worth:.1f} of equal size" if worth < clusters - 0.5 else ""
            only = "only " if clusters < needed else ""
            return (
                f"{task}: {problems:,} problems in {only}{formats.count(clusters, 'cluster')}"
                f"{uneven}. "
                "Errors are counted by cluster, so PASS needs margins far wider than with "
                f"{needed} clusters or more, and REGRESSED is based on the noise between epochs: "
                "it says that this suite regressed, not that others like it would."
            )
        case unknown:
            assert_never(unknown)


def complaints(calibration: Any) -> tuple[str, ...]:
    """A sentence for each level that is not kept."""
    looks = calibration.looks
    over = f" over up to {looks} epochs" if looks > 1 else ""
    found = []
    for scenario in (scenario for scenario in calibration.scenarios if not scenario.holds):
        if not scenario.loss:
            rate, limit = scenario.regressed, calibration.alpha_fail
            what = "An unchanged model is REGRESSED"
        else:
            rate, limit = scenario.passed, calibration.alpha_pass
            where = " in few problems" if scenario.concentrated else ""
            if scenario.errored:
                where = f", with {_WORST[scenario.metric]} ERRORED,"
            loss = f"{scenario.loss:g} margin{'' if scenario.loss == 1 else 's'}"
            what = f"A model worse by {loss} of {scenario.metric.value}{where} PASSes"
        found.append(
            f"{what} in {formats.rate(rate.value)} of {scenario.trials:,} trials (at least "
            f"{formats.rate(rate.low)}), more than the {100 * limit:.3g}% that the policy "
            f"promises{over}."
        )
    return tuple(found)


def margin_rows(holdable: Sequence[Any]) -> Rows:
    """Rows of task, metric, the policy's margin, and the margin that this budget holds."""
    return [
        (
            item.task,
            item.metric.value,
            "not gated"
            if item.margin is None
            else f"{formats.figures(100 * item.margin, 3)}{unit}",
            f"{formats.figures(100 * item.holds, 2)}{unit}",
        )
        for item in holdable
        for unit in (formats.unit(item.metric),)
    ]


def detectable_rows(detectable: dict[str, float | None]) -> Rows:
    """Rows of metric and the smallest loss, in margins, that is found 8 times in 10."""
    return [
        (metric, "more than was simulated" if loss is None else f"{loss:.2f} margins")
        for metric, loss in detectable.items()
    ]
