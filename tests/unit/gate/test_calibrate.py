import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from helpers.runs import ERRORED, RIGHT, WRONG, grid, simulate, together

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.gate.calibrate import Calibration, Scenario, calibrate
from smallscale_ci.gate.checks import make_checks
from smallscale_ci.gate.drawn import Drawn
from smallscale_ci.gate.simulate import Share, make_pools, schedule_of
from smallscale_ci.gate.simulate import simulate as simulate_kinds
from smallscale_ci.gate.trial import Kind, draw
from smallscale_ci.records import Metric
from smallscale_ci.report import planning
from smallscale_ci.run.names import Names
from smallscale_ci.run.samples import Samples

POLICY = GatePolicy(
    name="wide", margins=Margins(accuracy=0.1, tokens=0.15, truncation=0.05), max_epochs=1
)


def stored(epochs, seed=0, problems=120):
    rng = np.random.default_rng(seed)
    rates, lengths = rng.beta(1.6, 0.4, problems), rng.lognormal(5, 0.5, problems)
    return together(
        simulate(rng, rates, epochs, lengths), simulate(rng, 0.5 * rates, epochs, task="mcq")
    )


@pytest.mark.parametrize("epochs", [16, 4])
def test_the_gate_holds_its_levels_on_stored_runs(epochs):
    """16 stored epochs are dealt out without repetition, 4 are modelled."""
    result = calibrate([stored(epochs)], POLICY, trials=60, losses=(1.0, 3.0))
    assert result.holds
    assert planning.complaints(result) == ()
    assert result.stored_epochs == epochs
    assert result.problems == 240
    unchanged, *worse = result.scenarios
    assert unchanged.metric is None
    assert unchanged.regressed.value <= 0.05
    assert [(s.metric, s.loss) for s in worse[:2]] == [
        (Metric.ACCURACY, 1.0),
        (Metric.ACCURACY, 3.0),
    ]
    assert all(s.passed.low <= 0.05 for s in worse)
    assert all(s.regressed.value > 0.7 for s in worse if s.loss == 3.0)
    json.dumps(asdict(result))


def test_a_gate_that_does_not_hold_is_told_on():
    often = Share(0.1, 0.06, 0.15)
    alarms = Scenario(None, 0.0, 200, often, often, often, 1.0, holds=False)
    missed = replace(alarms, metric=Metric.TOKENS, loss=1.0)
    found = Calibration("p", 60, 12, 8, (alarms, missed), False, 0.05, 0.01, 1)
    alarm, miss = planning.complaints(found)
    assert alarm == (
        "An unchanged model is REGRESSED in 10.0% of 200 trials (at least 6.0%), more than the "
        "1% that the policy promises."
    )
    assert "worse by 1 margin of tokens PASSes in 10.0%" in miss


def test_changes_of_what_never_varies_are_not_lost():
    pools = make_pools([grid(np.full((150, 6), WRONG)), grid(np.full((150, 6), RIGHT))])
    assert pools[0].epochs == 12
    always = calibrate([grid(np.full((150, 6), RIGHT))], POLICY, trials=10, losses=(2.0,))
    assert always.scenarios[0].regressed.value == 0.0
    assert always.scenarios[1].passed.value == 0.0


def test_a_loss_that_nothing_can_have_is_no_broken_promise():
    """A task without any right answer passes, whatever is taken away from it."""
    margins = Margins(accuracy=0.1, tokens=None, truncation=None)
    policy = GatePolicy(name="accuracy", margins=margins, max_epochs=1)
    wrong = grid(np.full((150, 12), WRONG))
    found = calibrate([wrong], policy, trials=20, losses=(1.0,))
    assert found.holds
    assert found.scenarios[1].passed.value == 1.0
    # Where another task has something to lose, the loss is there.
    both = together(wrong, simulate(generator(), np.full(150, 0.6), 12, task="mcq"))
    found = calibrate([both], policy, trials=40, losses=(1.0,))
    assert found.scenarios[1].passed.value <= 0.2


def test_several_runs_are_pooled_by_problem():
    one, two = stored(2, seed=0), stored(3, seed=0)
    pools = make_pools([one, two])
    assert [pool.task for pool in pools] == ["math", "mcq"]
    assert {pool.epochs for pool in pools} == {5}
    total = (one.correct.sum() + two.correct.sum()) / 1.0
    assert sum(pool.grids[Metric.ACCURACY].sum() for pool in pools) == total


