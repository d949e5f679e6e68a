"""The checks of the gate: one for each task and metric, tested at this look's levels."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.gate.metric import contrast, is_band, margin_of, p_within, p_worse
from smallscale_ci.gate.pairing import TaskPair
from smallscale_ci.gate.problem_means import ProblemMeans
from smallscale_ci.gate.schedule import Schedule, later_order, levels, noise_of, worth_of
from smallscale_ci.records import Check, Estimate, Metric, Scale, VerdictKind
from smallscale_ci.run.names import Names
from smallscale_ci.stats.contrast import FEW_CLUSTERS, Contrast, Vector
from smallscale_ci.stats.epochs import exact_tail, fixed, paired_error
from smallscale_ci.stats.jumps import hidden, jumped, unseen, with_jumps
from smallscale_ci.stats.multiple import holm

TENFOLD = 10.0  # the growth of a problem whose answers ramble
# Where only twins are compared, differences are few, and at the margin nearly all are losses: 6.6%
# passed the t test there. The bounded test is exact and needs no correction.
TWINS = 0.75  # of the pass test's level, which keeps the 5%
_CHECKS = 10  # that share the fail test's level, about
MEAN = "mean over tasks"  # a check's task in the mode of that name: no task can be called so


def make_checks(
    pairs: Sequence[TaskPair],
    policy: GatePolicy,
    look: int,
    schedule: Schedule,
    *,
    reproduced: bool = False,
    describe: bool = True,
) -> tuple[Check, ...]:
    """All checks at this look; ``reproduced`` says that every sample agrees.

    In the mode ``mean`` the checks of the mean over tasks come first, and the tasks' own are guard
    rails. Without ``describe`` only what decides is computed: no intervals, and nothing that is not
    gated.
    """
    if schedule.ends[look - 1] >= 1 and schedule.parts:
        pairs = [
            pair if pair.place is not None else replace(pair, place=_places(pair, policy))
            for pair in pairs
        ]
    raw: list[Check] = []
    if policy.gated == "mean":
        raw += mean_checks(pairs, policy, look, schedule, describe=describe)
    for pair in pairs:
        raw += task_checks(pair, policy, look, schedule, describe=describe)
    return decided(raw, reproduced=reproduced)


def decided(raw: Sequence[Check], *, reproduced: bool = False) -> tuple[Check, ...]:
    """``raw`` checks of all tasks with their verdicts: Holm's order needs to know all of them."""
    places = [place for place, check in enumerate(raw) if check.gated]
    adjusted = dict(zip(places, holm([raw[p].p_value for p in places]), strict=True))
    done = []
    for place, check in enumerate(raw):
        adjusted_p = adjusted.get(place, check.p_value)
        identical = reproduced and check.identical
        kind = _kind(check, adjusted_p, identical=identical)
        done.append(replace(check, adjusted_p=adjusted_p, identical=identical, kind=kind))
    return tuple(done)


def overall(checks: Sequence[Check]) -> VerdictKind:
    """The verdict of all checks: guard rails can only fail it, the other gated ones must pass."""
    gated = [check for check in checks if check.gated]
    if any(check.kind is VerdictKind.REGRESSED for check in gated):
        return VerdictKind.REGRESSED
    if all(check.kind is VerdictKind.PASS for check in gated if not check.guard):
        return VerdictKind.PASS
    return VerdictKind.INCONCLUSIVE


def _kind(check: Check, adjusted_p: float, *, identical: bool) -> VerdictKind:
    if check.pass_p <= check.pass_boundary or identical:
        return VerdictKind.PASS
    if adjusted_p <= check.boundary:
        return VerdictKind.REGRESSED
    return VerdictKind.INCONCLUSIVE


def mean_checks(
    pairs: Sequence[TaskPair], policy: GatePolicy, look: int, schedule: Schedule, *, describe: bool
) -> list[Check]:
    """The checks of the mean over tasks, without verdicts."""
    return _of_metrics(_join(pairs), policy, look, schedule, Metric, describe)


