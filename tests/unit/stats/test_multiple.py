"""Holm's correction."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.stats.multiple import holm

P_VALUES = st.lists(st.floats(0, 1), max_size=12)


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.9, 0.5]) == (1.0, 1.0)
    assert holm([]) == ()


@given(P_VALUES, st.floats(0.001, 0.2))
def test_what_is_at_most_alpha_is_what_the_steps_reject(p_values, alpha):
    """Holm's own words: the smallest against α/n, the next against α/(n − 1), until one is not."""
    rejected = set()
    for step, place in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        if p_values[place] > alpha / (len(p_values) - step):
            break
        rejected.add(place)
    found = {place for place, p in enumerate(holm(p_values)) if p <= alpha * (1 + 1e-12)}
    near = {place for place, p in enumerate(holm(p_values)) if abs(p - alpha) < 1e-9}
    assert found - near == rejected - near


@given(P_VALUES, st.randoms())
def test_the_order_of_the_tests_is_no_part_of_it(p_values, chance):
    places = list(range(len(p_values)))
    chance.shuffle(places)
    found, shuffled = holm(p_values), holm([p_values[place] for place in places])
    assert shuffled == tuple(found[place] for place in places)
    assert all(p <= adjusted <= 1 for p, adjusted in zip(p_values, found, strict=True))
