"""Growth of lengths in few problems: which ones jumped, and what remains possible.

If a few problems in a hundred grow many times over, the mean says little about how much the next
problems would grow: which ones grew, and how long those are, is chance. Their number is close to
Poisson's, and its bounds come from the bounded test, with every jump as large as it would be in a
problem of average length, and one more such jump that was not seen.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import special

from smallscale_ci.stats.contrast import SHOWN, Contrast, Vector
from smallscale_ci.stats.paired import Codes, cluster_sums

_FAR = 3.0  # least number of standard deviations of an unchanged problem's growth,
_BY_CHANCE = 0.25  # and enough of them to leave this many problems outside if growths were normal
_REST = 1.5  # standard deviations by which a jumped problem's other samples must be away
_SOONER = 0.85  # times as far is enough for a single sample if a second is to come
_FEW = 30  # jumps: with more, the mean is nearly normal
_BLOCK = 500_000  # problems
_NORMAL = 1.349  # distance of the normal distribution's quartiles, in standard deviations


def jumped(
    candidate: Vector,
    within: Vector,
    samples: Codes,
    baseline: Vector,
    base_within: Vector,
    base_samples: Codes,
    *,
    final: bool,
) -> NDArray[np.bool_]:
    """(n,) which problems grew far beyond the rest.

    All arguments are (n,): mean lengths, sums of squared deviations from them and numbers of
    samples, for each side. A jump is far from the quartiles of the logarithms of all growths, and
    far outside the noise of its problem, or the average noise if that is more: lengths have long
    tails, which either test alone would take for jumps. And since some models ramble now and then,
    with several samples it must not be due to one: the others must have grown, too. A single one
    may be a jump, and the pass test then waits for a second. If these samples are ``final`` there
    will be none, so it must be further out than any of the baseline's, and not the only jump.
    """
    known = (candidate > 0) & (baseline > 0)
    none = np.zeros(len(known), dtype=np.bool_)
    if known.sum() < SHOWN:
        return none
    bound = max(_FAR, -float(special.ndtri(_BY_CHANCE / len(known))))
    far = _far(candidate, samples, baseline, base_within, base_samples, known, bound)
    if not len(far):
        return none
    logs = candidate[known]
    logs /= baseline[known]
    np.log(logs, out=logs)
    low, middle, high = np.quantile(logs, (0.25, 0.5, 0.75), overwrite_input=True)
    del logs
    spread = (high - low) / _NORMAL
    least = np.where((samples[far] == 1) & (not final), _SOONER, 1.0) * bound * spread
    far = far[np.log(candidate[far] / baseline[far]) > middle + least]
    others = _without_one(candidate[far], within[far], samples[far])
    rest, base = np.maximum(samples[far] - 1, 1), base_samples[far]
    wider = np.sqrt((1 / rest + 1 / base) / (1 / samples[far] + 1 / base))
    far = far[np.log(others / baseline[far]) > middle + _REST * spread * wider]
    single = samples[far] == 1
    if final and single.any():
        longest = max(
            _longest(baseline[some], base_within[some], base_samples[some])
            for some in _blocks(known)
        )
        far = far[~single | (candidate[far] / baseline[far] > longest)]
        far = far if len(far) > 1 or not single.all() else far[:0]
    if len(far) <= _FEW:
        none[far] = True
    return none


def _far(
    candidate: Vector,
    samples: Codes,
    baseline: Vector,
    base_within: Vector,
    base_samples: Codes,
    known: NDArray[np.bool_],
    bound: float,
) -> Codes:
    """(k,) which problems are longer than ``bound`` standard deviations of their noise allow."""
    squared = sum(
        float(np.square(baseline[some]) @ np.maximum(base_samples[some] - 1, 0))
        for some in _blocks(known)
    )
    relative = base_within.sum() / max(squared, 1e-9)
    places = []
    for some in _blocks(known):
        usual, freedom = baseline[some], np.maximum(base_samples[some] - 1, 1)
        noise = np.maximum(base_within[some] / freedom, relative * np.square(usual))
        each = 1 / samples[some] + 1 / base_samples[some]
        least = usual + bound * np.sqrt(noise * each)
        places.append(some[candidate[some] > least])
    return np.concatenate(places)


def _blocks(known: NDArray[np.bool_]) -> Iterator[Codes]:
    """The places of ``known`` (n,), many at a time: of millions, each new array costs more."""
    for start in range(0, len(known), _BLOCK):
        yield start + np.flatnonzero(known[start : start + _BLOCK])


def _longest(mean: Vector, within: Vector, samples: Codes) -> float:
    """How many times its problem's mean the longest sample may be."""
    usual = _without_one(mean, within, samples)
    return float((1 + samples * (mean / usual - 1)).max(initial=0.0))


def _without_one(mean: Vector, within: Vector, samples: Codes) -> Vector:
    """(n,) the mean of each problem without one sample, if that is all that differs.

    Then it explains all of ``within``, the squared deviations from ``mean``. Of one sample, itself.
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
    """``change`` with the bounded test, for problems of which ``jumps`` (n,) carry the growth.

    The rest is as for ``paired_log_ratio``, which made ``change``.
    """
    usual = float(np.average(baseline, weights=weight))
    ratio = candidate[jumps] / baseline[jumps]
    grown = candidate.copy()
    grown[jumps] += np.maximum(usual - baseline[jumps], 0.0) * (ratio - 1)
    most = usual * float(ratio.max())
    ones = np.broadcast_to(1.0, len(candidate))
    largest = float(cluster_sums(ones, cluster, change.clusters, weight).max())
    return replace(
        change,
        x=cluster_sums(grown, cluster, change.clusters, weight),
        highest=(largest * most, largest * usual),
        effective=0.0,
    )


def unseen(tenfold: float, growth: float, clusters: int) -> float:
    """Chance that a mean ``growth`` (0.05 is 5%) by factors of ``tenfold`` hits no cluster."""
    return math.pow(1 - min(growth / (tenfold - 1), 1.0), clusters)


def hidden(tenfold: float, level: float, clusters: int) -> float:
    """The smallest mean growth (0.05 is 5%) that is ``unseen`` with chance ``level`` at most."""
    return (tenfold - 1) * (1 - math.pow(level, 1 / clusters))
