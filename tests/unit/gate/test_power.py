import json
from dataclasses import asdict

import numpy as np
import pytest
from helpers.runs import simulate, together

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.errors import DataError
from smallscale_ci.gate.holdable import too_fine
from smallscale_ci.gate.power import plan
from smallscale_ci.records import Metric
from smallscale_ci.report import planning


def baseline(problems=150, epochs=8):
    rng = np.random.default_rng(0)
    rates = rng.beta(1.6, 0.4, problems)
    return together(simulate(rng, rates, epochs), simulate(rng, 0.5 * rates, epochs, task="mcq"))


def policy(scale, **options):
    margins = Margins(accuracy=0.1 * scale, tokens=0.12 * scale, truncation=0.05 * scale)
    return GatePolicy(name="p", margins=margins, **{"max_epochs": 2, **options})


def test_a_suite_that_can_hold_its_margins():
    result = plan(baseline(), policy(1.5), trials=40, losses=(1.0, 2.0), gpu_seconds_per_token=0.01)
    assert result.passed.value > 0.9
    assert result.regressed.value <= 0.05
    assert planning.plan_warnings(result) == ()
    assert 1 <= result.epochs <= 2
    assert result.tokens == pytest.approx(result.epochs * 300 * 105, rel=0.05)
    assert result.gpu_hours == pytest.approx(result.tokens * 0.01 / 3600)
    doubled = [d for d in result.detections if d.loss == 2.0]
    assert len(doubled) == 3
    assert all(d.regressed.value > 0.8 for d in doubled)
    assert all(0 < d <= 2 for d in result.detectable.values())
    json.dumps(asdict(result))


def test_margins_that_are_too_fine_are_warned_about():
    result = plan(baseline(), policy(0.1), trials=20, losses=(0.5,))
    assert result.passed.value < 0.5
    assert result.detectable["accuracy"] is None
    assert "would pass only" in planning.plan_warnings(result)[0]
    assert any(
        "math accuracy: the margin of 1 pp is" in one for one in planning.plan_warnings(result)
    )


def test_margins_that_a_budget_can_hold_are_held():
    """Gating one metric at the margin that is called holdable passes about 95 in 100."""
    found = plan(baseline(), policy(1.0, max_epochs=1), trials=1, losses=()).holdable
    held = max(h.holds for h in found if h.metric is Metric.ACCURACY)
    alone = GatePolicy(
        name="p",
        max_epochs=1,
        margins=Margins(accuracy=held, tokens=None, truncation=None),
    )
    assert plan(baseline(), alone, trials=150, losses=()).passed.value > 0.88


def test_more_epochs_hold_finer_margins():
    holds = [
        plan(baseline(), policy(1.0, max_epochs=most), trials=1, losses=()).holdable[0].holds
        for most in (1, 4)
    ]
    assert holds[1] < 0.8 * holds[0]


def test_an_epoch_of_a_suite_may_hold_several_samples_of_a_problem():
    """avg@16: 30 problems with 8 epochs of 16 samples, beside a task with one sample an epoch."""
    rng = np.random.default_rng(0)
    aime = simulate(rng, rng.beta(1.6, 0.4, 30), 128, task="aime")
    stored = together(aime, simulate(rng, rng.beta(1.6, 0.4, 400), 8))
    margins = Margins(accuracy=0.12, tokens=None, truncation=None)
    gate = GatePolicy(name="p", margins=margins, max_epochs=1)
    found = plan(stored, gate, trials=60, losses=(), repeats={"aime": 16})
    assert found.baseline_epochs == 8
    assert found.tokens == pytest.approx((30 * 16 + 400) * 105, rel=0.05)
    assert found.passed.value > 0.9
    assert found.limits == ()
    assert too_fine(stored, gate, repeats={"aime": 16}) == ()
    single = plan(stored, gate, trials=60, losses=())
    assert single.passed.value < 0.9


def test_the_warning_before_a_run_is_about_the_epochs_that_it_may_have():
    gate = policy(1.0, max_epochs=8)
    assert too_fine(baseline(), gate) == ()
    (first, *_) = too_fine(baseline(), gate, (1, 1))
    assert "finer than this suite" in planning.limit(first)
    assert too_fine(baseline(), gate, (17_000, 17_000)) == ()  # one look, and so no time


def test_what_is_being_simulated_is_said():
    said = []
    plan(
        baseline(40, 2), policy(1.5, max_epochs=1), trials=101, losses=(),
        say=lambda *done: said.append(done),
    )  # fmt: skip
    assert said == [(done, 101) for done in range(10, 101, 10)]


def test_one_epoch_says_nothing_about_noise():
    with pytest.raises(DataError, match="single stored sample"):
        plan(baseline(epochs=1), policy(1.0), trials=2)
