"""One pseudo-run: a baseline and a candidate drawn from stored samples, judged look by look."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.config.models import GatePolicy
from smallscale_ci.errors import DataError
from smallscale_ci.gate.checks import TENFOLD, make_checks, overall
from smallscale_ci.gate.futility import out_of_reach
from smallscale_ci.gate.metric import margin_of
from smallscale_ci.gate.pairing import TaskPair
from smallscale_ci.gate.problem_means import Codes, ProblemMeans
from smallscale_ci.gate.schedule import Schedule, part, worth_of
from smallscale_ci.records import Metric, Scale, VerdictKind
from smallscale_ci.run.names import Names
from smallscale_ci.stats.contrast import Vector

Grid = NDArray[np.float64]
# What makes a pseudo-candidate worse, in the unit of the margins: 0.02 of accuracy turns right
# answers wrong until the mean is 2 points lower, 0.05 of tokens makes every answer 5% longer, 0.01
# of truncation cuts off one answer more in a hundred.
Injection = Mapping[Metric, float]


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


@dataclass(frozen=True, slots=True)
class Trial:
    """How one pseudo-run ended: the verdict, the epochs that it took and the candidate's tokens."""

    kind: VerdictKind
    epochs: float
    tokens: float


def run_trial(
    pools: Sequence[Pool],
    policy: GatePolicy,
    rng: np.random.Generator,
    injections: Sequence[Injection],
    baseline_epochs: int,
    schedule: Schedule,
    *,
    concentrated: bool = False,
) -> Trial:
    """Draw a pseudo-baseline and a pseudo-candidate, and judge them look by look.

    ``injections`` are the changes of the candidate by pool: spread evenly over the problems, or
    ``concentrated`` in few. Raises ``DataError`` when there is too little stored to draw from.
    """
    most = round(schedule.ends[-1])
    for pool in pools:
        if (baseline_epochs + most) * pool.repeats > pool.epochs < 2:
            raise DataError(
                f"Task {pool.task} has problems with a single stored sample.",
                "Resampling needs at least 2 epochs of every problem: give more runs, or a longer "
                "baseline.",
            )
    drawn = []
    for pool, injection in zip(pools, injections, strict=True):
        grids = draw(pool, policy, rng, injection, baseline_epochs, most, concentrated=concentrated)
        drawn.append(Drawn(pool, policy, rng, grids, baseline_epochs))
    return judged(drawn, policy, schedule, baseline_epochs)


def judged(
    drawn: Sequence[Drawn], policy: GatePolicy, schedule: Schedule, baseline_epochs: int
) -> Trial:
    """Look at ``drawn`` until there is a verdict, or none in reach."""
    parts = any(end % 1 for end in schedule.ends)
    pairs, kind, end = [], VerdictKind.INCONCLUSIVE, 0.0
    for look, end in enumerate(schedule.ends, 1):
        pairs = [one.pair(end, parts=parts) for one in drawn]
        checks = make_checks(pairs, policy, look, schedule, describe=False)
        kind = overall(checks)
        if kind is not VerdictKind.INCONCLUSIVE or out_of_reach(
            checks, policy, look, schedule, float(baseline_epochs)
        ):
            break
    tokens = sum(float(p.candidate.means[Metric.TOKENS] @ p.candidate.judged) for p in pairs)
    return Trial(kind, end, tokens)


def draw(
    pool: Pool,
    policy: GatePolicy,
    rng: np.random.Generator,
    injection: Injection,
    baseline_epochs: int,
    most: int,
    *,
    concentrated: bool = False,
) -> dict[Metric, Grid]:
    """Samples of a baseline, then those of a candidate with ``most`` epochs; (n, samples) each.

    Where a problem has samples enough, none is used twice: the two sides are exchangeable, as two
    runs of an unchanged model are. Where it has not, rates are drawn from their Beta posterior and
    lengths with their spread widened by √(k/(k − 1)), which a small pool understates.
    """
    start = baseline_epochs * pool.repeats
    need = start + most * pool.repeats
    grids = {
        metric: grid
        for metric, grid in pool.grids.items()
        if metric is Metric.TOKENS or margin_of(policy, pool.task, metric)
    }
    if need <= pool.epochs:
        keys = rng.random((len(pool.count), int(pool.count.max())))
        keys[np.arange(keys.shape[1])[None, :] >= pool.count[:, None]] = 2.0
        take = np.argsort(keys, axis=1)[:, :need]
        drawn = {m: np.take_along_axis(grid, take, axis=1) for m, grid in grids.items()}
    else:
        drawn = {m: _modelled(m, grid, pool.count, need, rng) for m, grid in grids.items()}
    for metric, loss in injection.items():
        worsen = _worsen_few if concentrated else _worsen
        worsen(metric, drawn[metric], loss, rng, slice(start, need))
    return drawn


