"""Each metric in numbers: its value for a sample, its contrast between two runs, its tests.

The table of metrics is ``records/metric.py``; this module has what needs arrays. The rest of the
gate uses a metric's scale and direction, never its name.
"""

from __future__ import annotations

from typing import Any, assert_never

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.records import Metric, Outcome, Scale
from smallscale_ci.run.samples import OUTCOMES, Samples
from smallscale_ci.stats.contrast import Contrast, Vector
from smallscale_ci.stats.paired import Codes, paired_difference
from smallscale_ci.stats.tokens import paired_log_ratio

_MISSING = [OUTCOMES.index(outcome) for outcome in (Outcome.UNPARSED, Outcome.TRUNCATED)]


def values_of(samples: Samples, metric: Metric) -> Vector:  # noqa: PLR0911 - a case for each
    """(samples,) the metric of each sample: 0 or 1 for a rate, a count for a length, NaN unknown.

    For ERRORED samples see ``known_of_errored``.
    """
    if metric in samples.unknown:
        return np.full(len(samples), np.nan)
    match metric:
        case Metric.ACCURACY:
            return samples.correct.astype(np.float64)
        case Metric.TOKENS:
            return samples.tokens
        case Metric.TRUNCATION:
            return samples.truncated.astype(np.float64)
        case Metric.THINKING:
            return _told(samples.thinking)
        case Metric.ANSWER:
            return samples.tokens - _told(samples.thinking)
        case Metric.LOOPING:
            return _told(samples.looping)
        case Metric.MISSING:
            return np.isin(samples.outcome, _MISSING).astype(np.float64)
        case unknown:
            assert_never(unknown)


def _told(column: NDArray[Any] | None) -> Vector:
    assert column is not None  # noqa: S101 - else the metric is among ``samples.unknown``
    return np.asarray(column, dtype=np.float64)


def known_of_errored(samples: Samples, metric: Metric) -> Vector:
    """(samples,) the value that is known for each sample even if it ERRORED, else NaN.

    If only the judge failed, the engine's answer still has a length and a finish reason.
    """
    match metric:
        case Metric.ACCURACY | Metric.MISSING:
            return np.full(len(samples), np.nan)
        case Metric.TOKENS:
            return samples.tokens
        case Metric.TRUNCATION:
            return np.where(np.isnan(samples.tokens), np.nan, samples.truncated)
        case Metric.THINKING | Metric.ANSWER:
            return values_of(samples, metric)
        case Metric.LOOPING:
            return np.where(np.isnan(samples.tokens), np.nan, values_of(samples, metric))
        case unknown:
            assert_never(unknown)


def margin_of(policy: GatePolicy, task: str, metric: Metric) -> float | None:
    """The policy's margin for a task and metric; ``None`` when it is not gated."""
    return policy.task_margins.get(task, policy.margins).of(metric)


def is_band(policy: GatePolicy, metric: Metric) -> bool:
    """Whether a change for the better counts as one, too (``tokens_direction: band``)."""
    return metric.scale is Scale.LENGTH and policy.tokens_direction == "band"


def contrast(
    metric: Metric,
    candidate: Vector,
    baseline: Vector,
    cluster: Codes,
    weight: Vector | None = None,
    noise: Vector | None = None,
) -> Contrast:
    """The change from ``baseline`` to ``candidate``, both (n,) means by problem.

    A difference of shares, or a log ratio of means. ``noise`` (n,) is the variance of a length's
    difference in an unchanged model (``paired_log_ratio``); the rest is as in ``stats/``.
    """
    match metric.scale:
        case Scale.RATE:
            return paired_difference(candidate, baseline, cluster, weight)
        case Scale.LENGTH:
            if min(candidate.sum(), baseline.sum()) == 0:
                # A checkpoint that ends at once has no tokens; counting the end token, it has a
                # ratio.
                candidate, baseline = candidate + 1, baseline + 1
            return paired_log_ratio(candidate, baseline, cluster, weight, noise)
        case unknown:
            assert_never(unknown)


def p_worse(change: Contrast, metric: Metric, tolerated: float, *, band: bool) -> float:
    """P-value of "not worse than ``tolerated``", which is in the unit of the margin."""
    limit = metric.limit(tolerated)
    up, down = change.p_greater(limit), change.p_less(-limit)
    return min(1.0, 2 * min(up, down)) if band else up if metric.worse > 0 else down


def p_within(
    change: Contrast, metric: Metric, margin: float | None, *, band: bool, enough: float = 0.0
) -> float:
    """P-value of "worse by ``margin``"; 1 where there is none. ``enough`` is as in ``p_less``."""
    if margin is None:
        return 1.0
    limit = metric.limit(margin)
    if band:
        return max(change.p_less(limit, enough), change.p_greater(-limit, enough))
    if metric.worse > 0:
        return change.p_less(limit, enough)
    return change.p_greater(-limit, enough)
