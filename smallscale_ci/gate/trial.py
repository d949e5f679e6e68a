"""Drawing a pseudo-run from stored samples: those of a baseline and of a candidate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.gate.check import TENFOLD
from smallscale_ci.gate.metric import margin_of
from smallscale_ci.gate.problem_means import Codes
from smallscale_ci.records import Metric, Scale
from smallscale_ci.stats.contrast import Vector

Grid = NDArray[np.float64]
# What makes a pseudo-candidate worse, in the unit of the margins: 0.02 of accuracy turns right
# answers wrong until the mean is 2 points lower, 0.05 of tokens makes every answer 5% longer, 0.01
# of truncation cuts off one answer more in a hundred.
Injection = Mapping[Metric, float]


@dataclass(frozen=True, eq=False)
class Pool:
    """All stored samples of one task; columns beyond a problem's ``count`` are zero."""

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
class Kind:
    """The change to a pseudo-candidate: worse by ``loss`` margins in ``metric``, if any."""

    metric: Metric | None
    loss: float
    concentrated: bool = False  # the loss is in few problems, not spread evenly
    errored: bool = False  # the worst samples are ERRORED, as many as the policy allows


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

    If a problem has enough samples, none is used twice: the two sides are exchangeable, as two
    runs of an unchanged model are. If it has not, rates are drawn from their Beta posterior and
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
        drawn[metric] = worse(metric, drawn[metric], loss, rng, start, concentrated=concentrated)
    return drawn


def worse(
    metric: Metric,
    grid: Grid,
    loss: float,
    rng: np.random.Generator,
    start: int,
    *,
    concentrated: bool = False,
) -> Grid:
    """``grid`` (n, samples) with ``loss`` in the candidate's columns, those from ``start`` on."""
    made = grid.copy()
    (_worsen_few if concentrated else _worsen)(metric, made, loss, rng, slice(start, None))
    return made


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
    """The same average loss in few problems, which lose everything or grow tenfold."""
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