class Drawn:
    """A baseline and the samples that the candidate would have, epoch by epoch."""

    def __init__(
        self,
        pool: Pool,
        policy: GatePolicy,
        rng: np.random.Generator,
        grids: Mapping[Metric, Grid],
        baseline_epochs: int,
    ) -> None:
        """``grids`` are as ``draw`` makes them; ``pool`` says the rest."""
        self.pool, self.grids = pool, grids
        self.start = baseline_epochs * pool.repeats
        problems = len(pool.cluster)
        everything = np.arange(problems)
        self.baseline = self._means(everything, 0, self.start)
        self.first = rng.permutation(problems)
        self.policy = policy

    @cached_property
    def later(self) -> Codes:
        """(n,) the order of later epochs."""
        worth = worth_of(self.baseline, self.policy, self.pool.task)
        return np.asarray(self.first[np.argsort(-worth[self.first], kind="stable")])

    @cached_property
    def place(self) -> Vector:
        """(n,) where each problem is in that order, from 0 to 1."""
        found = np.empty(len(self.later))
        found[self.later] = np.arange(len(found)) / len(found)
        return found

    @property
    def all_tokens(self) -> float:
        """Tokens of the candidate with all of its epochs."""
        return float(self.grids[Metric.TOKENS][:, self.start :].sum())

    def pair(self, end: float, *, parts: bool = True) -> TaskPair:
        """Both sides after ``end`` epochs; ``parts`` says that some looks are within an epoch."""
        whole, repeats = int(end), self.pool.repeats
        count = part(len(self.pool.cluster), end - whole)
        if whole == 0:
            rows = np.sort(self.first[:count])
            cluster = np.unique(self.pool.cluster[rows], return_inverse=True)[1]
            candidate = self._means(rows, self.start, self.start + repeats)
            return _pair(self.pool, candidate, self.baseline.take(rows), cluster, None)
        last = self.start + whole * repeats
        everything = np.arange(len(self.pool.cluster))
        candidate = self._means(everything, self.start, last)
        if count:
            rows = self.later[:count]
            candidate = candidate.put(rows, self._means(rows, self.start, last + repeats))
        place = self.place if parts else None
        return _pair(self.pool, candidate, self.baseline, self.pool.cluster, place)

    def _means(self, rows: Codes, first: int, last: int) -> ProblemMeans:
        """The means of some samples, as the gate takes them of a run."""
        judged = last - first
        parts = {metric: grid[rows, first:last] for metric, grid in self.grids.items()}
        return ProblemMeans(
            np.full(len(rows), judged, dtype=np.int64),
            {metric: values.mean(1) for metric, values in parts.items()},
            {
                metric: values.var(1, ddof=1) if judged > 1 else np.zeros(len(rows))
                for metric, values in parts.items()
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


def _worsen_few(
    metric: Metric, grid: Grid, loss: float, rng: np.random.Generator, mine: slice
) -> None:
    """The same loss on average in few problems: they lose all that they have, or grow tenfold."""
    mean = float(grid.mean())
    hit = rng.random(len(grid))
    match metric.scale:
        case Scale.RATE if metric.worse < 0:
            grid[hit < loss / max(mean, 1e-9), mine] = 0.0
        case Scale.RATE:
            grid[hit < loss / max(1 - mean, 1e-9), mine] = 1.0
        case Scale.LENGTH:
            grid[hit < loss / (TENFOLD - 1), mine] *= TENFOLD
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


def _pair(
    pool: Pool,
    candidate: ProblemMeans,
    baseline: ProblemMeans,
    cluster: Codes,
    place: Vector | None,
) -> TaskPair:
    n = len(cluster)
    return TaskPair(
        task=pool.task,
        problem_ids=Names.unknown(n),
        cluster=cluster,
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
        place=place,
    )
