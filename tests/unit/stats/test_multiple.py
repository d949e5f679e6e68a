"""Holm's correction."""

import pytest

from smallscale_ci.stats.multiple import holm


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.9, 0.5]) == (1.0, 1.0)
    assert holm([]) == ()
