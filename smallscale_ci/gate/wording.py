"""What the gate says, in sentences that a person who knows no statistics can act on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import assert_never

from scipy import special

from smallscale_ci.config.models import GatePolicy
from smallscale_ci.gate.pairing import TaskPair
from smallscale_ci.records import Accounting, Check, Difference, Metric, Scale, VerdictKind
from smallscale_ci.stats.contrast import FEW_CLUSTERS

_POWER = 0.9  # the chance to pass that advice about sizes aims at


def reasons(kind: VerdictKind, checks: Sequence[Check]) -> tuple[str, ...]:
    """The verdict's reasons, the most important first."""
    gated = [check for check in checks if check.gated]
    if kind is VerdictKind.PASS:
        decisive = [check for check in gated if not check.guard]
        if all(check.identical for check in decisive):
            return ("Every sample reproduces the baseline exactly, in outcome and in tokens.",)
        return tuple(_held(check) for check in decisive)
    worst_first = sorted(gated, key=_severity, reverse=True)
    regressed = [_worse(c) for c in worst_first if c.kind is VerdictKind.REGRESSED]
    open_checks = [
        _undecided(c) for c in worst_first if c.kind is VerdictKind.INCONCLUSIVE and not c.guard
    ]
    return tuple(regressed + open_checks)


def advice(check: Check, look: int, of: int) -> str:
    """What would have made an inconclusive check conclusive; empty for the others."""
    if check.kind is not VerdictKind.INCONCLUSIVE or not check.gated:
        return ""
    if check.lost_decide:
        return (
            f"It would pass if the {_count(check.lost, 'sample')} that ERRORED or are missing were "
            "like the others: find out why they failed, and generate them again."
        )
    clusters = check.estimate.clusters
    if clusters < min(FEW_CLUSTERS, check.estimate.n):
        return (
            f"The {check.estimate.n:,} problems are in {_count(clusters, 'cluster')}: more of the "
            f"same clusters hardly help, {FEW_CLUSTERS} clusters or more do."
        )
    parts = []
    reached = _reach(check)
    if check.margin < reached <= 1:
        parts.append(f"A margin of {_size(check.metric, reached * 1.005, up=True)} would pass.")
    needed = _problems_needed(check)
    if needed > check.estimate.n:
        parts.append(
            f"An unchanged model passes this margin 9 times in 10 with about {needed:,} problems "
            f"like these (now {check.estimate.n:,})."
        )
    if look < of:
        parts.append(f"{_count(of - look, 'more look')} may decide it.")
    return " ".join(parts) or "More epochs may decide it."


def notes(
    pairs: Sequence[TaskPair],
    accounting: Accounting,
    policy: GatePolicy,
    differences: Sequence[Difference],
    reproduced: bool,
) -> tuple[str, ...]:
    """What is said loudly about the comparison as a whole, whatever the verdict."""
    said = []
    if reproduced:
        said.append(
            "The baseline is reproduced exactly: every sample agrees in outcome and tokens."
        )
    allowed = [difference.key for difference in differences if difference.allowed]
    if allowed:
        said.append(f"Allowed by the policy to differ: {', '.join(allowed)}.")
    errored = accounting.outcomes.get("ERRORED", 0)
    if errored:
        said.append(
            f"{_count(errored, 'sample')} ERRORED: left out of the levels, counted as the worse "
            "outcome before anything passes."
        )
    missing = accounting.planned - sum(accounting.outcomes.values())
    if missing > 0:
        said.append(f"{_count(missing, 'planned sample')} missing.")
    if accounting.unpaired:
        said.append(
            f"{_count(accounting.unpaired, 'problem')} on one side only, left out of comparisons."
        )
    unjudged = sum(pair.unjudged for pair in pairs)
    if unjudged:
        said.append(f"{_count(unjudged, 'problem')} ERRORED throughout on one side, left out.")
    unknown = sorted(set(policy.task_margins) - {pair.task for pair in pairs})
    if unknown:
        said.append(f"The policy has margins for tasks that are not here: {', '.join(unknown)}.")
    return tuple(said)


