"""The ratio of mean lengths."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.stats.tokens import paired_log_ratio


def test_log_ratio_agrees_with_a_bootstrap():
    rng = np.random.default_rng(7)
    base = rng.lognormal(5, 0.8, 400)
    cand = 1.1 * base * rng.lognormal(0, 0.4, 400)
    ours = paired_log_ratio(cand, base, np.arange(400))
    draws = rng.integers(0, 400, (4000, 400))
    boot = np.log(cand[draws].mean(1) / base[draws].mean(1))
    assert ours.value == pytest.approx(np.log(cand.mean() / base.mean()))
    assert ours.se == pytest.approx(boot.std(), rel=0.06)


def test_log_ratio_of_equal_lengths_is_zero_and_bounded_by_the_cap():
    full = np.full(50, 256.0)
    ours = paired_log_ratio(full, full, np.arange(50))
    assert ours.value == 0.0
    assert ours.p_less(np.log(1.05)) == 0.0  # nothing can be longer than the limit
    with pytest.raises(ValueError, match="tokens"):
        paired_log_ratio(np.zeros(3), full[:3], np.arange(3))


LENGTHS = st.lists(st.floats(1, 1e4), min_size=4, max_size=30)


@given(LENGTHS, st.floats(0.01, 100), st.floats(0.5, 2))
@settings(max_examples=40)
def test_the_unit_of_length_is_no_part_of_a_ratio(lengths, unit, factor):
    """Tokens or thousands of tokens: the value, its error and its test are the same."""
    base = np.array(lengths)
    cand = factor * base[::-1]
    cluster = np.arange(len(base))
    one, other = (paired_log_ratio(k * cand, k * base, cluster) for k in (1.0, unit))
    assert one.value == pytest.approx(np.log(factor), abs=1e-9)
    assert other.value == pytest.approx(one.value, abs=1e-9)
    assert other.se == pytest.approx(one.se, abs=1e-9)
    if one.se > 1e-6:
        assert other.p_less(0.05) == pytest.approx(one.p_less(0.05), abs=1e-6)


def test_a_variance_from_elsewhere_is_the_least_there_is():
    base = np.full(100, 200.0)
    same = paired_log_ratio(base, base, np.arange(100))
    noisy = paired_log_ratio(base, base, np.arange(100), noise=np.full(100, 400.0))
    assert same.se == 0.0
    # √(n·σ²)/(n·mean): twenty tokens for each of a hundred problems.
    assert noisy.se == pytest.approx(20 / (200 * 10))
