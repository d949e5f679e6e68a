"""The ratio of mean lengths."""

import numpy as np
import pytest

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
