"""Pseudo-runs drawn from stored ones, within each problem, and the gate applied to them.

The basis of ``plan`` and ``calibrate``: problems stay the same, and only their samples are drawn
again, so nothing is assumed about the difficulty of problems or the length of answers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.errors import DataError
from smallscale_ci.gate.drawn import Drawn, Errored, Trial, judged
from smallscale_ci.gate.metric import margin_of, values_of
from smallscale_ci.gate.problem_means import Codes
from smallscale_ci.gate.schedule import Schedule
from smallscale_ci.gate.trial import Kind, Pool, draw, worse
from smallscale_ci.records import Metric, Scale
from smallscale_ci.run.names import Names
from smallscale_ci.run.samples import Samples
from smallscale_ci.stats.contrast import Vector

LOSSES = (0.5, 1.0, 1.5, 2.0)  # injected, in margins
_CONFIDENCE = 0.95  # of the intervals of shares
_SAID = 10  # trials between progress reports


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
    """The looks of a run on the problems in ``pools``."""
    return Schedule.of(1, looks_of(policy), policy, (len(pool.count) for pool in pools))


def make_pools(
    runs: Sequence[Samples], repeats: Mapping[str, int] | None = None
) -> tuple[Pool, ...]:
    """The samples of all ``runs`` of one model, by task; ERRORED ones are left out.

    ``repeats`` are the samples of a problem in one epoch of the suite by task, 1 if it is not
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
    kinds: Sequence[Kind],
    trials: int,
    seed: int,
    baseline_epochs: int,
    say: Callable[[int, int], None] = lambda *_: None,
) -> list[list[Trial]]:
    """``trials`` pseudo-runs of each of ``kinds``, whose loss is in one random task each.

    The kinds share their samples, trial by trial: whatever a kind does not change is drawn and
    judged once, and kinds differ only by their injected loss. ``say`` receives how many trials are
    done, and of how many. Raises ``DataError`` if too little is stored to draw from.
    """
    schedule = schedule_of(pools, policy)
    most = round(schedule.ends[-1])
    for pool in pools:
        if (baseline_epochs + most) * pool.repeats > pool.epochs < 2:
            raise DataError(
                f"Task {pool.task} has problems with a single stored sample.",
                "Noise between epochs shows only where problems were sampled twice. Give several "
                "runs, or a baseline of 2 epochs or more: smallscale generate --epochs 2, inspect "
                "eval --epochs 2, repeats: 2 of evalscope. `smallscale compare` needs one.",
            )
    losing = [can_lose(pools, policy, kind.metric, kind.loss) or [0] for kind in kinds]
    done: list[list[Trial]] = [[] for _ in kinds]
    for trial in range(trials):
        if trial and trial % _SAID == 0:
            say(trial, trials)
        rng = np.random.default_rng([seed, trial])
        drawn = []
        for pool in pools:
            grids = draw(pool, policy, rng, {}, baseline_epochs, most)
            drawn.append(Drawn(pool, policy, rng, grids, baseline_epochs))
        for place, (kind, places) in enumerate(zip(kinds, losing, strict=True)):
            rng = np.random.default_rng([seed, trial, place])
            chosen = places if policy.gated == "mean" else [int(rng.choice(places))]
            changed = list(drawn)
            for task in chosen:
                changed[task] = _changed(drawn[task], kind, rng)
            done[place].append(judged(changed, policy, schedule, baseline_epochs))
    return done


def _changed(one: Drawn, kind: Kind, rng: np.random.Generator) -> Drawn:
    margin = _margin(one.pool, one.policy, kind.metric)
    if kind.metric is not None and margin is not None and kind.loss:
        grid = one.grids[kind.metric]
        grid = worse(
            kind.metric, grid, kind.loss * margin, rng, one.start, concentrated=kind.concentrated
        )
        one = one.with_grid(kind.metric, grid)
    return Errored(one, kind.metric, rng) if kind.errored else one


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
    """How much worse the pool could get: a task without any right answer cannot lose one."""
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


def _margin(pool: Pool, policy: GatePolicy, metric: Metric | None) -> float | None:
    return None if metric is None else margin_of(policy, pool.task, metric)
