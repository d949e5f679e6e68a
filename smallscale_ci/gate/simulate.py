"""Pseudo-runs drawn from stored ones, within each problem, and the gate applied to them.

What ``plan`` and ``calibrate`` stand on: problems stay what they are, only their samples are drawn
anew, so that nothing is assumed about how hard problems are or how long their answers.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import assert_never

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from smallscale_ci.config.models import GatePolicy
from smallscale_ci.errors import DataError
from smallscale_ci.gate.checks import make_checks, overall
from smallscale_ci.gate.metric import margin_of, values_of
from smallscale_ci.gate.pairing import TaskPair, cluster_codes
from smallscale_ci.gate.problem_means import Codes, ProblemMeans
from smallscale_ci.records import Metric, Scale, VerdictKind
from smallscale_ci.run.samples import Samples
from smallscale_ci.stats.contrast import Vector

Grid = NDArray[np.float64]

# What makes a pseudo-candidate worse, in the unit of the margins: 0.02 of accuracy turns right
# answers wrong until the mean is 2 points lower, 0.05 of tokens makes every answer 5% longer, 0.01
# of truncation cuts off one answer more in a hundred.
Injection = Mapping[Metric, float]

LOSSES = (0.5, 1.0, 1.5, 2.0)  # injected, in margins
_CONFIDENCE = 0.95  # of the intervals of shares


@dataclass(frozen=True, eq=False)
class Pool:
    """All stored samples of one task; columns beyond a problem's ``count`` are padding."""

    task: str
    cluster: Codes  # (n,)
    count: Codes  # (n,) samples of each problem, at least 1
    grids: Mapping[Metric, Grid]  # each (n, most samples)
    repeats: int = 1  # samples of each problem in one epoch of the suite

    @property
    def epochs(self) -> int:
        """Samples that every problem has."""
        return int(self.count.min())

    def means_of(self, metric: Metric) -> Vector:
        """(n,) the mean of each problem."""
        return np.asarray(self.grids[metric].sum(1) / self.count)

    def only(self, metrics: Collection[Metric]) -> Pool:
        """Only ``metrics``, as far as they are known."""
        grids = {metric: grid for metric, grid in self.grids.items() if metric in metrics}
        return replace(self, grids=grids)


