"""One check: what is tested, at which level, and what an interval may say beside it."""

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.runs import CUT, ERRORED, RIGHT, WRONG, grid
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.check import check_of
from smallscale_ci.gate.pairing import match_problems, pair_tasks
from smallscale_ci.records import Metric

POLICY = GatePolicy(name="p")
LEVELS = (0.05, 0.01)


def check(candidate, baseline, metric=Metric.ACCURACY, policy=POLICY, describe=True, **look):
    match = match_problems(candidate, baseline)
    (pair,) = pair_tasks(candidate, baseline, match, ())
    asked = {"part": False, "final": True, **look}
    return check_of(pair, metric, policy, LEVELS, describe, **asked)


def side(seed, problems, epochs, share):
    rng = np.random.default_rng(seed)
    right = np.where(rng.random((problems, epochs)) < share, RIGHT, WRONG)
    return grid(right, np.ceil(200 * rng.lognormal(0.0, 0.4, right.shape)))


@given(
    seed=st.integers(0, 10_000),
    problems=st.integers(2, 60),
    epochs=st.integers(1, 4),
    share=st.sampled_from([0.0, 0.3, 0.8, 0.97, 1.0]),
    metric=st.sampled_from([Metric.ACCURACY, Metric.TOKENS, Metric.TRUNCATION]),
)
@settings(max_examples=15)
def test_a_description_does_not_change_what_is_decided(seed, problems, epochs, share, metric):
    """``calibrate`` computes no intervals: its verdicts must be those of ``compare``."""
    sides = side(seed, problems, epochs, share), side(seed + 1, problems, 4, 0.9)
    whole, bare = (check(*sides, metric, describe=describe) for describe in (True, False))
    assert (whole.pass_p <= 0.05) == (bare.pass_p <= 0.05)
    assert bare.p_value == whole.p_value or min(bare.p_value, whole.p_value) > 0.5
    # The interval and the pass test are one statement.
    if whole.estimate.n > 1:
        assert (whole.pass_p <= 0.05) == (whole.reach < whole.margin)
    assert whole.estimate.low <= whole.estimate.value <= whole.estimate.high
    assert (bare.estimate.low, bare.estimate.high) == (-math.inf, math.inf)


def test_a_check_has_the_levels_of_both_sides_and_counts_what_differs():
    outcome = np.full((100, 1), RIGHT)
    outcome[:7] = WRONG
    found = check(grid(outcome), grid(np.full((100, 2), RIGHT)))
    assert (found.baseline, found.candidate) == (1.0, 0.93)
    assert (found.discordant, found.estimate.n, found.estimate.clusters) == (7, 100, 100)
    assert found.estimate.value == pytest.approx(-0.07)
    assert (found.margin, found.tolerated, found.gated) == (0.02, 0.005, True)
    assert found.estimate.method.endswith("90% interval")


def test_without_a_margin_nothing_is_gated_and_nothing_passes():
    policy = GatePolicy(name="p", margins=Margins(accuracy=None))
    same = grid(np.full((100, 1), RIGHT))
    found = check(same, same, policy=policy)
    assert not found.gated
    assert (found.margin, found.pass_p) == (0.0, 1.0)


def test_a_lost_sample_counts_as_wrong_where_it_passes_and_not_in_the_estimate():
    outcome = np.full((400, 1), RIGHT)
    outcome[:4] = ERRORED
    whole = grid(np.full((400, 1), RIGHT))
    found = check(grid(outcome), whole)
    assert found.estimate.value == 0.0
    assert found.lost == 4
    assert found.pass_p > check(whole, whole).pass_p
    assert found.reach > 4 / 400


def test_that_lost_samples_decide_is_said():
    outcome = np.full((400, 1), RIGHT)
    outcome[:8] = ERRORED  # as many as the margin
    found = check(grid(outcome), grid(np.full((400, 1), RIGHT)))
    assert found.lost_decide
    assert found.p_value > 0.5  # they are no regression


def test_few_lost_answers_of_few_problems_are_tested_exactly():
    """One of two problems lost its two answers: a normal tail would call that significant."""
    base = grid(np.full((2, 8), RIGHT))
    lost = grid(np.array([[WRONG] * 2, [RIGHT] * 2]))
    # All ways to place two wrong answers among the ten of the first problem.
    assert check(lost, base).p_value >= 1 / 45 - 1e-12


def test_truncation_is_worse_when_it_rises():
    base = grid(np.full((300, 2), RIGHT))
    cut = np.full((300, 1), RIGHT)
    cut[:30] = CUT
    more = check(grid(cut), base, Metric.TRUNCATION)
    assert more.p_value < 0.01
    assert check(base, grid(cut), Metric.TRUNCATION).p_value > 0.5


def test_in_a_band_shorter_is_a_change_too():
    base = grid(np.full((200, 2), RIGHT), side(0, 200, 2, 1.0).tokens.reshape(200, 2))
    short = replace(base, tokens=base.tokens * 0.7)
    band = POLICY.model_copy(update={"tokens_direction": "band"})
    assert check(short, base, Metric.TOKENS).p_value > 0.5
    shorter = check(short, base, Metric.TOKENS, band)
    assert shorter.band
    assert shorter.p_value < 0.01
    assert shorter.pass_p > 0.5


def test_within_the_first_epoch_a_length_may_hide_tenfold_growth_of_few():
    """Of 60 problems at half an epoch, some may have grown tenfold unseen."""
    base = side(1, 60, 8, 1.0)
    first = side(1, 60, 1, 1.0)
    wide = GatePolicy(name="p", margins=Margins(tokens=1.0))
    early, late = (check(first, base, Metric.TOKENS, wide, part=part) for part in (True, False))
    assert early.pass_p > late.pass_p
    assert early.estimate.high > late.estimate.high
    assert early.p_value == late.p_value
