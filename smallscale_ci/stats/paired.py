"""Means of bounded values by problem: levels, and paired differences between two runs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.stats.contrast import Contrast, Vector

Codes = NDArray[np.int64]
_BLOCK = 100_000  # values


def paired_difference(
    candidate: Vector, baseline: Vector, cluster: Codes, weight: Vector | None = None
) -> Contrast:
    """Mean of candidate − baseline over problems, clustered.

    ``candidate`` and ``baseline`` (n,) are means over epochs in [0, 1], ``cluster`` (n,) codes
    0…G−1, all in use, ``weight`` (n,) of the problems (equal if ``None``).
    """
    return bounded_mean(candidate - baseline, cluster, -1.0, weight)


def level(values: Vector, cluster: Codes) -> Contrast:
    """Mean of ``values`` (n,) in [0, 1], clustered by codes ``cluster`` (n,) 0…G−1, all in use."""
    return bounded_mean(values, cluster, 0.0)


def bounded_mean(
    values: Vector, cluster: Codes, lowest: float, weight: Vector | None = None
) -> Contrast:
    """Mean of ``values`` (n,) in [``lowest``, 1] with the clustered (CR1) standard error.

    ``cluster`` and ``weight`` are as for ``paired_difference``.

    The influence of a cluster is its summed deviation from the mean, in units of one average
    cluster: the score of a regression on a constant (Cameron and Miller 2015, section II).
    """
    count = int(cluster.max()) + 1
    x = cluster_sums(values, cluster, count, weight)
    y = cluster_sums(np.broadcast_to(1.0, len(values)), cluster, count, weight)
    total = float(y.sum())
    value = float(x.sum()) / total
    largest = float(y.max())
    effective = effective_count(x)
    if lowest == 0.0:  # a level near 1 has as little information as one near 0
        effective = min(effective, effective_count(y - x))
    influence = y * -value
    influence += x
    influence *= count / total
    return Contrast(
        value=value,
        influence=influence,
        x=x,
        y=y,
        lowest=(lowest * largest, largest),
        highest=(largest, largest),
        n=len(values),
        effective=effective,
    )


def cluster_sums(
    values: Vector, cluster: Codes, count: int, weight: Vector | None = None
) -> Vector:
    """(count,) sums of ``values`` (n,) by ``cluster``, times their ``weight`` (1 if ``None``).

    If each cluster has one value, the sums are in the order of the values.
    """
    weighted = values if weight is None else weight * values
    if count == len(values):
        return weighted
    return np.asarray(np.bincount(cluster, weighted, count), dtype=np.float64)


def effective_count(x: Vector) -> float:
    """(Σx²)²/Σx⁴: how many of ``x`` (n,) matter: n if all are equally large, 0 if all are zero."""
    largest = max(float(x.max(initial=0.0)), -float(x.min(initial=0.0)))
    if largest == 0.0:
        return 0.0
    total = fourth = 0.0
    for start in range(0, len(x), _BLOCK):  # of millions, each new array costs more
        squares = x[start : start + _BLOCK] / largest
        np.square(squares, out=squares)
        total += float(squares.sum())
        fourth += float(np.square(squares, out=squares).sum())
    return total**2 / fourth
