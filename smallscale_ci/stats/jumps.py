"""Growth of lengths in few problems: which ones jumped, and what that leaves possible.

Where a few problems in a hundred grow many times over, the mean says little about how much the next
problems would: which ones grew, and how long those are, is chance. Their number is close to
Poisson's, and its bounds come from the bounded test, with every jump as large as it would be in a
problem of average length, and one more such jump that was not seen.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from smallscale_ci.stats.contrast import SHOWN, Contrast, Vector
from smallscale_ci.stats.paired import Codes, cluster_sums

_FAR = 3.0  # standard deviations of an unchanged problem's growth, at least,
_BY_CHANCE = 0.25  # and as many as leave so many problems outside if growths were normal
_FEW = 30  # jumps: of more the mean is near normal
_NORMAL = 1.349  # quartiles of the normal distribution are so many standard deviations apart


def jumped(
    candidate: Vector,
    within: Vector,
    samples: Codes,
    baseline: Vector,
    base_within: Vector,
    base_samples: Codes,
) -> NDArray[np.bool_]:
    """(n,) which problems grew as no unchanged one of the others does.

    All arguments are (n,): mean lengths, sums of squared deviations from them and numbers of
    samples, of either side. A jump is far from the quartiles of the logarithms of all growths, and
    far outside the noise of its problem, or the average noise if that is more: lengths have long
    tails, which one of these alone would take for jumps. And since some models ramble now and then,
    on either side, it must not be due to one sample: without the longest one it is a jump, too, or
    where there is but one, it is further out than any of the baseline's, and not the only jump.
    """
    known = (candidate > 0) & (baseline > 0)
    none = np.zeros(len(known), dtype=np.bool_)
    if known.sum() < SHOWN:
        return none
    freedom = np.maximum(base_samples - 1, 0)
    relative = base_within.sum() / max(float(np.square(baseline[known]) @ freedom[known]), 1e-9)
    noise = np.maximum(base_within / np.maximum(freedom, 1), relative * np.square(baseline))
    bound = max(_FAR, -float(special.ndtri(_BY_CHANCE / len(known))))
    least = baseline + bound * np.sqrt(noise * (1 / samples + 1 / base_samples))
    far = np.flatnonzero(known & (candidate > least))
    several = samples[far] > 1
    others = candidate[far]  # without the longest sample
    others[several] = _without_one(candidate[far], within[far], samples[far])[several]
    still = others > least[far]
    far, several, others = far[still], several[still], others[still]
    if not len(far):
        return none
    logs = np.log(candidate[known] / baseline[known])
    low, middle, high = np.quantile(logs, (0.25, 0.5, 0.75), overwrite_input=True)
    found = np.log(others / baseline[far]) > middle + bound * (high - low) / _NORMAL
    if not several.all():
        usual = _without_one(baseline, base_within, base_samples)[known]
        longest = (1 + base_samples[known] * (baseline[known] / usual - 1)).max()
        found &= several | (candidate[far] / baseline[far] > longest)
    number = int(found.sum())
    if number > _FEW or (number <= 1 and not several[found].any()):
        return none
    none[far[found]] = True
    return none


def _without_one(mean: Vector, within: Vector, samples: Codes) -> Vector:
    """(n,) the mean of each problem without one sample, if that is all that differs.

    Then it explains all of ``within``, the squared deviations from ``mean``.
    """
    several = np.maximum(samples, 2)
    away = np.sqrt(within * several / (several - 1))
    return np.asarray(np.maximum(mean - away / several, 1e-3 * mean))


def with_jumps(
    change: Contrast,
    candidate: Vector,
    baseline: Vector,
    cluster: Codes,
    jumps: NDArray[np.bool_],
    weight: Vector | None = None,
) -> Contrast:
    """``change`` with the bounded test where ``jumps`` (n,) carry the growth.

    The rest is as for ``paired_log_ratio``, which made ``change``.
    """
    weights = np.ones(len(candidate)) if weight is None else weight
    usual = float(np.average(baseline, weights=weights))
    ratio = candidate[jumps] / baseline[jumps]
    grown = candidate.copy()
    grown[jumps] += np.maximum(usual - baseline[jumps], 0.0) * (ratio - 1)
    most = usual * float(ratio.max())
    largest = float(cluster_sums(weights, cluster, change.clusters).max())
    return replace(
        change,
        x=cluster_sums(weights * grown, cluster, change.clusters),
        highest=(largest * most, largest * usual),
        effective=0.0,
    )


def unseen(tenfold: float, growth: float, clusters: int) -> float:
    """Chance that none of ``clusters`` shows a mean ``growth`` made of ``tenfold`` ones."""
    return math.pow(1 - min(growth / (tenfold - 1), 1.0), clusters)


def hidden(tenfold: float, level: float, clusters: int) -> float:
    """The smallest mean growth that is not ``unseen`` with more than ``level``."""
    return (tenfold - 1) * (1 - math.pow(level, 1 / clusters))