@dataclass(frozen=True, slots=True)
class Share:
    """How often something happened, with its exact (Clopper-Pearson) 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Trial:
    """How one pseudo-run ended: the verdict and the number of looks it took."""

    kind: VerdictKind
    looks: int


def looks_of(policy: GatePolicy) -> int:
    """How many looks a run under ``policy`` may take."""
    return policy.max_epochs if policy.on_inconclusive == "extend" else 1


def make_pools(
    runs: Sequence[Samples], repeats: Mapping[str, int] | None = None
) -> tuple[Pool, ...]:
    """The samples of all ``runs`` of one model, by task; ERRORED ones are left out.

    ``repeats`` are the samples of a problem in one epoch of the suite by task, 1 where it is not
    named. Raises ``DataError`` when the runs have no task or no judged sample.
    """
    tasks = tuple(dict.fromkeys(task for run in runs for task in run.tasks))
    each = repeats or {}
    found = (_pool(runs, task, each.get(task, 1)) for task in tasks)
    pools = tuple(pool for pool in found if pool is not None)
    if not pools:
        raise DataError("The stored runs hold no judged samples.", "Give a complete run.")
    return pools


def _pool(runs: Sequence[Samples], task: str, repeats: int) -> Pool | None:
    places: dict[str, int] = {}
    clusters: list[str] = []
    owners: list[Codes] = []
    known = (m for m in Metric if m.core or not any(m in run.unknown for run in runs))
    parts: dict[Metric, list[Vector]] = {metric: [] for metric in known}
    for run in runs:
        if task not in run.tasks:
            continue
        rows = ~run.errored & (run.problem_task[run.problem] == run.tasks.index(task))
        problems, codes = np.unique(run.problem[rows], return_inverse=True)
        for problem in problems:
            name = str(run.problem_ids[problem])
            if name not in places:
                places[name] = len(places)
                clusters.append(str(run.clusters[problem]))
        mine = np.array([places[str(run.problem_ids[p])] for p in problems], dtype=np.int64)
        owners.append(mine[codes])
        for metric, values in parts.items():
            values.append(values_of(run, metric)[rows])
    if not places:
        return None
    problem = np.concatenate(owners)
    order = np.argsort(problem, kind="stable")
    count = np.bincount(problem, minlength=len(places))
    column = np.arange(len(problem)) - np.repeat(np.cumsum(count) - count, count)
    grids = {metric: np.zeros((len(places), int(count.max()))) for metric in parts}
    for metric, grid in grids.items():
        grid[problem[order], column] = np.concatenate(parts[metric])[order]
    names = np.array(clusters, dtype=object)
    return Pool(task, cluster_codes(names), count, grids, repeats)


def gated_metrics(pools: Sequence[Pool], policy: GatePolicy) -> tuple[Metric, ...]:
    """The metrics that ``policy`` gates in any of the tasks."""
    return tuple(
        metric
        for metric in Metric
        if any(
            metric in pool.grids and margin_of(policy, pool.task, metric) is not None
            for pool in pools
        )
    )


def simulate(
    pools: Sequence[Pool],
    policy: GatePolicy,
    metric: Metric | None,
    loss: float,
    trials: int,
    seed: int,
    baseline_epochs: int,
) -> list[Trial]:
    """``trials`` pseudo-runs with ``loss`` margins injected into ``metric`` of one task each."""
    rng = np.random.default_rng([seed, round(1000 * loss)])
    losing = can_lose(pools, policy, metric, loss)
    done = []
    for _ in range(trials):
        chosen = set(losing) if policy.gated == "mean" else {int(rng.choice(losing or [0]))}
        injections = [
            _injection(pool, policy, metric, loss) if place in chosen else {}
            for place, pool in enumerate(pools)
        ]
        done.append(run_trial(pools, policy, rng, injections, baseline_epochs))
    return done


def can_lose(
    pools: Sequence[Pool], policy: GatePolicy, metric: Metric | None, loss: float
) -> list[int]:
    """Places of the pools that are gated in ``metric`` and have ``loss`` margins of it to lose."""
    return [
        place
        for place, pool in enumerate(pools)
        if (margin := _margin(pool, policy, metric)) is not None
        and _left(pool, metric) >= loss * margin
    ]


def _left(pool: Pool, metric: Metric | None) -> float:
    """How much worse the pool could get: a task without any right answer loses none."""
    if metric is None:
        return 0.0
    values = pool.grids[metric]
    if metric.scale is Scale.LENGTH:
        return math.inf if values.any() else 0.0
    rate = float(values.sum() / pool.count.sum())
    return rate if metric.worse < 0 else 1 - rate


def share(count: int, trials: int) -> Share:
    """``count`` of ``trials`` with its interval."""
    low, high = stats.binomtest(count, trials).proportion_ci(_CONFIDENCE, method="exact")
    return Share(count / trials, float(low), float(high))


def run_trial(
    pools: Sequence[Pool],
    policy: GatePolicy,
    rng: np.random.Generator,
    injections: Sequence[Injection],
    baseline_epochs: int,
) -> Trial:
    """Draw a pseudo-baseline and a pseudo-candidate, and judge them look by look.

    ``injections`` are the changes of the candidate by pool. Raises ``DataError`` when there is too
    little stored to draw from.
    """
    of = looks_of(policy)
    for pool in pools:
        if (baseline_epochs + of) * pool.repeats > pool.epochs < 2:
            raise DataError(
                f"Task {pool.task} has problems with a single stored sample.",
                "Resampling needs at least 2 epochs of every problem: give more runs, or a longer "
                "baseline.",
            )
    gated = gated_metrics(pools, policy)
    pools = [pool.only([m for m in Metric if m.core or m in gated]) for pool in pools]
    drawn = [
        _draw(pool, rng, injection, baseline_epochs, of)
        for pool, injection in zip(pools, injections, strict=True)
    ]
    for look in range(1, of + 1):
        pairs = [
            _pair(pool, looks[look - 1], baseline)
            for pool, (baseline, looks) in zip(pools, drawn, strict=True)
        ]
        kind = overall(make_checks(pairs, policy, look, of, describe=False))
        if kind is not VerdictKind.INCONCLUSIVE:
            break
    return Trial(kind, look)


def _draw(
    pool: Pool, rng: np.random.Generator, injection: Injection, baseline_epochs: int, looks: int
) -> tuple[ProblemMeans, list[ProblemMeans]]:
    """A baseline of ``baseline_epochs`` epochs and the candidate's means after each look.

    Each look has one more epoch, of ``pool.repeats`` samples a problem. Where a problem has samples
    enough, none is used twice: the two sides are exchangeable, as two runs of an unchanged model
    are. Where it has not, rates are drawn from their Beta posterior and lengths with their spread
    widened by √(k/(k − 1)), which a small pool understates.
    """
    stored = baseline_epochs * pool.repeats
    need = stored + looks * pool.repeats
    if need <= pool.epochs:
        keys = rng.random((len(pool.count), int(pool.count.max())))
        keys[np.arange(keys.shape[1])[None, :] >= pool.count[:, None]] = 2.0
        take = np.argsort(keys, axis=1)[:, :need]
        drawn = {m: np.take_along_axis(grid, take, axis=1) for m, grid in pool.grids.items()}
    else:
        drawn = {m: _modelled(m, grid, pool.count, need, rng) for m, grid in pool.grids.items()}
    mine = slice(stored, need)
    for metric, loss in injection.items():
        _worsen(metric, drawn[metric], loss, rng, mine)
    ends = range(stored + pool.repeats, need + 1, pool.repeats)
    return _means(drawn, slice(0, stored)), [_means(drawn, slice(stored, end)) for end in ends]


def _means(drawn: Mapping[Metric, Grid], columns: slice) -> ProblemMeans:
    """The means of some samples, as the gate takes them of a run."""
    problems, judged = drawn[Metric.ACCURACY][:, columns].shape
    return ProblemMeans(
        np.full(problems, judged, dtype=np.int64),
        {metric: grid[:, columns].mean(1) for metric, grid in drawn.items()},
        {
            metric: grid[:, columns].var(1, ddof=1) if judged > 1 else np.zeros(problems)
            for metric, grid in drawn.items()
            if metric.scale is Scale.LENGTH
        },
    )


def _worsen(metric: Metric, grid: Grid, loss: float, rng: np.random.Generator, mine: slice) -> None:
    """Make the columns ``mine`` of ``grid`` worse by ``loss``, in place."""
    match metric.scale:
        case Scale.RATE if metric.worse < 0:
            grid[:, mine] *= _kept(grid, loss, rng, mine)
        case Scale.RATE:
            grid[:, mine] = 1 - (1 - grid[:, mine]) * _kept(1 - grid, loss, rng, mine)
        case Scale.LENGTH:
            grid[:, mine] *= 1 + loss
        case unknown:
            assert_never(unknown)


def _kept(grid: Grid, loss: float, rng: np.random.Generator, mine: slice) -> Grid:
    """0 for the successes of ``grid`` that are taken away so that its mean falls by ``loss``."""
    shape = grid[:, mine].shape
    mean = float(grid.mean())
    if loss == 0 or mean == 0:
        return np.ones(shape)
    return (rng.random(shape) >= min(loss / mean, 1.0)).astype(np.float64)


def _modelled(
    metric: Metric, grid: Grid, count: Codes, need: int, rng: np.random.Generator
) -> Grid:
    match metric.scale:
        case Scale.RATE:
            return _modelled_rates(grid, count, need, rng)
        case Scale.LENGTH:
            return _modelled_lengths(grid, count, need, rng)
        case unknown:
            assert_never(unknown)


def _modelled_rates(grid: Grid, count: Codes, need: int, rng: np.random.Generator) -> Grid:
    """Zeros and ones at rates from each problem's posterior under a Beta prior fitted to all."""
    sums = grid.sum(1)
    mean = min(max(float(sums.sum() / count.sum()), 1e-6), 1 - 1e-6)
    spread = float(np.var(sums / count))
    within = mean * (1 - mean) / float(count.mean())
    # Method of moments; at most as informative as 50 samples, at least as one.
    between = max(spread - within, 1e-9)
    weight = min(max(mean * (1 - mean) / between - 1, 1.0), 50.0)
    rates = rng.beta(weight * mean + sums, weight * (1 - mean) + count - sums)
    return np.asarray(rng.random((len(count), need)) < rates[:, None], dtype=np.float64)


