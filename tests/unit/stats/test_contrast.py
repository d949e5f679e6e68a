import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from smallscale_ci.stats.contrast import _dirichlet_tail
from smallscale_ci.stats.paired import level, paired_difference
from smallscale_ci.stats.tokens import paired_log_ratio


def one_each(n):
    return np.arange(n)


@pytest.mark.parametrize("losses", [0, 1, 3, 5])
def test_few_changes_give_the_exact_binomial_test(losses):
    base, cand = np.ones(200), np.ones(200)
    cand[:losses] = 0.0
    ours = paired_difference(cand, base, one_each(200))
    assert ours.bounded
    assert ours.p_greater(-0.05) == pytest.approx(stats.binom.cdf(losses, 200, 0.05), rel=1e-4)


def test_tiny_tails_are_exact():
    ours = paired_difference(np.ones(1000), np.ones(1000), one_each(1000))
    assert ours.p_greater(-0.03) == pytest.approx(0.97**1000, rel=1e-4)


@pytest.mark.parametrize("margin", [0.002, 0.01, 0.03, 0.1])
def test_a_bound_is_enough_where_it_settles_the_test(margin):
    ours = paired_difference(np.ones(300), np.r_[np.ones(298), [0.0, 0.0]], one_each(300))
    exact, bound = ours.p_greater(-margin), ours.p_greater(-margin, enough=0.05)
    assert (bound <= 0.05) == (exact <= 0.05)
    assert bound == exact or exact <= bound <= 0.05


@given(st.lists(st.floats(-200, 200), min_size=1, max_size=8))
def test_a_null_at_the_estimate_itself_is_no_error(terms):
    """Their sum is zero but for rounding, on either side."""
    balanced = np.array([*terms, -sum(terms)])
    below = _dirichlet_tail(balanced, np.ones(len(balanced)), 0.0)
    above = _dirichlet_tail(-balanced, np.ones(len(balanced)), 0.0)
    assert 0.0 <= below <= 1.0
    if np.ptp(balanced) > 1e-6:
        # Far from every level the integral is not needed more exactly.
        assert below + above == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("right", [0, 2, 98, 100])
def test_levels_near_the_ends_have_clopper_pearson_intervals(right):
    values = np.r_[np.ones(right), np.zeros(100 - right)]
    low, high = level(values, one_each(100)).interval(0.025)
    want = stats.binomtest(right, 100).proportion_ci(method="exact")
    assert low == pytest.approx(want.low, abs=1e-6)
    assert high == pytest.approx(want.high, abs=1e-6)


def test_interval_and_tests_agree():
    rng = np.random.default_rng(3)
    base, cand = rng.random(80), rng.random(80)
    for ours in (
        paired_difference(cand, base, one_each(80)),
        paired_log_ratio(100 * cand, 100 * base, one_each(80)),
    ):
        low, high = ours.interval(0.05)
        assert low < ours.value < high
        assert ours.p_greater(low) == pytest.approx(0.05, abs=1e-4)
        assert ours.p_less(high) == pytest.approx(0.05, abs=1e-4)


def test_one_problem_excludes_next_to_nothing():
    ours = paired_difference(np.ones(1), np.ones(1), one_each(1))
    assert ours.p_greater(-0.02) == pytest.approx(0.98)
    assert ours.interval(0.05) == pytest.approx((-0.95, 0.95), abs=1e-5)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_swapping_sides_mirrors_the_tests(data):
    n = data.draw(st.integers(1, 40))
    eighths = st.lists(st.integers(0, 8), min_size=n, max_size=n)
    a, b = (np.array(data.draw(eighths)) / 8 for _ in range(2))
    cluster = one_each(n)
    there, back = paired_difference(a, b, cluster), paired_difference(b, a, cluster)
    assert there.value == pytest.approx(-back.value)
    assert there.p_greater(-0.03) == pytest.approx(back.p_less(0.03), abs=1e-9)
    tokens, other = 100 * a + 1, 100 * b + 1
    there, back = paired_log_ratio(tokens, other, cluster), paired_log_ratio(other, tokens, cluster)
    assert there.value == pytest.approx(-back.value)
    assert there.se == pytest.approx(back.se)


@pytest.mark.parametrize(
    ("problems", "rate", "margin"), [(30, 1.0, 0.05), (100, 0.985, 0.02), (250, 0.6, 0.05)]
)
def test_a_loss_at_the_margin_rarely_passes(problems, rate, margin):
    """The pass test keeps its level where the plain t test passes 10 to 20 of 100."""
    rng = np.random.default_rng(11)
    runs, passed = 600, 0
    for _ in range(runs):
        gone = rng.random(problems) < margin / rate
        base = rng.binomial(8, rate, problems) / 8
        cand = np.where(gone, 0, rng.binomial(1, rate, problems)).astype(float)
        passed += paired_difference(cand, base, one_each(problems)).p_greater(-margin) <= 0.05
    assert passed / runs <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