def check_notes(checks: Sequence[Check], policy: GatePolicy) -> tuple[str, ...]:
    """Changes that do not decide the verdict: gains, and losses in what is not gated."""
    said = []
    for check in checks:
        if not check.gated and check.p_value <= policy.alpha_fail:
            said.append(f"{_change(check)}; the policy does not gate this.")
        elif check.gated and check.kind is VerdictKind.PASS and _gained(check):
            said.append(f"{_change(check)}: better than the baseline.")
        elif check.kind is VerdictKind.PASS and check.p_value <= policy.alpha_fail:
            said.append(f"{_change(check)}: a real change, but within the margin.")
    return tuple(said)


def flip_notes(count: int, listed: int) -> tuple[str, ...]:
    """That there are more flips than the verdict lists."""
    if count == listed:
        return ()
    return (f"{_count(count, 'problem')} flipped: the {listed:,} largest changes are listed.",)


def not_comparable(differences: Sequence[Difference]) -> list[str]:
    """One sentence for each difference that the policy does not allow."""
    return [
        f"The runs are not comparable: {d.key} is {d.candidate} here and {d.baseline} in the "
        "baseline."
        for d in differences
        if not d.allowed
    ]


def one_sided_tasks(candidate: Sequence[str], baseline: Sequence[str]) -> list[str]:
    """One sentence for each task that only one side has."""
    lacking = [f"The candidate has no samples of task {t}." for t in baseline if t not in candidate]
    extra = [f"The baseline has no samples of task {t}." for t in candidate if t not in baseline]
    return lacking + extra


def too_few_judged(accounting: Accounting, policy: GatePolicy) -> str:
    """The run as a whole lacks too many samples."""
    return (
        f"Only {accounting.judged:,} of {_count(accounting.planned, 'planned sample')} were judged "
        f"({_percent(accounting.judged / accounting.planned)}; the policy asks for "
        f"{_percent(policy.min_judged)}): "
        f"{accounting.outcomes.get('ERRORED', 0):,} ERRORED, "
        f"{max(accounting.planned - sum(accounting.outcomes.values()), 0):,} missing."
    )


def task_judged(pair: TaskPair, missing: int, expected: int) -> str:
    """One task lacks too many samples."""
    return f"{pair.task} lacks {missing:,} of {_count(expected, 'sample')}, ERRORED or missing."


def baseline_judged(pair: TaskPair, errored: int) -> str:
    """The baseline itself holds too many ERRORED samples."""
    return (
        f"The baseline's {pair.task} has {errored:,} ERRORED of "
        f"{_count(pair.baseline_samples, 'sample')}: record it again."
    )


def too_many_unpaired(pair: TaskPair) -> str:
    """The two sides do not have the same problems."""
    return (
        f"{pair.task}: {pair.unpaired:,} of {_count(pair.problems, 'problem')} "
        "are on one side only: the runs do not hold the same problems."
    )


def nothing_paired(task: str) -> str:
    """No problem was judged on both sides."""
    return f"{task} has no problem that was judged on both sides."


def unknown_metric(metric: Metric, sides: Sequence[str], policy: GatePolicy) -> str:
    """A side does not tell what the policy gates."""
    who = "neither side records it" if len(sides) > 1 else f"the {sides[0]} does not record it"
    return (
        f"The policy {policy.name} gates {metric.value}, and {who}: use a policy without that "
        "margin (accuracy, for one)."
    )


def nothing_gated(policy: GatePolicy) -> str:
    """All margins are off."""
    return f"The policy {policy.name} gates nothing: give at least one metric a margin."


def _worse(check: Check) -> str:
    task, margin = check.task, _size(check.metric, check.margin)
    phrase = check.metric.risen if check.estimate.value > 0 else check.metric.fallen
    happened = phrase.format(f"{_amount(check)} {_unit(check.metric)}")
    before, after = (_level(check.metric, v) for v in (check.baseline, check.candidate))
    if check.tolerated:
        margin = f"{margin}, tolerated {_size(check.metric, check.tolerated)}"
    return f"{task} {happened} (from {before} to {after}; margin {margin})."


