"""What must hold for any two runs, and error rates on simulated ones with fixed seeds."""

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.runs import RIGHT, WRONG, grid, reordered, simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.decide import decide
from smallscale_ci.records import Metric, VerdictKind
from smallscale_ci.run.names import Names
from smallscale_ci.stats.sequential import nominal_levels, pocock_spending

POLICY = GatePolicy(name="p", margins=Margins(accuracy=0.1, tokens=0.2, truncation=None))
BAND = POLICY.model_copy(update={"tokens_direction": "band"})
TOKENS_ALONE = BAND.model_copy(
    update={"margins": Margins(accuracy=None, tokens=0.2, truncation=None)}
)


@st.composite
def two_runs(draw, most=40):
    """Two runs of the same problems whose rates and lengths may differ."""
    problems = draw(st.integers(1, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rates = rng.beta(draw(st.sampled_from([0.3, 1.6, 20.0])), 0.4, problems)
    change = draw(st.sampled_from([0.0, 0.02, 0.08, 0.3]))
    longer = draw(st.sampled_from([1.0, 1.05, 1.15, 1.5]))
    base = simulate(rng, rates, draw(st.integers(1, 8)))
    return simulate(rng, rates * (1 - change), draw(st.integers(1, 4)), 100 * longer), base


def with_identical(run, count):
    """``run`` with ``count`` more problems, right in one sample of 80 tokens, at its end."""
    more = grid(np.full((count, 1), RIGHT), 80.0, first=len(run.problem_ids))
    ids = Names.concatenate([run.problem_ids, more.problem_ids])
    return replace(
        run,
        problem_ids=ids,
        clusters=ids,
        problem_task=np.zeros(len(ids), dtype=np.int64),
        problem=np.concatenate([run.problem, more.problem + len(run.problem_ids)]),
        sample_index=np.concatenate([run.sample_index, more.sample_index]),
        outcome=np.concatenate([run.outcome, more.outcome]),
        tokens=np.concatenate([run.tokens, more.tokens]),
        truncated=np.concatenate([run.truncated, more.truncated]),
    )


@settings(max_examples=40, deadline=None)
@given(two_runs(), st.integers(1, 30))
def test_identical_pairs_never_turn_pass_into_regressed(runs, count):
    candidate, base = runs
    lenient = POLICY.model_copy(update={"min_judged": 0.0})
    before = decide(candidate, base, lenient)
    after = decide(with_identical(candidate, count), with_identical(base, count), lenient)
    if before.kind is VerdictKind.PASS:
        assert after.kind is not VerdictKind.REGRESSED


@settings(max_examples=15, deadline=None)
@given(two_runs())
def test_swapping_the_sides_mirrors_the_checks(runs):
    candidate, base = runs
    there, back = decide(candidate, base, BAND), decide(base, candidate, BAND)
    for one, other in zip(there.checks, back.checks, strict=True):
        assert one.estimate.value == pytest.approx(-other.estimate.value, abs=1e-12)
        if one.jumps or other.jumps:  # what few problems grew could be more; no such shrinking is
            continue
        assert one.estimate.low == pytest.approx(-other.estimate.high, abs=1e-6)
        if one.metric is Metric.TOKENS:
            assert one.p_value == pytest.approx(other.p_value, rel=1e-6)
    # Alone: beside a one-sided check, Holm's factor depends on which side is the worse.
    alone = [
        decide(*sides, TOKENS_ALONE).checks for sides in ((candidate, base), (base, candidate))
    ]
    for one, other in zip(*alone, strict=True):
        if one.metric is Metric.TOKENS:
            assert one.gated
            assert one.kind is other.kind or one.jumps or other.jumps


@settings(max_examples=15, deadline=None)
@given(two_runs(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(runs, random):
    candidate, base = runs
    order = list(range(len(candidate)))
    random.shuffle(order)
    rows = np.array(order)
    shuffled = reordered(candidate, rows)
    one, other = decide(candidate, base, POLICY), decide(shuffled, base, POLICY)
    assert one.kind is other.kind
    assert [c.kind for c in one.checks] == [c.kind for c in other.checks]


@settings(max_examples=15, deadline=None)
@given(two_runs())
def test_every_sample_is_accounted_for(runs):
    candidate, base = runs
    counts = decide(candidate, base, POLICY).accounting
    assert sum(counts.outcomes.values()) == counts.planned == counts.judged == len(candidate)


def rate_of(kind, loss, runs, of=1, look=1, problems=400, margin=0.05):
    policy = GatePolicy(name="sim", margins=Margins(accuracy=margin, tokens=None, truncation=None))
    rng = np.random.default_rng([int(1000 * loss), look])
    found = 0
    for _ in range(runs):
        rates = rng.beta(1.6, 0.4, problems)
        base = simulate(rng, rates, 8)
        candidate = simulate(rng, rates * (1 - loss / 0.8), look)
        found += decide(candidate, base, policy, look=look, of=of).kind is kind
    return found / runs


@pytest.mark.parametrize("loss", [0.0, 0.05])
def test_pass_rates_are_those_of_the_closed_form(loss):
    """P(PASS) = Φ((margin − loss)/se − z), se² = E[p(1 − p)]·(1 + 1/8)/n."""
    rate = 0.8 * (1 - loss / 0.8)
    second = (1.6 * 2.6 / (2 * 3)) * (rate / 0.8) ** 2  # E p² of the scaled Beta(1.6, 0.4)
    variance = (rate - second) + (0.8 - 1.6 * 2.6 / 6) / 8 + (1 - rate / 0.8) ** 2 * (1.6 * 2.6 / 6)
    variance -= loss**2
    want = stats.norm.cdf((0.05 - loss) / math.sqrt(variance / 400) - 1.645)
    got = rate_of(VerdictKind.PASS, loss, 150)
    assert got == pytest.approx(want, abs=3.5 * math.sqrt(want * (1 - want) / 150) + 0.005)


def test_an_unchanged_model_regresses_once_in_a_hundred_at_most():
    assert rate_of(VerdictKind.REGRESSED, 0.0, 150) <= 0.01 + 3 * math.sqrt(0.01 * 0.99 / 150)


def test_a_large_loss_is_found_at_once():
    assert rate_of(VerdictKind.REGRESSED, 0.15, 40, of=4) == 1.0


def test_levels_of_the_looks_spend_alpha_on_the_joint_distribution():
    """Correlated looks drawn directly cross the boundaries with probability α."""
    epochs = np.arange(1, 5)
    information = 1 / (1 / epochs + 1 / 8)
    levels = nominal_levels([pocock_spending(0.05, k / 4) for k in epochs], list(information))
    rng = np.random.default_rng(0)
    base = rng.normal(0, math.sqrt(1 / 8), 200_000)
    candidate = rng.normal(size=(200_000, 4)).cumsum(1) / epochs
    z = (candidate - base[:, None]) * np.sqrt(information)
    crossed = (z >= stats.norm.isf(levels)).any(1).mean()
    assert crossed == pytest.approx(0.05, abs=0.002)


def test_wrong_everywhere_stays_wrong():
    wrong = grid(np.full((50, 2), WRONG))
    assert decide(wrong.epochs(1), wrong, POLICY).checks[0].estimate.value == 0.0
