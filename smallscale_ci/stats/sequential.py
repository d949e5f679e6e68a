"""Group-sequential boundaries: how small a p-value must be at each look.

A run that is judged after every epoch has several chances to be wrong, so each look pays a part
of the level (Lan and DeMets 1983, Biometrika 70, 659-663). What is paid follows their
Pocock-type function, with the share of planned epochs as its clock; how much that buys follows
from the joint normal distribution of the looks, computed by recursive integration (Armitage,
McPherson and Rowe 1969, J. R. Stat. Soc. A 132, 235-244).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special

Vector = NDArray[np.float64]
_LOWEST = -9.0  # of the z grid: nothing below has any weight
_SMALLEST = 1e-12  # of a level


def pocock_spending(alpha: float, share: float) -> float:
    """Level spent when ``share`` (0 to 1) of the schedule is done: α·ln(1 + (e − 1)·share)."""
    return alpha * math.log1p((math.e - 1) * min(max(share, 0.0), 1.0))


def nominal_levels(spent: Sequence[float], information: Sequence[float]) -> tuple[float, ...]:
    """The one-sided level of each look's own p-value that spends ``spent`` in all.

    ``spent`` is the cumulative level after each look, ``information`` the information at each
    (any unit, not decreasing): 1/variance of the estimate. Later looks change nothing, so the
    lists may end at the current look. The levels do not rely on stops by the other test.
    """
    levels: list[float] = []
    nodes = weights = np.empty(0)
    before = 0.0
    for look, (total, now) in enumerate(zip(spent, information, strict=True)):
        step = max(total - (spent[look - 1] if look else 0.0), _SMALLEST)
        ratio = math.sqrt(min(before / now, 1 - 1e-4)) if look else 0.0
        spread = math.sqrt(1 - ratio * ratio)
        if look == 0:
            bound = float(-special.ndtri(step))
        else:
            bound = _solve(nodes, weights, ratio, spread, step)
        levels.append(float(special.ndtr(-bound)))
        x, w = _gauss(spread)
        grid = _LOWEST + (x + 1) / 2 * (bound - _LOWEST)
        density = _density(grid, nodes, weights, ratio, spread) if look else _normal(grid)
        nodes, weights, before = grid, density * w * (bound - _LOWEST) / 2, now
    return tuple(levels)


def _solve(nodes: Vector, weights: Vector, ratio: float, spread: float, step: float) -> float:
    """The bound that is crossed now, and was not before, with probability ``step``."""

    def excess(bound: float) -> float:
        return float(weights @ special.ndtr((nodes * ratio - bound) / spread)) - step

    if excess(8.0) > 0:
        return 8.0
    from scipy import optimize  # loads all its solvers: half of the time of scipy's import

    return float(optimize.brentq(excess, -8.0, 8.0, xtol=1e-8))


def _density(grid: Vector, nodes: Vector, weights: Vector, ratio: float, spread: float) -> Vector:
    """Density of z on ``grid`` for paths that have not crossed yet."""
    steps = (grid[:, None] - ratio * nodes[None, :]) / spread
    return np.asarray(_normal(steps) @ weights / spread)


def _normal(z: Vector) -> Vector:
    return np.asarray(np.exp(-z * z / 2) / math.sqrt(2 * math.pi))


def _gauss(spread: float) -> tuple[Vector, Vector]:
    """Gauss-Legendre nodes, more of them when one look adds little and the density is narrow."""
    return _legendre(int(min(480, max(96, 80 * math.ceil(0.25 / spread)))))


@lru_cache(maxsize=8)
def _legendre(count: int) -> tuple[Vector, Vector]:
    nodes, weights = special.roots_legendre(count)
    return np.asarray(nodes), np.asarray(weights)
