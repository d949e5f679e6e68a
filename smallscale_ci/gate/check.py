"""One check: a task and a metric, tested at this look's levels."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.gate.metric import contrast, is_band, margin_of, p_within, p_worse
from smallscale_ci.gate.pairing import TaskPair
from smallscale_ci.records import Check, Estimate, Metric, Scale, VerdictKind
from smallscale_ci.stats.contrast import FEW_CLUSTERS, Contrast
from smallscale_ci.stats.epochs import exact_tail, fixed, paired_error
from smallscale_ci.stats.jumps import hidden, jumped, unseen, with_jumps

TENFOLD = 10.0  # the growth of a problem whose answers ramble
# If only twins are compared, differences are few, and at the margin nearly all are losses: 6.6%
# passed the t test there. The bounded test is exact and needs no correction.
TWINS = 0.75  # of the pass test's level, which keeps the 5%
_CHECKS = 10  # that share the fail test's level, about


def check_of(
    pair: TaskPair,
    metric: Metric,
    policy: GatePolicy,
    level: tuple[float, float],
    describe: bool,
    *,
    part: bool,
    final: bool,
) -> Check:
    """The check of ``metric`` without its verdict; ``level`` holds the pass and the fail test's.

    Without ``describe`` there is no interval, and only deciding values are exact. ``part`` says
    that the look is within the first epoch, ``final`` that no other follows.
    """
    pass_level, fail_level = level
    candidate, baseline = (side.means[metric] for side in (pair.candidate, pair.baseline))
    margin, band = margin_of(policy, pair.task, metric), is_band(policy, metric)
    tolerated = policy.tolerated * (margin or 0.0)
    change = _change(pair, metric)
    worst = change if pair.worst is None else _change(pair.worst, metric)
    few, jumps = _few_grown(pair, metric, change, final=final)
    enough = 0.0 if describe else pass_level

    def p_pass(seen: Contrast) -> float:
        p = p_within(seen, metric, margin, band=band, enough=enough)
        return min(1.0, p / _strictness(pair, seen))

    usual = p_pass(change)
    if few is not change:
        usual = max(usual, p_pass(few))
    hides = part and margin is not None and metric.scale is Scale.LENGTH
    if hides:  # more looks must not make it easier to miss growth in few problems
        usual = max(usual, unseen(TENFOLD, margin or 0.0, change.clusters))
    pass_p = usual if worst is change else max(usual, p_pass(worst))
    p_value = _p_fail(pair, metric, change, tolerated, fail_level, band=band, describe=describe)
    low, high = -math.inf, math.inf
    if describe:
        low, high = _interval(pair, [change, worst, few], pass_level)
    if describe and hides:
        high = max(high, math.log1p(hidden(TENFOLD, pass_level, change.clusters)))
    return Check(
        task=pair.task,
        metric=metric,
        kind=VerdictKind.INCONCLUSIVE,
        baseline=float(np.average(baseline, weights=pair.weight)),
        candidate=float(np.average(candidate, weights=pair.weight)),
        estimate=Estimate(
            value=change.value,
            low=low,
            high=high,
            n=change.n,
            clusters=change.clusters,
            method=f"{few.method}, {100 * (1 - 2 * pass_level):.3g}% interval",
        ),
        margin=margin or 0.0,
        p_value=p_value,
        adjusted_p=p_value,
        boundary=fail_level,
        pass_p=pass_p,
        pass_boundary=pass_level,
        gated=margin is not None,
        discordant=int((candidate != baseline).sum()),
        identical=describe and pair.telling,
        band=band,
        tolerated=tolerated,
        lost=pair.lost,
        lost_decide=usual <= pass_level < pass_p,
        jumps=jumps,
    )


def _p_fail(
    pair: TaskPair,
    metric: Metric,
    change: Contrast,
    tolerated: float,
    fail_level: float,
    *,
    band: bool,
    describe: bool,
) -> float:
    """P-value of "not worse than ``tolerated``", or one above 0.5 if that decides nothing.

    Beyond 0.5 a p-value matters neither to its own check nor in Holm's order.
    """
    few = _too_few(change, fail_level)
    seen = _between_epochs(pair, metric, change) if few else change
    exact = describe or band or change.value * metric.worse > metric.limit(tolerated)
    p_value = p_worse(seen, metric, tolerated, band=band) if exact else 1.0
    if few and change.n < FEW_CLUSTERS and metric.scale is Scale.RATE:
        p_value = max(p_value, _exact(pair, metric))  # no sum of so few is normal
    return p_value


def _too_few(change: Contrast, fail_level: float) -> bool:
    """Whether there are too few clusters to show even a total loss at ``fail_level``.

    The bounded test gives G clusters that lost everything a p-value of 2⁻ᴳ, and uneven ones that of
    as many as they are worth; Holm's correction needs a smaller one. The same holds for few
    problems, but their rates can be tested exactly.
    """
    if change.clusters == change.n:  # no clusters
        return change.n < FEW_CLUSTERS and not change.log
    return change.even_clusters < max(FEW_CLUSTERS, math.ceil(-math.log2(fail_level / _CHECKS)))


def _strictness(pair: TaskPair, seen: Contrast) -> float:
    """The part of the pass test's level at which ``seen`` is tested, 0 to 1."""
    return TWINS if pair.shared and not seen.bounded else 1.0


