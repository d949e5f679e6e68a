"""Ratio of mean token counts of two runs, paired by problem, on the log scale."""

from __future__ import annotations

import math

import numpy as np

from smallscale_ci.stats.contrast import Contrast, Vector
from smallscale_ci.stats.paired import Codes, cluster_sums, effective_count


def paired_log_ratio(
    candidate: Vector,
    baseline: Vector,
    cluster: Codes,
    weight: Vector | None = None,
    noise: Vector | None = None,
) -> Contrast:
    """log(mean candidate / mean baseline) over problems, clustered.

    ``candidate`` and ``baseline`` (n,) are mean token counts over epochs, not negative, with
    positive sums; ``cluster`` and ``weight`` are as for ``paired_difference``. The standard error
    is the delta method's with the influence taken from the jackknife over clusters, which agrees
    with it for many clusters and does not understate the error for few (Efron and Stein 1981, Ann.
    Statist. 9, 586-596).

    ``noise`` (n,) is the variance that candidate − baseline would have for each problem if nothing
    had changed, estimated elsewhere. The standard error is at least what it implies: the
    variance under the null, as in Farrington and Manning 1990, Statist. Med. 9, 1447-1454. With
    long-tailed lengths the sample's own variance is small exactly when its mean is too small.

    Raises ``ValueError`` when one side has no tokens at all.
    """
    count = int(cluster.max()) + 1
    x = cluster_sums(candidate, cluster, count, weight)
    y = cluster_sums(baseline, cluster, count, weight)
    size = cluster_sums(np.broadcast_to(1.0, len(candidate)), cluster, count, weight)
    sum_x, sum_y, total = float(x.sum()), float(y.sum()), float(size.sum())
    if sum_x <= 0 or sum_y <= 0:
        raise ValueError("a ratio of means needs tokens on both sides")
    value = math.log(sum_x / sum_y)
    cap = max(float(candidate.max()), float(baseline.max()))
    largest = float(size.max())
    return Contrast(
        value=value,
        influence=_influence(x, y, sum_x, sum_y),
        x=x,
        y=y,
        lowest=(largest * sum_x / total, largest * cap),
        highest=(largest * cap, largest * sum_y / total),
        n=len(candidate),
        effective=effective_count(x - y),
        log=True,
        least_se=math.sqrt(_summed(noise, weight) / (sum_x * sum_y)),
    )


def _summed(noise: Vector | None, weight: Vector | None) -> float:
    """The variance of a weighted sum of terms that have the variances ``noise``."""
    if noise is None:
        return 0.0
    return float(noise.sum() if weight is None else weight**2 @ noise)


def _influence(x: Vector, y: Vector, sum_x: float, sum_y: float) -> Vector:
    """(G,) influence of each cluster; linear if leaving one out would leave nothing."""
    count = len(x)
    rest_x, rest_y = sum_x - x, sum_y - y
    if count < 2 or min(rest_x.min(), rest_y.min()) <= 1e-9 * min(sum_x, sum_y):
        return np.asarray(count * (x / sum_x - y / sum_y))
    left_out = np.log(np.divide(rest_x, rest_y, out=rest_x), out=rest_x)
    np.subtract(left_out.mean(), left_out, out=left_out)
    left_out *= count - 1
    return left_out
