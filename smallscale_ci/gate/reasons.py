"""The reasons for a verdict, and what would have changed it: values, not words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from scipy import special

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.gate.metric import margin_of
from smallscale_ci.gate.pairing import TaskPair
from smallscale_ci.records import (
    Accounting,
    Advice,
    Check,
    Difference,
    Outcome,
    Reason,
    ReasonKind,
    VerdictKind,
)
from smallscale_ci.run.samples import Samples
from smallscale_ci.stats.contrast import FEW_CLUSTERS

_POWER = 0.9  # chance to pass at which the advice about sizes aims
_HOPELESS = 100  # times the problems: beyond it, advise more clusters instead


def deciding(kind: VerdictKind, checks: Sequence[Check]) -> tuple[Reason, ...]:
    """The checks that led to the verdict ``kind``, the most important first."""
    gated = [check for check in checks if check.gated]
    if kind is VerdictKind.PASS:
        decisive = [check for check in gated if not check.guard]
        if all(check.identical for check in decisive):
            return (Reason(ReasonKind.REPRODUCED),)
        return tuple(_of(check) for check in decisive)
    worst_first = sorted(gated, key=lambda c: c.moved / c.metric.limit(c.margin), reverse=True)
    regressed = [_of(c) for c in worst_first if c.kind is VerdictKind.REGRESSED]
    still_open = [_of(c) for c in worst_first if c.kind is VerdictKind.INCONCLUSIVE and not c.guard]
    return tuple(regressed + still_open)


def obstacles(
    candidate: Samples,
    baseline: Samples,
    pairs: Sequence[TaskPair],
    accounting: Accounting,
    policy: GatePolicy,
    differences: Sequence[Difference],
) -> tuple[Reason, ...]:
    """Why no verdict is possible; empty when one is."""
    found = [*not_comparable(differences)]
    mine, theirs = candidate.tasks, baseline.tasks
    found += [Reason(ReasonKind.NOT_IN_CANDIDATE, t) for t in theirs if t not in mine]
    found += [Reason(ReasonKind.NOT_IN_BASELINE, t) for t in mine if t not in theirs]
    lost = 1 - policy.min_judged
    if accounting.planned - accounting.judged > allowance(lost, accounting.planned):
        found.append(Reason(ReasonKind.TOO_FEW_JUDGED, share=policy.min_judged))
    for pair in pairs:
        found += _of_task(pair, lost)
    sides = (("candidate", candidate.unknown), ("baseline", baseline.unknown))
    for metric in sorted(candidate.unknown | baseline.unknown):
        if any(margin_of(policy, pair.task, metric) is not None for pair in pairs):
            silent = tuple(name for name, unknown in sides if metric in unknown)
            found.append(Reason(ReasonKind.UNKNOWN_METRIC, metric=metric, names=silent))
    if pairs and not any(policy.task_margins.get(p.task, policy.margins).any() for p in pairs):
        found.append(Reason(ReasonKind.NOTHING_GATED))
    return tuple(dict.fromkeys(found))


def not_comparable(differences: Sequence[Difference]) -> tuple[Reason, ...]:
    """One for each difference that the policy does not allow."""
    return tuple(
        Reason(ReasonKind.INCOMPARABLE, names=(d.key,)) for d in differences if not d.allowed
    )


def notes(
    pairs: Sequence[TaskPair],
    accounting: Accounting,
    policy: GatePolicy,
    differences: Sequence[Difference],
    reproduced: bool,
    shared: float,
) -> tuple[Reason, ...]:
    """Notes on the comparison as a whole, whatever the verdict."""
    found = [Reason(ReasonKind.REPRODUCED)] if reproduced else []
    found += [Reason(ReasonKind.SHARED_DRAWS, share=shared)] if shared else []
    allowed = tuple(difference.key for difference in differences if difference.allowed)
    unknown = tuple(sorted(set(policy.task_margins) - {pair.task for pair in pairs}))
    counts = {
        ReasonKind.ERRORED: accounting.outcomes.get(Outcome.ERRORED, 0),
        ReasonKind.MISSING: accounting.missing,
        ReasonKind.ONE_SIDED: accounting.unpaired,
        ReasonKind.UNJUDGED: sum(pair.unjudged for pair in pairs),
    }
    found += [Reason(ReasonKind.ALLOWED, names=allowed)] if allowed else []
    found += [Reason(kind, count=count) for kind, count in counts.items() if count > 0]
    found += [Reason(ReasonKind.UNKNOWN_TASKS, names=unknown)] if unknown else []
    return tuple(found)


def check_notes(checks: Sequence[Check], policy: GatePolicy) -> Iterator[Reason]:
    """Changes that do not decide the verdict: gains, and losses in metrics that are not gated."""
    for check in checks:
        if not check.gated and check.p_value <= policy.alpha_fail:
            yield _of(check, ReasonKind.NOT_GATED)
        elif check.gated and check.kind is VerdictKind.PASS and _gained(check):
            yield _of(check, ReasonKind.BETTER)
        elif check.kind is VerdictKind.PASS and check.p_value <= policy.alpha_fail:
            yield _of(check, ReasonKind.REAL_BUT_SMALL)


def advised(checks: Sequence[Check], left: int, *, futile: bool) -> tuple[Check, ...]:
    """``checks``, the open ones with advice on what would have made them conclusive.

    ``left`` is the number of looks to come; ``futile`` says that they would not decide the run.
    """
    return tuple(replace(check, advice=_advice(check, left, futile=futile)) for check in checks)


def _advice(check: Check, left: int, *, futile: bool) -> Advice | None:
    if check.kind is not VerdictKind.INCONCLUSIVE or not check.gated:
        return None
    clusters, problems = check.estimate.clusters, check.estimate.n
    reached, needed = check.reach, _problems_needed(check)
    few = clusters < FEW_CLUSTERS or needed > _HOPELESS * problems
    if not check.lost_decide and clusters < problems and few:
        return Advice(clusters=FEW_CLUSTERS)
    # Do not advise a wider margin for a model that seems to be worse.
    wider = check.margin < reached < 1 and not check.seems_worse
    found = Advice(
        margin=reached * 1.005 if wider else 0.0,
        problems=needed if needed > problems else 0,
        looks=0 if futile else left,
    )
    return None if futile and found == Advice() else found


def _of(check: Check, kind: ReasonKind = ReasonKind.CHECK) -> Reason:
    return Reason(kind, check.task, check.metric)


def _of_task(pair: TaskPair, lost: float) -> Iterator[Reason]:
    # A small task may lose one sample if the share allows any, or it could never pass.
    if pair.unpaired > allowance(lost, pair.problems):
        yield Reason(ReasonKind.UNPAIRED, pair.task, count=pair.unpaired, of=pair.problems)
    missing = pair.lost - pair.absent * pair.candidate_epochs  # absent ones are unpaired
    expected = pair.candidate_judged + missing
    if missing > allowance(lost, expected):
        yield Reason(ReasonKind.TASK_LACKS, pair.task, count=missing, of=expected)
    errored, of = pair.baseline_samples - pair.baseline_judged, pair.baseline_samples
    if errored > allowance(lost, of):
        yield Reason(ReasonKind.BASELINE_ERRORED, pair.task, count=errored, of=of)
    if not len(pair.problem_ids):
        yield Reason(ReasonKind.NOTHING_PAIRED, pair.task)


def allowance(share: float, total: int) -> int:
    """How many of ``total`` may be lost if ``share`` of them may."""
    return math.ceil(share * total - 1e-9)


def _gained(check: Check) -> bool:
    estimate = check.estimate
    return not check.band and (estimate.low > 0 if check.metric.worse < 0 else estimate.high < 0)


def _problems_needed(check: Check) -> int:
    """How many such problems an unchanged model needs to pass with chance ``_POWER``."""
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
