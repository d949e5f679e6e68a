"""Our losses against LLaMA-Factory's own code, in the training environment."""

import json
import math

import pytest
from helpers import training as shared

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def found() -> dict[str, float]:
    shared.need_environments()
    return json.loads(shared.in_environment("losses.py").splitlines()[-1])


def test_lcpo_is_upstreams_orpo_without_its_likelihood_term(found) -> None:
    assert found["orpo"] < 1e-12
    assert found["lcpo"] < 1e-12


def test_log_odds_keep_their_digits_near_certainty(found) -> None:
    assert found["near_one"] < 1e-12
    assert found["at_half"] == pytest.approx(0.0, abs=1e-15)


def test_gradients_are_those_of_finite_differences_down_to_a_logp_of_1e7th(found) -> None:
    assert found["gradients"] < 1e-4


def test_nothing_is_nan_where_upstream_is(found) -> None:
    assert found["upstream_is_nan"]
    assert found["finite"] == {"torch.float64": True, "torch.float32": True}


@pytest.mark.parametrize("objective", ["lcpo", "simper", "orpo", "simpo", "dpo", "ipo"])
def test_each_objective_is_trained_with_its_own_loss(found, objective: str) -> None:
    assert found["off_formula"][objective] < 1e-12


def test_known_values(found) -> None:
    assert found["equal"] == pytest.approx(math.log(2))
    assert found["simper"] == pytest.approx(-0.5)
