"""Problems that flipped: which ones, how many, and how many by chance."""

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.runs import ERRORED, RIGHT, WRONG, grid, simulate
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.decide import decide
from smallscale_ci.gate.flips import _majorities
from smallscale_ci.records import VerdictKind
from smallscale_ci.report import text

WIDE = GatePolicy(name="wide", margins=Margins(accuracy=0.12, tokens=0.2, truncation=0.05))


@pytest.mark.parametrize("epochs", [1, 2, 3])
def test_an_unchanged_model_flips_as_often_as_chance_says(epochs):
    rng = np.random.default_rng(epochs)
    lost = gained = chance = 0.0
    for _ in range(20):
        rates = rng.beta(1.6, 0.4, 400)
        verdict = decide(simulate(rng, rates, epochs), simulate(rng, rates, 8), WIDE)
        lost += verdict.flipped[0] / 20
        gained += verdict.flipped[1] / 20
        chance += verdict.flips_by_chance / 20
    assert lost == pytest.approx(gained, rel=0.3)
    assert lost == pytest.approx(chance, rel=0.3)


def test_flips_are_counted_on_the_epochs_that_both_have():
    outcome = np.full((30, 8), RIGHT)
    outcome[:5, 0] = WRONG  # right in 7 of 8, but not in the epoch that is compared
    verdict = decide(grid(np.full((30, 1), RIGHT)), grid(outcome), WIDE)
    assert verdict.flipped == (0, 5)
    assert "chance alone gives about" in text.flip_count(verdict)


@pytest.mark.parametrize("lost", ["errored", "missing"])
def test_a_problem_that_lost_the_epoch_that_is_compared_flips_nowhere(lost):
    """`compare` ended in an IndexError for any baseline with an ERRORED sample in that epoch."""
    rng = np.random.default_rng(5)
    rates = rng.beta(1.6, 0.4, 300)
    base, candidate = simulate(rng, rates, 8), simulate(rng, rates, 1)
    whole = decide(candidate, base, WIDE)
    first = (base.sample_index == 0) & (base.problem < 3)
    if lost == "errored":
        outcome, tokens = base.outcome.copy(), base.tokens.copy()
        outcome[first], tokens[first] = ERRORED, np.nan
        base = replace(base, outcome=outcome, tokens=tokens)
    else:
        base = base.select(~first)
    verdict = decide(candidate, base, WIDE)
    assert verdict.kind is whole.kind
    assert {flip.problem_id for flip in verdict.flips}.isdisjoint({"p0", "p1", "p2"})
    assert verdict.flips_by_chance == pytest.approx(whole.flips_by_chance, rel=0.1)


def test_where_tokens_regress_the_examples_are_the_problems_that_grew():
    rng = np.random.default_rng(0)
    rates = rng.beta(1.6, 0.4, 300)
    lengths = np.full(300, 100.0)
    longer = np.where(np.arange(300) % 3 == 0, 400.0, 100.0)
    base, candidate = simulate(rng, rates, 8, lengths), simulate(rng, rates, 2, longer)
    verdict = decide(candidate, base, WIDE)
    assert verdict.kind is VerdictKind.REGRESSED
    shown = text.worst_flips(verdict)
    assert text.flip_count(verdict).endswith("Listed are the problems that grew most.")
    assert all(flip.candidate_tokens > 2 * flip.baseline_tokens for flip in shown)
    assert all(int(flip.problem_id[1:]) % 3 == 0 for flip in shown)


@given(st.integers(1, 12), st.floats(0, 1))
def test_a_majority_is_more_than_half(count, share):
    """As the binomial distribution sums it; a tie is no majority of either."""
    right, wrong = (float(one[0]) for one in _majorities(np.array([share]), count))
    chances = [
        math.comb(count, k) * share**k * (1 - share) ** (count - k) for k in range(count + 1)
    ]
    assert right == pytest.approx(sum(chances[count // 2 + 1 :]), abs=1e-9)
    assert wrong == pytest.approx(sum(chances[: (count + 1) // 2]), abs=1e-9)
