"""Pseudo-runs drawn from stored ones, within each problem, and the gate applied to them.

What ``plan`` and ``calibrate`` stand on: problems stay what they are, only their samples are drawn
again, so that nothing is assumed about how hard problems are or how long their answers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from smallscale_ci.config.models import GatePolicy
from smallscale_ci.errors import DataError
from smallscale_ci.gate.metric import margin_of, values_of
from smallscale_ci.gate.problem_means import Codes
from smallscale_ci.gate.schedule import Schedule
from smallscale_ci.gate.trial import Injection, Pool, Trial, run_trial
from smallscale_ci.records import Metric, Scale
from smallscale_ci.run.names import Names
from smallscale_ci.run.samples import Samples
from smallscale_ci.stats.contrast import Vector

LOSSES = (0.5, 1.0, 1.5, 2.0)  # injected, in margins
_CONFIDENCE = 0.95  # of the intervals of shares


@dataclass(frozen=True, slots=True)
class Share:
    """How often something happened, with its exact (Clopper-Pearson) 95% interval."""

    value: float
    low: float
    high: float


def looks_of(policy: GatePolicy) -> int:
    """How many looks a run under ``policy`` may take."""
    return policy.max_epochs if policy.on_inconclusive == "extend" else 1


def schedule_of(pools: Sequence[Pool], policy: GatePolicy) -> Schedule:
    """When a run of the problems in ``pools`` is looked at."""
    return Schedule.of(1, looks_of(policy), policy, (len(pool.count) for pool in pools))


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
        names, groups = run.problem_ids[problems].tolist(), run.clusters[problems].tolist()
        for name, group in zip(names, groups, strict=True):
            if name not in places:
                places[name] = len(places)
                clusters.append(group)
        mine = np.array([places[name] for name in names], dtype=np.int64)
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
    return Pool(task, Names.of(clusters).codes(), count, grids, repeats)


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
    *,
    concentrated: bool = False,
) -> list[Trial]:
    """``trials`` pseudo-runs with ``loss`` margins injected into ``metric`` of one task each."""
    rng = np.random.default_rng([seed, round(1000 * loss)])
    losing = can_lose(pools, policy, metric, loss)
    schedule = schedule_of(pools, policy)
    done = []
    for _ in range(trials):
        chosen = set(losing) if policy.gated == "mean" else {int(rng.choice(losing or [0]))}
        injections = [
            _injection(pool, policy, metric, loss) if place in chosen else {}
            for place, pool in enumerate(pools)
        ]
        done.append(
            run_trial(
                pools,
                policy,
                rng,
                injections,
                baseline_epochs,
                schedule,
                concentrated=concentrated,
            )
        )
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
    tail = (1 - _CONFIDENCE) / 2
    low = special.betaincinv(count, trials - count + 1, tail) if count else 0.0
    high = special.betaincinv(count + 1, trials - count, 1 - tail) if count < trials else 1.0
    return Share(count / trials, float(low), float(high))


def _injection(pool: Pool, policy: GatePolicy, metric: Metric | None, loss: float) -> Injection:
    margin = _margin(pool, policy, metric)
    return {} if metric is None or margin is None else {metric: loss * margin}


def _margin(pool: Pool, policy: GatePolicy, metric: Metric | None) -> float | None:
    return None if metric is None else margin_of(policy, pool.task, metric)
