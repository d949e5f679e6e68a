import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from smallscale_ci.stats.contrast import _dirichlet_tail
from smallscale_ci.stats.multiple import holm
from smallscale_ci.stats.paired import level, paired_difference
from smallscale_ci.stats.tokens import paired_log_ratio


def one_each(n):
    return np.arange(n)


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
    ours = paired_difference(np.clip(d, 0, None), np.clip(-d, 0, None), one_each(60))
    want = stats.ttest_1samp(d, 0.0, alternative="greater").pvalue
    assert ours.p_greater(0.0) == pytest.approx(want, rel=1e-6)
    assert ours.p_less(0.1) == pytest.approx(stats.ttest_1samp(d, 0.1, alternative="less").pvalue)


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


def test_clusters_widen_the_interval():
    rng = np.random.default_rng(5)
    flips = rng.choice([-1.0, 0.0, 1.0], 100)
    base = np.repeat(np.where(flips < 0, 1.0, 0.0), 4)
    cand = np.repeat(np.where(flips > 0, 1.0, 0.0), 4)
    alone = paired_difference(cand, base, one_each(400))
    grouped = paired_difference(cand, base, np.repeat(np.arange(100), 4))
    assert grouped.se == pytest.approx(2 * alone.se, rel=0.02)


def test_log_ratio_agrees_with_a_bootstrap():
    rng = np.random.default_rng(7)
    base = rng.lognormal(5, 0.8, 400)
    cand = 1.1 * base * rng.lognormal(0, 0.4, 400)
    ours = paired_log_ratio(cand, base, one_each(400))
    draws = rng.integers(0, 400, (4000, 400))
    boot = np.log(cand[draws].mean(1) / base[draws].mean(1))
    assert ours.value == pytest.approx(np.log(cand.mean() / base.mean()))
    assert ours.se == pytest.approx(boot.std(), rel=0.06)


def test_log_ratio_of_equal_lengths_is_zero_and_bounded_by_the_cap():
    full = np.full(50, 256.0)
    ours = paired_log_ratio(full, full, one_each(50))
    assert ours.value == 0.0
    assert ours.p_less(np.log(1.05)) == 0.0  # nothing can be longer than the limit
    with pytest.raises(ValueError, match="tokens"):
        paired_log_ratio(np.zeros(3), full[:3], one_each(3))


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


def test_holm():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([0.9, 0.5]) == (1.0, 1.0)
    assert holm([]) == ()
