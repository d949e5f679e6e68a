"""Pseudo-runs drawn from stored ones: what they are drawn from, and what they share."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.runs import ERRORED, RIGHT, WRONG, grid, simulate, together
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.errors import DataError
from smallscale_ci.gate.checks import make_checks
from smallscale_ci.gate.drawn import Drawn
from smallscale_ci.gate.simulate import (
    can_lose,
    gated_metrics,
    looks_of,
    make_pools,
    schedule_of,
    share,
)
from smallscale_ci.gate.simulate import simulate as simulate_kinds
from smallscale_ci.gate.trial import Kind, draw
from smallscale_ci.records import Metric

POLICY = GatePolicy(
    name="wide", margins=Margins(accuracy=0.1, tokens=0.15, truncation=0.05), max_epochs=1
)


def stored(epochs, seed=0, problems=120):
    rng = np.random.default_rng(seed)
    rates, lengths = rng.beta(1.6, 0.4, problems), rng.lognormal(5, 0.5, problems)
    return together(
        simulate(rng, rates, epochs, lengths), simulate(rng, 0.5 * rates, epochs, task="mcq")
    )


def test_several_runs_are_pooled_by_problem():
    one, two = stored(2, seed=0), stored(3, seed=0)
    pools = make_pools([one, two])
    assert [pool.task for pool in pools] == ["math", "mcq"]
    assert {pool.epochs for pool in pools} == {5}
    total = (one.correct.sum() + two.correct.sum()) / 1.0
    assert sum(pool.grids[Metric.ACCURACY].sum() for pool in pools) == total


def test_kinds_share_what_they_do_not_change():
    """A kind's verdicts are those that it has alone, whatever else is simulated beside it."""
    pools = make_pools([stored(16)])
    kinds = [Kind(None, 0.0), Kind(Metric.TOKENS, 1.0), Kind(Metric.ACCURACY, 0.5)]
    looks = POLICY.model_copy(update={"max_epochs": 2, "looks_per_epoch": 2})
    for policy in (POLICY, looks, looks.model_copy(update={"gated": "mean"})):
        together_ = simulate_kinds(pools, policy, kinds, 20, 3, 8)
        assert simulate_kinds(pools, policy, kinds[:1], 20, 3, 8)[0] == together_[0]
        fresh = simulate_kinds(pools, policy, [kinds[0], kinds[1]], 20, 3, 8)
        assert fresh[1] == together_[1]
        # All of a run's checks at once give the same verdict as one metric after the other.
        rng = np.random.default_rng(1)
        drawn_ = [Drawn(p, policy, rng, draw(p, policy, rng, {}, 8, 2), 8) for p in pools]
        schedule = schedule_of(pools, policy)
        pairs = [one.pair(schedule.ends[0], parts=schedule.parts) for one in drawn_]
        whole = make_checks(pairs, policy, 1, schedule, describe=False)
        single = [
            check
            for one in drawn_
            for metric in one.gated
            for check in one.checks(metric, 1, schedule)
        ]
        for check in single:
            (same,) = (c for c in whole if (c.task, c.metric) == (check.task, check.metric))
            assert (check.p_value, check.pass_p) == (same.p_value, same.pass_p)


def test_errored_samples_are_no_part_of_a_pool_and_runs_may_miss_problems():
    outcome = np.full((3, 2), RIGHT)
    outcome[0, 0] = ERRORED
    outcome[2] = ERRORED
    (pool,) = make_pools([grid(outcome), grid(np.full((2, 3), WRONG), first=1)])
    assert pool.count.tolist() == [1, 5, 3]  # p0, p1 of both runs, p2 of the second alone
    assert pool.epochs == 1
    assert pool.means_of(Metric.ACCURACY).tolist() == [1.0, 0.4, 0.0]


def test_nothing_that_was_judged_is_no_pool():
    with pytest.raises(DataError, match="no judged samples") as caught:
        make_pools([grid(np.full((3, 2), ERRORED))])
    assert caught.value.hint == "Give a complete run."


def test_a_metric_that_one_run_does_not_record_is_in_no_pool():
    whole = grid(np.full((9, 2), RIGHT))
    thinks = replace(whole, thinking=whole.tokens / 2, unknown=frozenset())
    (both,) = make_pools([thinks, whole])
    assert Metric.THINKING not in both.grids
    (one,) = make_pools([thinks])
    assert Metric.THINKING in one.grids
    policy = GatePolicy(name="p", margins=Margins(thinking=0.1, looping=0.1))
    assert gated_metrics([one], policy) == (
        Metric.ACCURACY,
        Metric.TOKENS,
        Metric.TRUNCATION,
        Metric.THINKING,
    )


def test_only_what_is_there_can_be_lost():
    always, never = (grid(np.full((20, 2), of)) for of in (RIGHT, WRONG))
    pools = make_pools([together(always, replace(never, tasks=("mcq",)))])
    policy = GatePolicy(name="p", margins=Margins(accuracy=0.5, truncation=None))
    assert can_lose(pools, policy, Metric.ACCURACY, 1.0) == [0]
    assert can_lose(pools, policy, Metric.ACCURACY, 2.5) == []
    assert can_lose(pools, policy, Metric.TOKENS, 9.0) == [0, 1]  # lengths grow without end
    assert can_lose(pools, policy, Metric.TRUNCATION, 1.0) == []  # not gated
    assert can_lose(pools, policy, None, 1.0) == []


@given(st.integers(1, 400), st.data())
@settings(max_examples=40)
def test_the_interval_of_a_share_is_exact(trials, data):
    """Clopper and Pearson: at each end what was seen, or more, has a chance of 2.5%."""
    count = data.draw(st.integers(0, trials))
    found = share(count, trials)
    assert 0 <= found.low <= found.value <= found.high <= 1
    if count:
        assert binom.sf(count - 1, trials, found.low) == pytest.approx(0.025, rel=1e-6)
    if count < trials:
        assert binom.cdf(count, trials, found.high) == pytest.approx(0.025, rel=1e-6)


def test_how_many_looks_a_run_may_take():
    assert looks_of(GatePolicy(name="p", max_epochs=3)) == 3
    assert looks_of(GatePolicy(name="p", on_inconclusive="fail")) == 1
