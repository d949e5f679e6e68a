import math

import numpy as np
import pytest
from scipy import stats

from smallscale_ci.stats.sequential import nominal_levels, pocock_spending

FIFTHS = [0.2, 0.4, 0.6, 0.8, 1.0]


def bounds(spent, information):
    return [-stats.norm.ppf(p) for p in nominal_levels(spent, information)]


def test_pocock_type_boundaries_are_the_published_ones():
    """Program ld98, five looks, two-sided 0.05 (Reboussin, DeMets, Kim and Lan 2000)."""
    got = bounds([pocock_spending(0.025, t) for t in FIFTHS], FIFTHS)
    assert got == pytest.approx([2.4380, 2.4268, 2.4101, 2.3966, 2.3859], abs=2e-4)


def test_obrien_fleming_type_boundaries_are_the_published_ones():
    spent = [2 * stats.norm.sf(stats.norm.isf(0.0125) / math.sqrt(t)) for t in FIFTHS]
    got = bounds(spent, FIFTHS)
    assert got == pytest.approx([4.8769, 3.3569, 2.6803, 2.2898, 2.0310], abs=2e-4)


def test_constant_boundary_is_pocock_s():
    """Pocock 1977: five equal looks at z = 2.413 spend 0.025, one-sided."""
    mean = np.zeros(5)
    cov = np.array([[math.sqrt(min(i, j) / max(i, j)) for j in range(1, 6)] for i in range(1, 6)])
    spent = [
        1 - stats.multivariate_normal(mean[:k], cov[:k, :k]).cdf(np.full(k, 2.413), rng=0)
        for k in range(1, 6)
    ]
    assert spent[-1] == pytest.approx(0.025, abs=2e-4)
    assert bounds(spent, FIFTHS) == pytest.approx([2.413] * 5, abs=5e-3)


def test_one_look_has_the_whole_level():
    assert nominal_levels([0.05], [1.0]) == pytest.approx([0.05])


def test_looks_to_come_change_nothing():
    spent = [pocock_spending(0.05, k / 4) for k in range(1, 5)]
    information = [0.3, 0.6, 0.8, 1.0]
    assert nominal_levels(spent[:2], information[:2]) == nominal_levels(spent, information)[:2]


def test_many_narrow_looks_spend_the_level():
    looks = np.arange(1, 65)
    information = 1 / (1 / looks + 1 / 8)
    levels = nominal_levels([pocock_spending(0.05, k / 64) for k in looks], list(information))
    rng = np.random.default_rng(0)
    steps = rng.normal(size=(20_000, 64)) * np.sqrt(np.diff(information, prepend=0))
    z = steps.cumsum(1) / np.sqrt(information)
    crossed = (z >= -stats.norm.ppf(levels)).any(1).mean()
    assert crossed == pytest.approx(0.05, abs=0.005)


def test_a_look_without_new_information_is_no_error():
    levels = nominal_levels([0.02, 0.03], [1.0, 1.0])
    assert 0 < levels[1] < 0.05


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0, 2.0])
def test_spending_ends_at_alpha(share):
    assert 0 <= pocock_spending(0.05, share) <= 0.05 + 1e-12
    assert pocock_spending(0.05, 1.0) == pytest.approx(0.05)