def _modelled_lengths(grid: Grid, count: Codes, need: int, rng: np.random.Generator) -> Grid:
    column = (rng.random((len(count), need)) * count[:, None]).astype(np.int64)
    drawn = np.take_along_axis(grid, column, axis=1)
    mean = grid.sum(1, keepdims=True) / count[:, None]
    several = np.maximum(count, 2)[:, None]
    widened = mean + (drawn - mean) * np.sqrt(several / (several - 1))
    return np.asarray(np.maximum(widened, 0.0))


def _pair(pool: Pool, candidate: ProblemMeans, baseline: ProblemMeans) -> TaskPair:
    n = len(pool.count)
    return TaskPair(
        task=pool.task,
        problem_ids=np.empty(n, dtype=object),
        cluster=pool.cluster,
        candidate=candidate,
        baseline=baseline,
        problems=n,
        unpaired=0,
        unjudged=0,
        candidate_epochs=int(candidate.judged.max()),
        candidate_samples=int(candidate.judged.sum()),
        candidate_judged=int(candidate.judged.sum()),
        baseline_samples=int(baseline.judged.sum()),
        baseline_judged=int(baseline.judged.sum()),
    )


def _injection(pool: Pool, policy: GatePolicy, metric: Metric | None, loss: float) -> Injection:
    margin = _margin(pool, policy, metric)
    return {} if metric is None or margin is None else {metric: loss * margin}


def _margin(pool: Pool, policy: GatePolicy, metric: Metric | None) -> float | None:
    return None if metric is None else margin_of(policy, pool.task, metric)
