"""A run in numbers: levels by task with intervals, and the count of every outcome."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.gate.pairing import ProblemMeans, cluster_codes, problem_means
from smallscale_ci.records import Estimate, Summary, TaskSummary
from smallscale_ci.run.samples import OUTCOMES, Samples
from smallscale_ci.stats.contrast import Contrast, Vector
from smallscale_ci.stats.paired import level

_EACH_SIDE = 0.025  # of the 95 % intervals
_NOTHING = Estimate(0.0, 0.0, 0.0, 0, 0, "no judged samples")


def summarise(samples: Samples) -> Summary:
    """Levels of every task, in the order of ``samples.tasks``, with clustered 95 % intervals.

    Epochs are averaged within their problem first. ERRORED samples count as an outcome and as
    nothing else. A task without any judged sample has levels over n = 0 problems.
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
    cluster = cluster_codes(samples.clusters[problems])
    median, p90 = np.percentile(known, (50, 90)) if len(known) else (0.0, 0.0)
    return TaskSummary(
        task=samples.tasks[code],
        problems=int(of_task.sum()),
        epochs=len(outcome) / max(int(of_task.sum()), 1),
        accuracy=_share(means.accuracy[problems], cluster),
        tokens=_tokens(means.tokens[problems], cluster),
        truncation=_share(means.truncation[problems], cluster),
        median_tokens=float(median),
        p90_tokens=float(p90),
        tokens_correct=float(right.mean()) if len(right) else None,
        outcomes={o.value: int(n) for o, n in zip(OUTCOMES, counts, strict=True)},
    )


def _share(values: Vector, cluster: NDArray[np.int64]) -> Estimate:
    if not len(values):
        return _NOTHING
    contrast = level(values, cluster)
    low, high = contrast.interval(_EACH_SIDE)
    return _estimate(contrast, max(low, 0.0), min(high, 1.0))


def _tokens(values: Vector, cluster: NDArray[np.int64]) -> Estimate:
    if not len(values):
        return _NOTHING
    longest = float(values.max()) or 1.0
    contrast = level(values / longest, cluster)
    low, high = contrast.interval(_EACH_SIDE)
    return _estimate(contrast, max(low, 0.0), min(high, 1.0), longest)


def _estimate(contrast: Contrast, low: float, high: float, unit: float = 1.0) -> Estimate:
    return Estimate(
        value=contrast.value * unit,
        low=low * unit,
        high=high * unit,
        n=contrast.n,
        clusters=contrast.clusters,
        method=contrast.method,
    )