def _undecided(check: Check) -> str:
    reached = _size(check.metric, _reach(check), up=True)
    margin = _size(check.metric, check.margin)
    what = "change" if check.band else "loss" if check.metric.worse < 0 else "rise"
    lost = f", {_count(check.lost, 'lost sample')} at their worst" if check.lost_decide else ""
    return (
        f"{_change(check)}: too close to call, a {what} of {reached} cannot be excluded{lost} "
        f"(margin {margin})."
    )


def _held(check: Check) -> str:
    if check.identical:
        return f"{check.task} {check.metric.value} is reproduced exactly."
    return f"{_change(check)}: within the margin of {_size(check.metric, check.margin)}."


def _change(check: Check) -> str:
    """``math accuracy went from 41.3 % to 40.1 % (−1.2 points)``."""
    before, after = (_level(check.metric, v) for v in (check.baseline, check.candidate))
    sign = "+" if check.estimate.value > 0 else "−"
    amount = _amount(check)
    if amount == "0.0":
        return f"{check.task} {check.metric.value} is unchanged at {after}"
    return (
        f"{check.task} {check.metric.value} went from {before} to {after} ({sign}{amount} "
        f"{_unit(check.metric)})"
    )


def _amount(check: Check) -> str:
    value = check.estimate.value
    if check.metric.scale is Scale.LENGTH:
        value = math.expm1(value)
    return f"{100 * abs(value):.1f}"


def _severity(check: Check) -> float:
    """Loss in margins."""
    moved = check.estimate.value * check.metric.worse
    return (abs(moved) if check.band else moved) / check.metric.limit(check.margin)


def _reach(check: Check) -> float:
    """The largest loss that is not excluded, in the unit of the margin; in a band, change."""
    ends = {+1: check.estimate.high, -1: -check.estimate.low}
    reached = max(ends.values()) if check.band else ends[check.metric.worse]
    match check.metric.scale:
        case Scale.RATE:
            return reached
        case Scale.LENGTH:
            return math.expm1(reached) if reached < 100 else math.inf
        case unknown:
            assert_never(unknown)


def _gained(check: Check) -> bool:
    estimate = check.estimate
    return not check.band and (estimate.low > 0 if check.metric.worse < 0 else estimate.high < 0)


def _problems_needed(check: Check) -> int:
    """Problems of this kind with which an unchanged model would pass with chance ``_POWER``."""
    margin = check.metric.limit(check.margin)
    level, estimate = check.pass_boundary, check.estimate
    needed = math.log(level) / math.log1p(-min(margin, 0.99))  # with no change at all
    if check.discordant and math.isfinite(estimate.high - estimate.low):
        quantile = -float(special.ndtri(level))
        error = (estimate.high - estimate.low) / (2 * quantile)
        total = quantile + float(special.ndtri(_POWER))
        needed = max(needed, estimate.n * (total * error / margin) ** 2)
    unit = int(math.pow(10, max(len(str(int(needed))) - 2, 0)))  # two digits are enough
    return math.ceil(needed / unit) * unit


def _size(metric: Metric, value: float, *, up: bool = False) -> str:
    """A margin or a loss: ``2 points``, ``5 %``; ``up`` rounds up, so that it stays a bound."""
    if not math.isfinite(value):
        return "any size"
    shown = math.ceil(1000 * value - 1e-6) / 10 if up else 100 * value
    unit = "point" if metric.scale is Scale.RATE and shown == 1 else _unit(metric)
    return f"{shown:.3g} {unit}"


def _unit(metric: Metric) -> str:
    return "points" if metric.scale is Scale.RATE else "%"


def _level(metric: Metric, value: float) -> str:
    return _percent(value) if metric.scale is Scale.RATE else _tokens(value)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _tokens(value: float) -> str:
    """As the reports' tables show it."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
