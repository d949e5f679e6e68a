"""The checks of the gate: one for each task and metric, tested at this look's levels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.gate.check import check_of
from smallscale_ci.gate.levels import levels_at, places
from smallscale_ci.gate.metric import margin_of
from smallscale_ci.gate.pairing import TaskPair
from smallscale_ci.gate.problem_means import ProblemMeans
from smallscale_ci.gate.schedule import Schedule
from smallscale_ci.records import Check, Metric, VerdictKind
from smallscale_ci.run.names import Names
from smallscale_ci.stats.multiple import holm

MEAN = "mean over tasks"  # the task of the mean's checks; no real task can have this name


def make_checks(
    pairs: Sequence[TaskPair],
    policy: GatePolicy,
    look: int,
    schedule: Schedule,
    *,
    reproduced: bool = False,
    describe: bool = True,
) -> tuple[Check, ...]:
    """All checks at ``look``, from 1; ``reproduced`` says that every sample agrees.

    In the mode ``mean`` the checks of the mean over tasks come first, and the tasks' own are guard
    rails. Without ``describe`` only deciding values are computed: no intervals, and nothing that is
    not gated.
    """
    if schedule.ends[look - 1] >= 1 and schedule.parts:
        pairs = [
            pair if pair.place is not None else replace(pair, place=places(pair, policy))
            for pair in pairs
        ]
    raw: list[Check] = []
    if policy.gated == "mean":
        raw += mean_checks(pairs, policy, look, schedule, describe=describe)
    for pair in pairs:
        raw += task_checks(pair, policy, look, schedule, describe=describe)
    return decided(raw, reproduced=reproduced)


def decided(raw: Sequence[Check], *, reproduced: bool = False) -> tuple[Check, ...]:
    """``raw`` checks of all tasks with their verdicts; Holm's correction needs all of them."""
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
    """The verdict of all checks: guard rails can only fail it, other gated ones must pass."""
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
        check_of(
            pair,
            metric,
            policy,
            levels_at(pair, metric, policy, look, schedule),
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
    """Whether ``metric`` occurs on either side.

    Without thinking, the answer is the whole completion, which ``tokens`` shows already.
    """
    if metric is Metric.ANSWER:
        metric = Metric.THINKING
    return any(bool(side.means[metric].any()) for side in (pair.candidate, pair.baseline))


def _join(pairs: Sequence[TaskPair]) -> TaskPair:
    """All tasks as one, each with equal weight, so that its mean is the mean over tasks."""
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
