"""Errors from the noise between epochs of the same problem: the problems themselves are fixed."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.stats.contrast import Contrast, Vector

Codes = NDArray[np.int64]


def paired_error(
    candidate: Vector,
    candidate_within: Vector,
    candidate_samples: Codes,
    baseline: Vector,
    baseline_within: Vector,
    baseline_samples: Codes,
    weight: Vector,
) -> float:
    """Standard error of Σ weight·(candidate − baseline) if the sides' samples were exchangeable.

    All arguments are (n,) by problem: means, sums of squared deviations from them, numbers of
    samples; ``weight`` sums to 1. It is the permutation variance within problems: for shares that
    of the Cochran-Mantel-Haenszel test (Mantel and Haenszel 1959, J. Natl. Cancer Inst. 22), which
    is McNemar's with one sample on each side.
    """
    total = candidate_samples + baseline_samples
    between = np.square(candidate - baseline) * candidate_samples * baseline_samples / total
    variance = (candidate_within + baseline_within + between) / np.maximum(total - 1, 1)
    each = variance * total / (candidate_samples * baseline_samples)
    return math.sqrt(float(np.square(weight) @ each))


def exact_tail(lost: Codes, losses: Codes, samples: Codes, total: Codes) -> float:
    """P-value of at least this many losses on one side if the sides were exchangeable.

    All are (n,) by problem: the losses of that side, those of both sides, its samples, those of
    both sides. Under permutation within problems each is hypergeometric: Fisher's exact test,
    stratified (Mehta, Patel and Gray 1985, J. Am. Stat. Assoc. 80, 969-973).
    """
    chances = np.ones(1)
    for all_lost, mine, both in zip(losses.tolist(), samples.tolist(), total.tolist(), strict=True):
        ways = math.comb(both, all_lost)
        found = [
            math.comb(mine, k) * math.comb(both - mine, all_lost - k) / ways
            for k in range(min(mine, all_lost) + 1)
        ]
        chances = np.convolve(chances, found)
    return float(min(chances[int(lost.sum()) :].sum(), 1.0))


def fixed(change: Contrast, error: float) -> Contrast:
    """``change`` with the standard error ``error`` and normal tails instead of clustered ones.

    ``error`` is on the scale of ``change.value``: a share, or the log of a ratio.
    """
    return replace(change, known_se=max(error, 1e-12))
