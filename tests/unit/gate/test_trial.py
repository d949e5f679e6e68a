"""The samples of pseudo-runs: drawn from stored ones, and made worse by what a margin allows."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.runs import simulate, together
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.gate.simulate import make_pools
from smallscale_ci.gate.trial import Pool, draw, worse
from smallscale_ci.records import Metric


def stored(epochs, seed=0, problems=120):
    rng = np.random.default_rng(seed)
    rates, lengths = rng.beta(1.6, 0.4, problems), rng.lognormal(5, 0.5, problems)
    return together(
        simulate(rng, rates, epochs, lengths), simulate(rng, 0.5 * rates, epochs, task="mcq")
    )


def generator(seed=11):
    return np.random.default_rng(seed)


def test_concentrated_losses_shift_the_mean_as_much_in_few_problems():
    (pool, _), rng = make_pools([stored(16)]), generator()
    policy = GatePolicy(name="all")
    for metric, loss in ((Metric.ACCURACY, 0.2), (Metric.TRUNCATION, 0.1)):
        moved = []
        for _ in range(40):
            grid_ = draw(pool, policy, rng, {metric: loss}, 8, 4, concentrated=True)[metric]
            moved.append(abs(grid_[:, 8:].mean() - grid_[:, :8].mean()))
        assert np.mean(moved) == pytest.approx(loss, rel=0.15)


def pool(problems=30, epochs=6, seed=0):
    rng = np.random.default_rng(seed)
    right = (rng.random((problems, epochs)) < 0.7).astype(float)
    lengths = np.ceil(200 * rng.lognormal(0.0, 0.4, right.shape))
    every = np.arange(problems)
    grids = {Metric.ACCURACY: right, Metric.TOKENS: lengths, Metric.TRUNCATION: 1 - right}
    return Pool("t", every, np.full(problems, epochs), grids)


@given(seed=st.integers(0, 1000), baseline=st.integers(1, 4), most=st.integers(1, 2))
@settings(max_examples=25)
def test_a_problem_with_samples_enough_gives_none_of_them_twice(seed, baseline, most):
    """The two sides are exchangeable then, as two runs of an unchanged model are."""
    stored = pool()
    numbered = np.arange(30 * 6, dtype=float).reshape(30, 6)
    stored = replace(stored, grids={**stored.grids, Metric.TOKENS: numbered})
    found = draw(stored, GatePolicy(name="p"), generator(seed), {}, baseline, most)
    tokens, right = found[Metric.TOKENS], found[Metric.ACCURACY]
    assert tokens.shape == (30, baseline + most)
    assert len(np.unique(tokens)) == tokens.size
    assert np.array_equal(tokens // 6, np.repeat(np.arange(30.0)[:, None], tokens.shape[1], 1))
    # What belongs to one sample stays together.
    assert np.array_equal(right, stored.grids[Metric.ACCURACY].ravel()[tokens.astype(int)])


def test_where_samples_are_few_they_are_modelled_by_problem():
    """Of a problem that was right in 6 of 6 some are wrong now, and their mean is near it."""
    stored = pool(problems=200, epochs=6)
    found = draw(stored, GatePolicy(name="p"), generator(1), {}, 8, 4)
    right = found[Metric.ACCURACY]
    assert right.shape == (200, 12)
    assert set(np.unique(right)) == {0.0, 1.0}
    assert right.mean() == pytest.approx(stored.grids[Metric.ACCURACY].mean(), abs=0.03)
    lengths, before = found[Metric.TOKENS], stored.grids[Metric.TOKENS]
    assert lengths.min() >= 0
    assert lengths.mean() == pytest.approx(before.mean(), rel=0.03)
    within = before.var(1, ddof=1).mean()
    assert lengths.var(1, ddof=1).mean() == pytest.approx(within, rel=0.1)


def test_padding_is_never_drawn():
    stored = pool(epochs=6)
    for grid in stored.grids.values():
        grid[:15, 4:] = 0
    stored = replace(stored, count=np.repeat([4, 6], 15))
    assert stored.epochs == 4
    found = draw(stored, GatePolicy(name="p"), generator(2), {}, 3, 1)
    assert found[Metric.TOKENS].min() > 0


@pytest.mark.parametrize("concentrated", [False, True])
@pytest.mark.parametrize(
    "metric", [Metric.ACCURACY, Metric.TOKENS, Metric.TRUNCATION], ids=lambda m: m.value
)
def test_only_the_candidate_gets_worse_and_none_of_its_samples_better(metric, concentrated):
    before = pool().grids[metric]
    after = worse(metric, before, 0.2, generator(3), 4, concentrated=concentrated)
    assert np.array_equal(after[:, :4], before[:, :4])
    moved = metric.worse * (after - before)[:, 4:]
    assert moved.min() >= 0
    assert moved.max() > 0
    assert before is not after


def test_more_than_there_is_cannot_be_lost():
    right = pool().grids[Metric.ACCURACY]
    assert worse(Metric.ACCURACY, right, 5.0, generator(4), 4)[:, 4:].max() == 0.0
    nothing = np.zeros((30, 6))
    for concentrated in (False, True):
        same = worse(Metric.ACCURACY, nothing, 0.5, generator(4), 4, concentrated=concentrated)
        assert np.array_equal(same, nothing)