def task_checks(
    pair: TaskPair,
    policy: GatePolicy,
    look: int,
    schedule: Schedule,
    metrics: Iterable[Metric] = Metric,
    *,
    describe: bool,
) -> list[Check]:
    """The checks of one task in ``metrics``, without verdicts; guard rails in the mode ``mean``."""
    found = _of_metrics(pair, policy, look, schedule, metrics, describe)
    guards = policy.gated == "mean"
    return [replace(check, guard=check.gated) for check in found] if guards else found


def _of_metrics(
    pair: TaskPair,
    policy: GatePolicy,
    look: int,
    schedule: Schedule,
    metrics: Iterable[Metric],
    describe: bool,
) -> list[Check]:
    return [
        _check(
            pair,
            metric,
            policy,
            _level(pair, metric, policy, look, schedule),
            describe,
            part=schedule.ends[look - 1] < 1,
            final=look == schedule.looks,
        )
        for metric in metrics
        if (
            margin_of(policy, pair.task, metric) is not None
            or (describe and (metric.core or _occurs(pair, metric)))
        )
        and pair.knows(metric)
    ]


def _occurs(pair: TaskPair, metric: Metric) -> bool:
    """Whether there is anything of ``metric`` on either side.

    Where nobody thinks, the answer is the whole completion: ``tokens`` says it already.
    """
    if metric is Metric.ANSWER:
        metric = Metric.THINKING
    return any(bool(side.means[metric].any()) for side in (pair.candidate, pair.baseline))


def _level(
    pair: TaskPair, metric: Metric, policy: GatePolicy, look: int, schedule: Schedule
) -> tuple[float, float]:
    """The levels of the pass test and of the fail test at this look."""
    alphas = policy.alpha_pass, policy.alpha_fail
    if schedule.looks == 1:
        return alphas
    # samples of a problem in an epoch
    each = float(pair.candidate.judged.mean()) / max(schedule.ends[look - 1], 1.0)
    # Twins have a clock of their own: as many of the baseline's samples as of the candidate's.
    baseline_epochs = (
        math.inf if pair.shared else round(float(pair.baseline.judged.mean()) / each, 2)
    )
    covered: tuple[float, ...] = ()
    if pair.place is not None:
        noise = noise_of(pair.baseline, metric)
        noise = noise if pair.weight is None else noise * np.square(pair.weight)
        total = float(noise.sum())
        shares = {part: float(noise[pair.place < part].sum()) for part in _parts(schedule)}
        # To the nearest 5%, so that levels are computed once for many runs.
        rounded = {
            part: round(20 * share / total) / 20 if total else part
            for part, share in shares.items()
        }
        covered = tuple(rounded[end % 1] for end in schedule.ends)
    return levels(*alphas, schedule.ends, baseline_epochs, covered)[look - 1]


def _parts(schedule: Schedule) -> set[float]:
    return {end % 1 for end in schedule.ends}


def _places(pair: TaskPair, policy: GatePolicy) -> Vector:
    """(n,) where each problem is in the order of later epochs, from 0 to 1."""
    order = later_order(pair.problem_ids.tolist(), worth_of(pair.baseline, policy, pair.task))
    place = np.empty(len(order))
    place[order] = np.arange(len(order)) / max(len(order), 1)
    return place


