"""What a suite cannot tell: margins finer than its noise."""

import pytest

from smallscale_ci.records import Holdable, Metric


@pytest.mark.parametrize(
    ("margin", "too_fine"), [(0.01, True), (0.02, False), (0.05, False), (None, False)]
)
def test_a_margin_is_too_fine_below_what_is_held(margin, too_fine):
    assert Holdable("t", Metric.ACCURACY, margin, holds=0.02).is_too_fine is too_fine
