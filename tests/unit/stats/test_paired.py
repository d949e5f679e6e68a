"""Paired differences against the tests of statsmodels and scipy."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from smallscale_ci.stats.paired import paired_difference


def test_clustered_error_is_that_of_statsmodels():
    rng = np.random.default_rng(0)
    cluster = rng.integers(0, 40, 300)
    cluster = np.unique(cluster, return_inverse=True)[1]
    shift = rng.normal(0, 0.1, cluster.max() + 1)[cluster]
    base = rng.integers(0, 9, 300) / 8
    cand = np.clip(base + shift + rng.normal(0, 0.2, 300), 0, 1)
    ours = paired_difference(cand, base, cluster)
    fit = sm.OLS(cand - base, np.ones(300)).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": True}, use_t=True
    )
    assert ours.value == pytest.approx(float(fit.params[0]))
    assert ours.se == pytest.approx(float(fit.bse[0]), rel=1e-9)
    assert ours.clusters == cluster.max() + 1
    assert ours.n == 300


def test_symmetric_data_give_the_t_test():
    d = np.tile([0.25, -0.25, 0.5, -0.5, 0.0], 12) + 0.03
    ours = paired_difference(np.clip(d, 0, None), np.clip(-d, 0, None), np.arange(60))
    want = stats.ttest_1samp(d, 0.0, alternative="greater").pvalue
    assert ours.p_greater(0.0) == pytest.approx(want, rel=1e-6)
    assert ours.p_less(0.1) == pytest.approx(stats.ttest_1samp(d, 0.1, alternative="less").pvalue)


def test_clusters_widen_the_interval():
    rng = np.random.default_rng(5)
    flips = rng.choice([-1.0, 0.0, 1.0], 100)
    base = np.repeat(np.where(flips < 0, 1.0, 0.0), 4)
    cand = np.repeat(np.where(flips > 0, 1.0, 0.0), 4)
    alone = paired_difference(cand, base, np.arange(400))
    grouped = paired_difference(cand, base, np.repeat(np.arange(100), 4))
    assert grouped.se == pytest.approx(2 * alone.se, rel=0.02)


@given(st.data())
@settings(max_examples=40)
def test_neither_order_nor_names_of_clusters_are_part_of_it(data):
    n = data.draw(st.integers(2, 30))
    eighths = st.lists(st.integers(0, 8), min_size=n, max_size=n)
    cand, base = (np.array(data.draw(eighths)) / 8 for _ in range(2))
    names = np.array(data.draw(st.lists(st.integers(0, 5), min_size=n, max_size=n)))
    rows = np.array(data.draw(st.permutations(range(n))))
    one, other = (
        paired_difference(cand[at], base[at], np.unique(label[at], return_inverse=True)[1])
        for at, label in ((np.arange(n), names), (rows, 7 - names))
    )
    assert one.value == pytest.approx(float((cand - base).mean()))
    assert other.value == pytest.approx(one.value)
    assert other.se == pytest.approx(one.se, abs=1e-12)
    assert other.p_greater(-0.1) == pytest.approx(one.p_greater(-0.1), abs=1e-6)


def test_weights_are_those_of_the_problems():
    """A problem of weight 3 counts as three of them in the mean."""
    cand, base = np.array([1.0, 0.0]), np.array([0.0, 0.0])
    weighted = paired_difference(cand, base, np.arange(2), np.array([3.0, 1.0]))
    assert weighted.value == pytest.approx(0.75)
    assert paired_difference(cand, base, np.arange(2), np.ones(2)).value == pytest.approx(0.5)
