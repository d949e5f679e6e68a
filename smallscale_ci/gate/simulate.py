"""Pseudo-runs drawn from stored ones, within each problem, and the gate applied to them.

What ``plan`` and ``calibrate`` stand on: problems stay what they are, only their samples are drawn
anew, so that nothing is assumed about how hard problems are or how long their answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from smallscale_ci.config.models import GatePolicy
from smallscale_ci.errors import DataError
from smallscale_ci.gate.checks import make_checks, margin_of, overall
from smallscale_ci.gate.pairing import Codes, ProblemMeans, TaskPair, cluster_codes
from smallscale_ci.records import Metric, VerdictKind
from smallscale_ci.run.samples import Samples
from smallscale_ci.stats.contrast import Vector

Grid = NDArray[np.float64]

LOSSES = (0.5, 1.0, 1.5, 2.0)  # injected, in margins
_CONFIDENCE = 0.95  # of the intervals of shares


@dataclass(frozen=True)
class Injection:
    """A made-up change of the pseudo-candidate: shares of accuracy and truncation, and growth.

    ``accuracy`` 0.02 turns right answers wrong until the mean is 2 points lower, ``tokens`` 0.05
    makes every answer 5 % longer, ``truncation`` 0.01 cuts off one answer more in a hundred.
    """

    accuracy: float = 0.0
    tokens: float = 0.0
    truncation: float = 0.0


@dataclass(frozen=True, eq=False)
class Pool:
    """All stored samples of one task; columns beyond a problem's ``count`` are padding."""

    task: str
    cluster: Codes  # (n,)
    count: Codes  # (n,) samples of each problem, at least 1
    correct: Grid  # (n, most samples)
    tokens: Grid
    truncated: Grid
    repeats: int = 1  # samples of each problem in one epoch of the suite

    @property
    def epochs(self) -> int:
        """Samples that every problem has."""
        return int(self.count.min())


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
    parts: list[tuple[Codes, Vector, Vector, Vector]] = []
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
        values = (run.correct[rows], run.tokens[rows], run.truncated[rows])
        correct, tokens, truncated = (np.asarray(v, dtype=np.float64) for v in values)
        parts.append((mine[codes], correct, tokens, truncated))
    if not places:
        return None
    problem = np.concatenate([part[0] for part in parts])
    order = np.argsort(problem, kind="stable")
    count = np.bincount(problem, minlength=len(places))
    column = np.arange(len(problem)) - np.repeat(np.cumsum(count) - count, count)
    grids = []
    columns = list(zip(*parts, strict=True))[1:]
    for column_parts in columns:
        flat = np.concatenate(column_parts)
        grid = np.zeros((len(places), int(count.max())))
        grid[problem[order], column] = flat[order]
        grids.append(grid)
    names = np.array(clusters, dtype=object)
    return Pool(task, cluster_codes(names), count, grids[0], grids[1], grids[2], repeats)


def gated_metrics(pools: Sequence[Pool], policy: GatePolicy) -> tuple[Metric, ...]:
    """The metrics that ``policy`` gates in any of the tasks."""
    return tuple(
        metric
        for metric in Metric
        if any(margin_of(policy, pool.task, metric) is not None for pool in pools)
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
            _injection(pool, policy, metric, loss) if place in chosen else Injection()
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
    if metric is Metric.TOKENS:
        return math.inf if pool.tokens.any() else 0.0
    values = pool.correct if metric is Metric.ACCURACY else pool.truncated
    rate = float(values.sum() / pool.count.sum())
    return rate if metric is Metric.ACCURACY else 1 - rate


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
        keys = rng.random(pool.correct.shape)
        keys[np.arange(keys.shape[1])[None, :] >= pool.count[:, None]] = 2.0
        take = np.argsort(keys, axis=1)[:, :need]
        correct, tokens, truncated = (
            np.take_along_axis(grid, take, axis=1)
            for grid in (pool.correct, pool.tokens, pool.truncated)
        )
    else:
        correct = _modelled_rates(pool.correct, pool.count, need, rng)
        truncated = _modelled_rates(pool.truncated, pool.count, need, rng)
        tokens = _modelled_lengths(pool, need, rng)
    mine = slice(stored, need)
    correct[:, mine] *= _kept(correct, injection.accuracy, rng, mine)
    cut = _kept(1 - truncated, injection.truncation, rng, mine) == 0
    truncated[:, mine] = np.maximum(truncated[:, mine], cut)
    tokens[:, mine] *= 1 + injection.tokens
    grids = (correct, tokens, truncated)  # in the order of ProblemMeans
    ends = range(stored + pool.repeats, need + 1, pool.repeats)
    return _means(grids, slice(0, stored)), [_means(grids, slice(stored, end)) for end in ends]


def _means(grids: tuple[Grid, Grid, Grid], columns: slice) -> ProblemMeans:
    """The means of some samples, as the gate takes them of a run."""
    accuracy, tokens, truncation = (grid[:, columns] for grid in grids)
    problems, judged = tokens.shape
    noise = tokens.var(1, ddof=1) if judged > 1 else np.zeros(problems)
    return ProblemMeans(
        np.full(problems, judged, dtype=np.int64),
        accuracy.mean(1),
        tokens.mean(1),
        truncation.mean(1),
        noise,
    )


def _kept(grid: Grid, loss: float, rng: np.random.Generator, mine: slice) -> Grid:
    """0 for the successes of ``grid`` that are taken away so that its mean falls by ``loss``."""
    shape = grid[:, mine].shape
    mean = float(grid.mean())
    if loss == 0 or mean == 0:
        return np.ones(shape)
    return (rng.random(shape) >= min(loss / mean, 1.0)).astype(np.float64)


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


def _modelled_lengths(pool: Pool, need: int, rng: np.random.Generator) -> Grid:
    column = (rng.random((len(pool.count), need)) * pool.count[:, None]).astype(np.int64)
    drawn = np.take_along_axis(pool.tokens, column, axis=1)
    mean = pool.tokens.sum(1, keepdims=True) / pool.count[:, None]
    several = np.maximum(pool.count, 2)[:, None]
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
    if metric is None or margin is None:
        return Injection()
    return Injection(**{metric.value: loss * margin})


def _margin(pool: Pool, policy: GatePolicy, metric: Metric | None) -> float | None:
    return None if metric is None else margin_of(policy, pool.task, metric)
