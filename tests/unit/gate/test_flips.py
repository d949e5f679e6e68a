import numpy as np
import pytest
from helpers.runs import RIGHT, WRONG, grid, simulate

from smallscale_ci.config.models import GatePolicy, Margins
from smallscale_ci.gate.decide import decide
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
