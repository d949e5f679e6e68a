"""The margins that a suite can hold, and whether it has enough clusters, without simulation."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from scipy import special

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.errors import DataError
from smallscale_ci.gate.checks import MEAN
from smallscale_ci.gate.metric import margin_of
from smallscale_ci.gate.problem_means import Codes
from smallscale_ci.gate.schedule import Schedule, levels
from smallscale_ci.gate.simulate import gated_metrics, looks_of, make_pools
from smallscale_ci.gate.trial import Pool
from smallscale_ci.records import FewClusters, Holdable, Limit, Metric, Scale
from smallscale_ci.run.samples import Samples
from smallscale_ci.stats.contrast import FEW, FEW_CLUSTERS, even_count
from smallscale_ci.stats.paired import effective_count

_MOST_LOOKS = 32  # more looks hardly change the level of the last
_HOLDS = 0.95  # chance of an unchanged model to pass with a margin that is "held"


def margins_held(
    pools: Sequence[Pool], policy: GatePolicy, baseline_epochs: int, budget: tuple[int, int]
) -> tuple[Holdable, ...]:
    """The margins held within ``budget``: (epochs at the first look, epochs at the last).

    In the mode ``mean``, the mean over tasks comes first; the tasks, which need not pass, have
    no margin.
    """
    found = []
    if policy.gated == "mean":
        metrics = _planned(pools, policy)
        found = [_held(pools, policy, baseline_epochs, budget, metric) for metric in metrics]
    for pool in pools:
        for metric in _planned([pool], policy):
            held = _held([pool], policy, baseline_epochs, budget, metric)
            guard = policy.gated == "mean"
            margin = None if guard else margin_of(policy, pool.task, metric)
            found.append(Holdable(pool.task, metric, margin, held.holds, held.reach))
    return tuple(found)


def _planned(pools: Sequence[Pool], policy: GatePolicy) -> list[Metric]:
    """The metrics that a plan is about: the core ones, and what else is gated and known."""
    gated = gated_metrics(pools, policy)
    return [m for m in Metric if m.core or (m in gated and all(m in p.grids for p in pools))]


def too_fine(
    baseline: Samples,
    policy: GatePolicy,
    budget: tuple[int, int] | None = None,
    repeats: Mapping[str, int] | None = None,
) -> tuple[Limit, ...]:
    """Margins that the suite cannot hold at the full budget, and tasks with few clusters.

    ``budget`` is (epochs before the first look, most epochs), the policy's if ``None``;
    ``repeats`` is as in ``plan``. Empty if the baseline has a single epoch, which says nothing
    about noise.
    """
    try:
        pools = make_pools([baseline], repeats)
    except DataError:
        return ()
    first, most = budget or (1, looks_of(policy))
    held = margins_held(pools, policy, stored_epochs(pools), (first, most))
    return limits(held, {pool.task: pool.cluster for pool in pools})


def limits(holdable: Sequence[Holdable], clusters: Mapping[str, Codes]) -> tuple[Limit, ...]:
    """The margins that are too fine, and the tasks with few clusters."""
    return (*(one for one in holdable if one.is_too_fine), *few_clusters(clusters))


def few_clusters(clusters: Mapping[str, Codes]) -> tuple[FewClusters, ...]:
    """The tasks whose problems are in too few clusters to PASS; ``clusters``: codes by task.

    As in the verdict, uneven clusters count by their effective number.
    """
    found = []
    for task, codes in clusters.items():
        sizes = np.bincount(codes)
        worth = even_count(sizes)
        if len(sizes) < len(codes) and worth < FEW_CLUSTERS:
            found.append(FewClusters(task, len(codes), len(sizes), worth, FEW_CLUSTERS))
    return tuple(found)


def stored_epochs(pools: Sequence[Pool]) -> int:
    """Epochs of the suite that are stored, on average over the tasks."""
    return max(round(float(np.mean([pool.count.mean() / pool.repeats for pool in pools]))), 1)


def _held(
    pools: Sequence[Pool],
    policy: GatePolicy,
    baseline_epochs: int,
    budget: tuple[int, int],
    metric: Metric,
) -> Holdable:
    """The margin from the noise within problems: (z of the level + z of the chance) · error.

    Of several ``pools`` it is that of the mean over tasks.
    """
    first, epochs = budget
    ends = Schedule.of(first, epochs, policy, (len(pool.count) for pool in pools)).ends
    ends = ends if len(ends) <= _MOST_LOOKS else (*ends[:: len(ends) // _MOST_LOOKS], float(epochs))
    level, _ = levels(policy.alpha_pass, policy.alpha_fail, ends, float(baseline_epochs))[-1]
    variance, mean, sparse = 0.0, 0.0, 0.0
    for pool in pools:
        values = pool.grids[metric]
        means = pool.means_of(metric)
        used = np.arange(values.shape[1])[None, :] < pool.count[:, None]
        squares = (np.where(used, values - means[:, None], 0.0) ** 2).sum(1)
        within = squares / np.maximum(pool.count - 1, 1)
        samples = (1 / epochs + 1 / baseline_epochs) / pool.repeats
        variance += float(within.sum()) / len(within) ** 2 * samples
        mean += float(means.mean())
        if metric.scale is Scale.RATE and effective_count(np.sqrt(within)) < FEW:
            # With next to no changes the bound is that of the bounded test: (1 − m)^n = level.
            # A cluster counts by its size beside the largest, which is the one that may be lost.
            largest = int(np.bincount(pool.cluster).max())
            sparse = max(sparse, 1 - level ** (largest / len(pool.cluster)))
    error = math.sqrt(variance) / (len(pools) if metric.scale is Scale.RATE else max(mean, 1e-9))
    quantile = -float(special.ndtri(level))
    limits = [quantile * error, (quantile + float(special.ndtri(_HOLDS))) * error]
    if metric.scale is Scale.LENGTH:
        reach, holds = (math.expm1(min(end, 50.0)) for end in limits)
    else:
        reach, holds = (max(end, sparse / len(pools)) for end in limits)
    task = pools[0].task if len(pools) == 1 and policy.gated != "mean" else MEAN
    return Holdable(task, metric, margin_of(policy, task, metric), holds, reach)