def _interval(pair: TaskPair, seen: Sequence[Contrast], level: float) -> tuple[float, float]:
    """The interval that covers those of all pass tests: without the lost samples, and at worst."""
    different = {id(change): change for change in seen}.values()
    ends = [change.interval(level * _strictness(pair, change)) for change in different]
    return min(low for low, _ in ends), max(high for _, high in ends)


def _change(pair: TaskPair, metric: Metric) -> Contrast:
    candidate, baseline = (side.means[metric] for side in (pair.candidate, pair.baseline))
    if metric not in pair.candidate.noise:
        return contrast(metric, candidate, baseline, pair.cluster, pair.weight)
    # The variance that an unchanged model would have, from the noise between the epochs of either
    # side: a candidate's few samples may miss the tail of long answers, and then show neither its
    # mean nor its variance.
    sides = (pair.candidate, pair.baseline)
    freedom = sum(side.judged - 1 for side in sides)
    pooled = sum((side.judged - 1) * side.noise[metric] for side in sides)
    noise = pooled / np.maximum(freedom, 1) * sum(1 / side.judged for side in sides)
    noise *= 1 - pair.shared
    return contrast(metric, candidate, baseline, pair.cluster, pair.weight, noise)


def _few_grown(
    pair: TaskPair, metric: Metric, change: Contrast, *, final: bool
) -> tuple[Contrast, int]:
    """``change`` as the pass test must see it if few problems grew much, and how many did."""
    mine, theirs = pair.candidate, pair.baseline
    if metric.scale is not Scale.LENGTH:
        return change, 0
    after, before = mine.means[metric], theirs.means[metric]
    jumps = jumped(
        after, mine.within(metric), mine.judged, before, theirs.within(metric), theirs.judged,
        final=final,
    )  # fmt: skip
    if not jumps.any():
        return change, 0
    seen = with_jumps(change, after, before, pair.cluster, jumps, pair.weight)
    return seen, int(jumps.sum())


def _between_epochs(pair: TaskPair, metric: Metric, change: Contrast) -> Contrast:
    """``change`` with its standard error for these problems alone, and normal tails.

    Too few clusters cannot show how much others would differ, but they can show that this suite
    regressed.
    """
    candidate, baseline = pair.candidate, pair.baseline
    weight = np.ones(len(pair.cluster)) if pair.weight is None else pair.weight
    error = paired_error(
        candidate.means[metric], candidate.within(metric), candidate.judged,
        baseline.means[metric], baseline.within(metric), baseline.judged,
        weight / weight.sum(),
    )  # fmt: skip
    if metric.scale is Scale.LENGTH:
        levels = (np.average(side.means[metric], weights=weight) for side in (candidate, baseline))
        error /= math.sqrt(max(math.prod(levels), 1e-9))
    return fixed(change, error)


def _exact(pair: TaskPair, metric: Metric) -> float:
    """P-value of the candidate's losses in a rate if both sides' samples were exchangeable."""
    sides = pair.candidate, pair.baseline
    counts = [np.rint(side.means[metric] * side.judged).astype(np.int64) for side in sides]
    if metric.worse < 0:
        counts = [side.judged - count for side, count in zip(sides, counts, strict=True)]
    total = pair.candidate.judged + pair.baseline.judged
    return exact_tail(counts[0], counts[0] + counts[1], pair.candidate.judged, total)
