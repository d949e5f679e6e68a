"""The levels that a check's two tests may spend at a look."""

from __future__ import annotations

import math

import numpy as np

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.gate.pairing import TaskPair
from smallscale_ci.gate.schedule import Schedule, later_order, levels, noise_of, worth_of
from smallscale_ci.records import Metric
from smallscale_ci.stats.contrast import Vector


def levels_at(
    pair: TaskPair, metric: Metric, policy: GatePolicy, look: int, schedule: Schedule
) -> tuple[float, float]:
    """The nominal one-sided levels of the pass test and the fail test at ``look``, from 1."""
    alphas = policy.alpha_pass, policy.alpha_fail
    if schedule.looks == 1:
        return alphas
    # samples of a problem in an epoch
    each = float(pair.candidate.judged.mean()) / max(schedule.ends[look - 1], 1.0)
    # Twins have their own clock: as many samples of the baseline as of the candidate.
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


def places(pair: TaskPair, policy: GatePolicy) -> Vector:
    """(n,) where each problem is in the order of later epochs, from 0 to 1."""
    order = later_order(pair.problem_ids.tolist(), worth_of(pair.baseline, policy, pair.task))
    place = np.empty(len(order))
    place[order] = np.arange(len(order)) / max(len(order), 1)
    return place
