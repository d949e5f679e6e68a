"""A run in numbers: levels by task with intervals, and the count of every outcome."""

from __future__ import annotations

from typing import assert_never

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.gate.metric import values_of
from smallscale_ci.gate.pairing import clusters_of
from smallscale_ci.gate.problem_means import ProblemMeans, problem_means
from smallscale_ci.records import Estimate, Metric, Outcome, Scale, Summary, TaskSummary
from smallscale_ci.run.samples import OUTCOMES, Samples
from smallscale_ci.stats.contrast import Vector
from smallscale_ci.stats.paired import level

_EACH_SIDE = 0.025  # of the 95% intervals
_NOTHING = Estimate(0.0, 0.0, 0.0, 0, 0, "no judged samples")


def summarise(samples: Samples) -> Summary:
    """Levels of every task, in the order of ``samples.tasks``, with clustered 95% intervals.

    Epochs are averaged within their problem first. ERRORED samples count only as an
    outcome. A task without any judged sample has levels over n = 0 problems.
    """
    means = problem_means(samples)
    row_task = samples.problem_task[samples.problem]
    tasks = tuple(
        _task(samples, means, code, row_task == code) for code in range(len(samples.tasks))
    )
    return Summary(tasks=tasks, planned=len(samples), outcomes=samples.outcome_counts())


def _task(samples: Samples, means: ProblemMeans, code: int, rows: NDArray[np.bool_]) -> TaskSummary:
    outcome = samples.outcome[rows]
    counts = np.bincount(outcome, minlength=len(OUTCOMES))
    tokens = samples.tokens[rows]
    known = tokens[~np.isnan(tokens)]
    right = samples.tokens[rows & samples.correct]
    of_task = samples.problem_task == code
    problems = of_task & (means.judged > 0)
    cluster = clusters_of(samples, problems)
    median, p90 = np.percentile(known, (50, 90)) if len(known) else (0.0, 0.0)
    return TaskSummary(
        task=samples.tasks[code],
        problems=int(of_task.sum()),
        epochs=len(outcome) / max(int(of_task.sum()), 1),
        levels={
            metric: _level(metric, values[problems], cluster)
            for metric, values in means.means.items()
        },
        median_tokens=float(median),
        p90_tokens=float(p90),
        tokens_correct=float(right.mean()) if len(right) else None,
        outcomes={o.value: int(n) for o, n in zip(OUTCOMES, counts, strict=True)},
        lengths=_lengths(samples, rows),
    )


def _lengths(samples: Samples, rows: NDArray[np.bool_]) -> dict[str, dict[str, float | None]]:
    """For each known length, the mean over right and over wrong answers."""
    sides = {"right": Outcome.CORRECT, "wrong": Outcome.WRONG}
    found: dict[str, dict[str, float | None]] = {}
    for metric in (m for m in Metric if m.scale is Scale.LENGTH and m not in samples.unknown):
        values = values_of(samples, metric)
        of = {
            side: values[rows & (samples.outcome == OUTCOMES.index(outcome))]
            for side, outcome in sides.items()
        }
        found[metric.value] = {
            side: float(some.mean()) if len(some) else None for side, some in of.items()
        }
    return found


def _level(metric: Metric, values: Vector, cluster: NDArray[np.int64]) -> Estimate:
    if not len(values) or np.isnan(values).any():
        return _NOTHING
    match metric.scale:
        case Scale.RATE:
            unit = 1.0
        case Scale.LENGTH:
            unit = float(values.max()) or 1.0  # the longest is as good as a bound
        case unknown:
            assert_never(unknown)
    found = level(values / unit, cluster)
    low, high = found.interval(_EACH_SIDE)
    return Estimate(
        value=found.value * unit,
        low=max(low, 0.0) * unit,
        high=min(high, 1.0) * unit,
        n=found.n,
        clusters=found.clusters,
        method=found.method,
    )