def _check(
    pair: TaskPair,
    metric: Metric,
    policy: GatePolicy,
    level: tuple[float, float],
    describe: bool,
    *,
    part: bool,
    final: bool,
) -> Check:
    pass_level, fail_level = level
    candidate, baseline = (side.means[metric] for side in (pair.candidate, pair.baseline))
    margin = margin_of(policy, pair.task, metric)
    change = _change(pair, metric)
    worst = change if pair.worst is None else _change(pair.worst, metric)
    band = is_band(policy, metric)
    tolerated = policy.tolerated * (margin or 0.0)
    told = _between_epochs(pair, metric, change) if _too_few(change, fail_level) else change
    moved = change.value * metric.worse
    exact = describe or band or moved > metric.limit(tolerated)
    # Beyond 0.5 a p-value decides nothing, neither for its own check nor in Holm's order.
    p_value = p_worse(told, metric, tolerated, band=band) if exact else 1.0
    if told is not change and change.n < FEW_CLUSTERS and metric.scale is Scale.RATE:
        p_value = max(p_value, _exact(pair, metric))  # no sum of so few is normal
    enough = 0.0 if describe else pass_level

    def p_pass(seen: Contrast) -> float:
        p = p_within(seen, metric, margin, band=band, enough=enough)
        return min(1.0, p / _strictness(pair, seen))

    few, jumps = _few_grown(pair, metric, change, final=final)
    usual = pass_p = p_pass(change)
    if few is not change:
        usual = pass_p = max(usual, p_pass(few))
    hides = part and margin is not None and metric.scale is Scale.LENGTH
    if hides:  # more looks must not make it easier to miss that few problems grow
        usual = pass_p = max(usual, unseen(TENFOLD, margin or 0.0, change.clusters))
    if worst is not change:
        pass_p = max(usual, p_pass(worst))
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


def _too_few(change: Contrast, fail_level: float) -> bool:
    """Whether so few clusters of problems could not show a loss of everything at ``fail_level``.

    The bounded test takes G clusters that lost all they had for 2⁻ᴳ, and uneven ones for as many as
    they are worth; Holm's order wants more of it. So do few problems, of which rates at least can
    be tested exactly.
    """
    if change.clusters == change.n:  # no clusters
        return change.n < FEW_CLUSTERS and not change.log
    return change.even_clusters < max(FEW_CLUSTERS, math.ceil(-math.log2(fail_level / _CHECKS)))


def _strictness(pair: TaskPair, seen: Contrast) -> float:
    """The part of the pass test's level that ``seen`` is tested at."""
    return TWINS if pair.shared and not seen.bounded else 1.0


def _interval(pair: TaskPair, seen: Sequence[Contrast], level: float) -> tuple[float, float]:
    """What not all pass tests exclude, from that without the lost samples to the worst case."""
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
    """``change`` as the pass test has to see it where few problems grew much, and how many did."""
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
    """``change`` with the error that it has for these very problems, and normal tails.

    Too few clusters do not show how much others would differ; that this suite regressed they can.
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
    """P-value of the candidate's losses in a rate, if its samples were the baseline's."""
    sides = pair.candidate, pair.baseline
    counts = [np.rint(side.means[metric] * side.judged).astype(np.int64) for side in sides]
    if metric.worse < 0:
        counts = [side.judged - count for side, count in zip(sides, counts, strict=True)]
    total = pair.candidate.judged + pair.baseline.judged
    return exact_tail(counts[0], counts[0] + counts[1], pair.candidate.judged, total)


def _join(pairs: Sequence[TaskPair]) -> TaskPair:
    """All tasks as one; with equal weight for each, their mean is the mean over tasks."""
    offsets = np.cumsum([0] + [int(p.cluster.max()) + 1 for p in pairs])
    places = [pair.place for pair in pairs if pair.place is not None]
    worst = None
    if any(pair.worst for pair in pairs):
        worst = _join([pair.worst or pair for pair in pairs])
    return replace(
        pairs[0],
        task=MEAN,
        problem_ids=Names.concatenate([p.problem_ids for p in pairs]),
        cluster=np.concatenate([p.cluster + o for p, o in zip(pairs, offsets, strict=False)]),
        weight=np.concatenate([np.full(len(p.cluster), 1 / len(p.cluster)) for p in pairs]),
        candidate=ProblemMeans.concatenate([p.candidate for p in pairs]),
        baseline=ProblemMeans.concatenate([p.baseline for p in pairs]),
        place=np.concatenate(places) if places else None,
        worst=worst,
        lost=sum(pair.lost for pair in pairs),
    )