def drawn(pool, rng, injection, baseline_epochs, most):
    """The baseline's means, and the candidate's after each epoch."""
    policy = GatePolicy(name="all")
    grids = draw(pool, policy, rng, injection, baseline_epochs, most)
    one = Drawn(pool, policy, rng, grids, baseline_epochs)
    return one.baseline, [one.pair(float(end)).candidate for end in range(1, most + 1)]


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


def test_concentrated_losses_shift_the_mean_as_much_in_few_problems():
    (pool, _), rng = make_pools([stored(16)]), generator()
    policy = GatePolicy(name="all")
    for metric, loss in ((Metric.ACCURACY, 0.2), (Metric.TRUNCATION, 0.1)):
        moved = []
        for _ in range(40):
            grid_ = draw(pool, policy, rng, {metric: loss}, 8, 4, concentrated=True)[metric]
            moved.append(abs(grid_[:, 8:].mean() - grid_[:, :8].mean()))
        assert np.mean(moved) == pytest.approx(loss, rel=0.15)


def test_few_trials_break_no_promise():
    policy = POLICY.model_copy(update={"alpha_pass": 1e-6})
    found = calibrate([stored(16)], policy, trials=20, losses=(1.0,))
    assert found.holds


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


def lengths(problems, epochs):
    return generator().lognormal(4.0, 0.5, (problems, epochs))


def generator():
    return np.random.default_rng(11)


def test_the_same_seed_gives_the_same_result():
    args = ([stored(4)], POLICY)
    assert calibrate(*args, trials=5, losses=()) == calibrate(*args, trials=5, losses=())


def test_too_little_to_resample():
    with pytest.raises(DataError, match="single stored sample"):
        calibrate([stored(1)], POLICY, trials=2)
    with pytest.raises(DataError, match="no judged samples"):
        calibrate([grid(np.full((3, 2), ERRORED))], POLICY)
    with pytest.raises(UsageError, match="at least one trial"):
        calibrate([stored(2)], POLICY, trials=0)


def test_long_tailed_lengths_keep_their_level():
    """A candidate's 300 samples may miss the tail; then neither its mean nor its variance shows.

    With the variance of the sample alone, 12% of models exactly at the margin passed.
    """
    rng = np.random.default_rng(5)
    lengths = np.where(rng.random((300, 8)) < 0.01, 100.0, rng.integers(12, 18, (300, 8)))
    n, epochs = lengths.shape
    samples = Samples(
        tasks=("mcq",),
        problem_ids=Names.of(f"p{i}" for i in range(n)),
        problem_task=np.zeros(n, dtype=np.int64),
        clusters=Names.of(f"p{i}" for i in range(n)),
        problem=np.repeat(np.arange(n), epochs),
        sample_index=np.tile(np.arange(epochs), n),
        outcome=np.zeros(n * epochs, dtype=np.int64),
        tokens=lengths.ravel(),
        truncated=np.zeros(n * epochs, dtype=np.bool_),
    )
    margins = Margins(accuracy=None, tokens=0.16, truncation=None)
    policy = GatePolicy(name="lengths", margins=margins, max_epochs=1)
    found = calibrate([samples], policy, trials=400, losses=(1.0,), baseline_epochs=7)
    unchanged, at_margin, in_few, *_ = found.scenarios
    assert in_few.concentrated
    assert at_margin.passed.value <= 0.06
    assert unchanged.regressed.value <= 0.01
    assert found.holds


def test_no_loss_hides_behind_errored_samples():
    """As many of the worst answers are ERRORED as the policy allows; the unchanged model has some.

    With the samples that are left alone, losses of a margin passed 10 times as often.
    """
    policy = POLICY.model_copy(update={"min_judged": 0.97})
    found = calibrate([stored(16)], policy, trials=100, losses=(1.0, 2.0))
    hidden = [one for one in found.scenarios if one.errored]
    assert [(one.metric, one.loss) for one in hidden] == [
        (metric, loss)
        for metric in (Metric.ACCURACY, Metric.TOKENS, Metric.TRUNCATION)
        for loss in (0.0, 1.0, 2.0)
    ]
    for one in hidden:
        assert one.regressed.value < 0.02 if one.loss == 0 else one.passed.low < 0.05
    (row,) = (row for row in planning.outcome_rows(hidden[:1]))
    assert row[0] == "accuracy, 0 × margin, wrong answers ERRORED"


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
