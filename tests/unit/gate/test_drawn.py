"""Both sides of a pseudo-run, look by look, as the gate would have them of a run."""

import numpy as np
import pytest
from helpers.runs import RIGHT, grid, simulate, together

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.drawn import Drawn
from smallscale_ci.gate.simulate import make_pools
from smallscale_ci.gate.trial import draw
from smallscale_ci.records import Metric


def stored(epochs, seed=0, problems=120):
    rng = np.random.default_rng(seed)
    rates, lengths = rng.beta(1.6, 0.4, problems), rng.lognormal(5, 0.5, problems)
    return together(
        simulate(rng, rates, epochs, lengths), simulate(rng, 0.5 * rates, epochs, task="mcq")
    )


def drawn(pool, rng, injection, baseline_epochs, most):
    """The baseline's means, and the candidate's after each epoch."""
    policy = GatePolicy(name="all")
    grids = draw(pool, policy, rng, injection, baseline_epochs, most)
    one = Drawn(pool, policy, rng, grids, baseline_epochs)
    return one.baseline, [one.pair(float(end)).candidate for end in range(1, most + 1)]


def lengths(problems, epochs):
    return generator().lognormal(4.0, 0.5, (problems, epochs))


def generator():
    return np.random.default_rng(11)


def test_parts_of_an_epoch_come_in_the_order_of_their_worth():
    rng = generator()
    outcome = np.where(np.arange(200)[:, None] % 2 == 0, RIGHT, rng.integers(0, 2, (200, 12)))
    (pool,) = make_pools([grid(outcome)])
    policy = GatePolicy(name="p", margins=Margins(accuracy=0.02, tokens=None, truncation=None))
    one = Drawn(pool, policy, rng, draw(pool, policy, rng, {}, 8, 2), 8)
    first, later = one.pair(0.5), one.pair(1.5)
    assert len(first.cluster) == 100
    assert first.candidate.judged.tolist() == [1] * 100
    assert first.cluster.max() == 99
    again = later.candidate.judged == 2
    assert again.sum() == 100
    assert again[1::2].mean() > 0.95  # those that are not right every time
    assert np.all(one.pair(1.0).candidate.judged == 1)


def test_injections_shift_the_means():
    (pool, _), rng = make_pools([stored(16)]), np.random.default_rng(0)
    worse = {Metric.ACCURACY: 0.2, Metric.TOKENS: 0.5, Metric.TRUNCATION: 0.1}
    runs = [drawn(pool, rng, worse, 8, 4) for _ in range(20)]
    ends = [(before.means, looks[-1].means) for before, looks in runs]
    lost = np.mean([b[Metric.ACCURACY].mean() - c[Metric.ACCURACY].mean() for b, c in ends])
    longer = np.mean([c[Metric.TOKENS].mean() / b[Metric.TOKENS].mean() for b, c in ends])
    cut = np.mean([c[Metric.TRUNCATION].mean() for _, c in ends])
    assert lost == pytest.approx(0.2, abs=0.02)
    assert longer == pytest.approx(1.5, abs=0.03)
    assert cut == pytest.approx(0.1, abs=0.01)


def test_a_pseudo_candidate_is_averaged_as_the_gate_averages_a_run():
    """Its noise counts, too: without it, the error of tokens came out too small at later looks."""
    (pool,), rng = make_pools([grid(np.full((40, 24), RIGHT), lengths(40, 24))]), generator()
    shuffled = []
    for _ in range(200):
        baseline, looks = drawn(pool, rng, {}, 8, 4)
        shuffled.append([side.noise[Metric.TOKENS].mean() for side in (baseline, *looks)])
        assert [int(side.judged[0]) for side in (baseline, *looks)] == [8, 1, 2, 3, 4]
    found = np.mean(shuffled, axis=0)
    within = pool.grids[Metric.TOKENS].var(1, ddof=1).mean()
    assert found[1] == 0.0  # a single epoch has no noise
    assert np.delete(found, 1) == pytest.approx(within, rel=0.1)


def test_an_epoch_of_a_suite_may_hold_several_samples_of_a_problem():
    stored = grid(np.full((30, 128), RIGHT), lengths(30, 128))
    (pool,) = make_pools([stored], {"math": 16})
    baseline, looks = drawn(pool, generator(), {}, 4, 2)
    assert [int(side.judged[0]) for side in (baseline, *looks)] == [64, 16, 32]
    single = make_pools([stored])[0].grids[Metric.TOKENS][:, 0]
    assert looks[0].means[Metric.TOKENS].var() < 0.3 * single.var()
