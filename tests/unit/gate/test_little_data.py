"""Few problems, or nothing that varies."""

import json
from dataclasses import asdict

import numpy as np
import pytest
from helpers.runs import RIGHT, WRONG, grid
from helpers.verdicts import WIDE, one, rates, run

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.decide import decide
from smallscale_ci.records import Metric, VerdictKind

PASS = VerdictKind.PASS
REGRESSED = VerdictKind.REGRESSED
INCONCLUSIVE = VerdictKind.INCONCLUSIVE


@pytest.mark.parametrize("outcome", [RIGHT, WRONG])
def test_all_alike_on_both_sides_passes_with_enough_problems(outcome):
    rng = np.random.default_rng(0)
    shape = np.full((200, 8), outcome)
    base, candidate = (grid(shape, rng.lognormal(5, 0.1, shape.shape)) for _ in range(2))
    verdict = decide(candidate.epochs(1), base, WIDE)
    assert verdict.kind is PASS
    assert one(verdict, Metric.ACCURACY).estimate.value == 0.0
    assert one(verdict, Metric.ACCURACY).estimate.low == pytest.approx(-(1 - 0.05 ** (1 / 200)))


def test_from_all_right_to_all_wrong():
    verdict = decide(grid(np.full((50, 1), WRONG)), grid(np.full((50, 8), RIGHT)), WIDE)
    assert one(verdict, Metric.ACCURACY).kind is REGRESSED
    assert len(verdict.flips) == 50


def test_one_problem_decides_nothing():
    verdict = decide(grid(np.array([[WRONG]]), 90.0), grid(np.full((1, 8), RIGHT)), WIDE)
    assert verdict.kind is INCONCLUSIVE
    assert one(verdict, Metric.ACCURACY).estimate.n == 1
    json.dumps(asdict(verdict), allow_nan=True)


@pytest.mark.parametrize("length", [20.0, 90.0, 300.0])
def test_nor_does_its_length(length):
    """Without any other cluster: an unchanged model was REGRESSED in a third of all runs."""
    base = grid(np.full((1, 8), RIGHT), 80.0 + 10.0 * np.arange(8.0)[None, :])
    check = one(decide(grid(np.array([[RIGHT]]), length), base, WIDE), Metric.TOKENS)
    assert check.kind is INCONCLUSIVE
    assert check.pass_p == check.p_value == 1.0


def test_two_problems_that_happen_to_be_short_do_not_pass():
    """The longest answer seen is no bound: one in six passed that was longer by the margin."""
    rng = np.random.default_rng(0)
    passed = 0
    for _ in range(60):
        scale = rng.lognormal(6, 0.7, (2, 1))
        base = grid(np.full((2, 8), RIGHT), scale * rng.lognormal(0, 0.7, (2, 8)))
        longer = grid(np.full((2, 1), RIGHT), 1.2 * scale * rng.lognormal(0, 0.7, (2, 1)))
        passed += one(decide(longer, base, WIDE), Metric.TOKENS).kind is PASS
    assert passed <= 60 * 0.05


def test_nor_do_ten_whose_longest_answer_was_not_seen():
    """One in eight passed that was longer by the margin."""
    rng = np.random.default_rng(0)
    policy = GatePolicy(name="long", margins=Margins(accuracy=None, tokens=0.5, truncation=None))
    passed = 0
    for _ in range(150):
        scale = rng.lognormal(6, 0.3, (10, 1))
        base = grid(np.full((10, 8), RIGHT), scale * rng.lognormal(0, 1.0, (10, 8)))
        longer = grid(np.full((10, 1), RIGHT), 1.5 * scale * rng.lognormal(0, 1.0, (10, 1)))
        passed += decide(longer, base, policy).kind is PASS
    assert passed <= 150 * 0.05


def test_a_model_that_ends_at_once_is_no_error():
    verdict = decide(grid(np.full((100, 1), WRONG), 0.0), run(2, rates(n=100), 8), WIDE)
    assert verdict.kind is REGRESSED
    assert one(verdict, Metric.TOKENS).kind is PASS
