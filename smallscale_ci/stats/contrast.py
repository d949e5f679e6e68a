"""A clustered estimate and its one-sided tests, with tails that hold for real evaluation data.

Three things break the textbook t test here; each has its remedy:

* samples of one cluster are not independent → errors are summed by cluster, with the factor
  G/(G−1) and G−1 degrees of freedom (Liang and Zeger 1986; Cameron and Miller 2015);
* differences are skewed: a strong model has many small gains and few large losses, and lengths
  have long tails → Hall's cubic transformation removes the skewness from the t statistic
  (P. Hall 1992, J. R. Stat. Soc. B 54, 221-228). The larger of the two p-values counts, since the
  correction rests on an estimated third moment;
* hardly anything changed, or there are only a few problems: the variance itself is unknown, and
  no changes at all would make it zero → Gaffke's bound, the mean under Dirichlet weights with one
  more cluster at the worst possible value (N. Gaffke 2005, Math. Methods Statist. 14, 451-467;
  Learned-Miller and Thomas 2019, arXiv:1905.06208). It needs no variance, only bounded data. For
  all-or-nothing differences it is the exact Clopper-Pearson bound: with no change among n
  problems it excludes a loss of m at level (1 − m)^n.

What decides between them is how many clusters carry the information, (Σx²)²/Σx⁴ of the
differences: below ``FEW`` it is the bounded test. ``docs/gate.md`` shows the levels measured.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import special

FEW = 6.0  # effective informative clusters below which the variance is not trusted
FEW_CLUSTERS = 10  # clusters below which errors by cluster are hardly known
SHOWN = 20  # clusters among which the longest length is as good as a bound
NEGLIGIBLE = 0.03  # skewness/√G that moves a level of 5% by 0.3 points at most: left alone

Vector = NDArray[np.float64]
_NODES = np.exp(np.arange(-14.0, 5.0, 0.05))  # of the contour integral, in standard deviations
_STEP = 0.05
_MOST_GROUPS = 256  # different clusters that the bounded test distinguishes
_Function = Callable[[float], float]


@dataclass(frozen=True, eq=False)
class Contrast:
    """An estimate θ that solves Σ x − r(θ)·Σ y = 0 over G independent clusters.

    For a mean r(θ) = θ and y counts problems; for a log ratio of means r(θ) = exp(θ) and y is the
    denominator. ``influence`` (G,) has mean zero and gives the standard error
    √(Σ u² / (G (G−1))). ``lowest`` and ``highest`` are the (x, y) of the most extreme cluster
    there could be.
    """

    value: float
    influence: Vector  # (G,)
    x: Vector  # (G,)
    y: Vector  # (G,)
    lowest: tuple[float, float]
    highest: tuple[float, float]
    n: int  # problems
    effective: float  # clusters that carry information, at most G
    log: bool = False
    least_se: float = 0.0  # lower bound of the standard error, from elsewhere
    known_se: float = 0.0  # the standard error itself, if it is known: then tails are normal

    @property
    def clusters(self) -> int:
        """Number of clusters G."""
        return len(self.influence)

    @property
    def even_clusters(self) -> float:
        """How many clusters of equal size would say as much."""
        return even_count(self.y)

    @cached_property
    def se(self) -> float:
        """Clustered standard error of ``value``; 0 with one cluster."""
        count = self.clusters
        if count < 2:
            return 0.0
        seen = math.sqrt(float(np.square(self.influence).sum()) / (count * (count - 1)))
        return max(seen, self.least_se)

    @cached_property
    def skewness(self) -> float:
        """Skewness of the influences."""
        powers = self.influence * self.influence
        scale = max(math.pow(float(powers.mean()), 1.5), 1e-300)
        powers *= self.influence
        return float(powers.sum()) / self.clusters / scale

    @property
    def bounded(self) -> bool:
        """Whether too little varies to trust the variance, so that the bounded test is used."""
        # Rounding leaves traces of a zero variance.
        return self.effective < FEW or self.se <= 1e-12 * max(1.0, abs(self.value))

    @property
    def method(self) -> str:
        """The method in words, for people."""
        if self.bounded:
            return "bounded mean (Gaffke), few informative problems"
        if abs(self.skewness) > NEGLIGIBLE * math.sqrt(self.clusters):
            return "clustered t, skewness-corrected"
        return "clustered t"

    def p_less(self, null: float, enough: float = 0.0) -> float:
        """P-value against "θ ≥ ``null``": small when θ is clearly less.

        A p-value of at most ``enough`` may be replaced by a bound, which takes less time.
        """
        return self._tail(null, 1.0, enough)

    def p_greater(self, null: float, enough: float = 0.0) -> float:
        """P-value against "θ ≤ ``null``": small when θ is clearly greater; as ``p_less``."""
        return self._tail(null, -1.0, enough)

    def interval(self, level: float) -> tuple[float, float]:
        """The nulls that neither test rejects at ``level`` (0 to 0.5, each side).

        If nothing is rejected on a side, its end is the limit of the metric, −∞ or ∞ for a ratio.
        """
        low = self._end(lambda null: self.p_greater(null) - level, -1.0)
        high = self._end(lambda null: self.p_less(null) - level, 1.0)
        return min(low, self.value), max(high, self.value)

    def _tail(self, null: float, sign: float, enough: float) -> float:
        if self.known_se:
            return float(special.ndtr(sign * (self.value - null) / self.known_se))
        if not self.bounded:
            return self._t_tail(null, sign)
        if not self.log or self.clusters >= SHOWN:
            return self._bounded_tail(null, sign, enough)
        # Lengths have no bound other than the longest one seen, which few problems understate.
        return max(self._bounded_tail(null, sign, enough), self._t_tail(null, sign))

    def _t_tail(self, null: float, sign: float) -> float:
        count = self.clusters
        if count < 2:  # nothing shows how much another cluster would differ
            return 1.0
        if self.se == 0.0:
            return float(sign * (self.value - null) >= 0)
        t = sign * (self.value - null) / self.se
        a = sign * self.skewness / math.sqrt(count)
        if abs(a) <= NEGLIGIBLE:
            return float(special.stdtr(count - 1, t))
        hall = t + a * t * t / 3 + a * a * t**3 / 27 + a / 6
        return float(special.stdtr(count - 1, max(t, hall)))

    def _bounded_tail(self, null: float, sign: float, enough: float) -> float:
        r = math.exp(min(null, 700.0)) if self.log else null
        x, y, count = self._groups
        worst_x, worst_y = self.highest if sign > 0 else self.lowest
        terms = np.append(x - r * y, worst_x - r * worst_y)
        return _dirichlet_tail(-sign * terms, np.append(count, 1.0), enough)

    @cached_property
    def _groups(self) -> tuple[Vector, Vector, Vector]:
        """x, y and number of equal clusters; the middle is averaged where that makes too many."""
        if np.ptp(self.x) == 0 and np.ptp(self.y) == 0:
            return self.x[:1], self.y[:1], np.array([float(len(self.x))])
        order = np.lexsort((self.y, self.x - self.y if self.log else self.x))
        x, y = self.x[order], self.y[order]
        new = np.ones(len(x), dtype=np.bool_)
        new[1:] = (np.diff(x) != 0) | (np.diff(y) != 0)
        starts = np.flatnonzero(new)
        if len(starts) > _MOST_GROUPS:
            ends = np.arange(_MOST_GROUPS // 4)
            middle = np.linspace(len(ends), len(x) - len(ends), _MOST_GROUPS // 2, endpoint=False)
            starts = np.concatenate([ends, middle.astype(np.int64), len(x) - 1 - ends[::-1]])
        count = np.diff(starts, append=len(x)).astype(np.float64)
        return np.add.reduceat(x, starts) / count, np.add.reduceat(y, starts) / count, count

    def _end(self, excess: _Function, sign: float) -> float:
        limit = sign * math.inf if self.log else sign
        reach = max(4 * self.se, 1e-6)
        start = self.value
        if excess(start) <= 0:  # the bounded test may reject its own estimate
            return start
        while True:
            stop = start + sign * reach
            if abs(stop) >= (20.0 if self.log else 1.0):
                stop = sign * (20.0 if self.log else 1.0)
                if excess(stop) > 0:
                    return limit
                break
            if excess(stop) <= 0:
                break
            reach *= 2
        from scipy import optimize  # loads all its solvers: half of the time of scipy's import

        # SciPy leaves a cycle around its function: it must not keep all that this one refers to.
        held = [excess]
        found = optimize.brentq(lambda null, of: of[0](null), start, stop, (held,), xtol=1e-9)
        held.clear()
        return float(found)


def even_count(sizes: Vector | NDArray[np.int64]) -> float:
    """(Σn)²/Σn²: clusters of equal size that say as much (Kish 1965, *Survey Sampling*)."""
    return float(sizes.sum()) ** 2 / max(float(np.square(sizes).sum()), 1e-300)


def _dirichlet_tail(terms: Vector, counts: Vector, enough: float) -> float:
    """P(Σ wᵢ·termsᵢ ≤ 0), w uniform on the simplex: P(Σ Eᵢ·termsᵢ ≤ 0) for exponential E.

    ``counts`` says how often each of ``terms`` appears. The moment generating function
    Π 1/(1 − termsᵢ s) is inverted along a line through its saddle point, where the integrand is
    positive at its peak, so that even 1e-12 comes out exactly. Where the peak already shows that it
    is at most ``enough`` (Chernoff's bound), that bound is returned.
    """
    if terms.max() <= 0:
        return 1.0
    if terms.min() >= 0:
        return 0.0
    values = terms / np.abs(terms).max()
    if (counts * values).sum() < 0:  # the saddle point serves the smaller tail
        return 1.0 - _dirichlet_tail(-values, counts, 0.0)
    least = float(values.min())

    def slope(s: float) -> float:
        return float((counts * values / (1 - values * s)).sum())

    from scipy import optimize

    saddle = optimize.brentq(slope, (1 - 1e-12) / least, 0.0)
    saddle = min(saddle, 1e-4 / least)
    most = math.exp(-float((counts * np.log1p(-values * saddle)).sum()))
    if most <= enough:
        return most
    curvature = float((counts * values**2 / (1 - values * saddle) ** 2).sum())
    y = _NODES / math.sqrt(curvature)
    # 1/(1 − values·s) in polar form, since complex logarithms take ten times as long. Plain sums: a
    # matrix product would wake BLAS threads for next to nothing, hundreds of times.
    real, imaginary = (1 - values * saddle)[:, None], values[:, None] * y
    size = 0.5 * (counts[:, None] * np.log(real * real + imaginary * imaginary)).sum(0)
    angle = (counts[:, None] * np.arctan(imaginary / real)).sum(0)
    density = (np.exp(-size + 1j * angle) / -(saddle + 1j * y)).real * y
    return min(max(float(density.sum()) * _STEP / math.pi, 0.0), 1.0)
