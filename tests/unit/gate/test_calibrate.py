import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from helpers.runs import ERRORED, RIGHT, WRONG, grid, simulate, together

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.gate.calibrate import Calibration, Scenario, calibrate
from smallscale_ci.gate.simulate import Share, make_pools
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


def test_few_trials_break_no_promise():
    policy = POLICY.model_copy(update={"alpha_pass": 1e-6})
    found = calibrate([stored(16)], policy, trials=20, losses=(1.0,))
    assert found.holds


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
