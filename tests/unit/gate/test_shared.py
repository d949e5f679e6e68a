"""Same seeds: samples that agree with the baseline's carry no noise of their own."""

import math

import numpy as np
import pytest
from helpers.runs import RIGHT, WRONG, grid

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.decide import decide
from smallscale_ci.gate.pairing import common_samples, match_problems
from smallscale_ci.gate.schedule import levels
from smallscale_ci.gate.shared import shared_draws
from smallscale_ci.records import ReasonKind, VerdictKind
from smallscale_ci.report import wording

POLICY = GatePolicy(name="p", margins=Margins(accuracy=0.02, tokens=0.05, truncation=None))


def drawn(rng, problems=198, epochs=8, lengths=500.0):
    rates = rng.beta(1.6, 0.4, (problems, 1))
    right = np.where(rng.random((problems, epochs)) < rates, RIGHT, WRONG)
    return right, np.ceil(lengths * rng.lognormal(0.0, 0.4, right.shape)), rates


def repeated(rng, base, share, epochs, lost=0.0):
    """``share`` of the samples again, the others drawn anew; of the right ones ``lost`` turn."""
    right, tokens, rates = base
    again = rng.random((len(right), epochs)) < share
    new = np.where(rng.random(again.shape) < rates, RIGHT, WRONG)
    outcome = np.where(again, right[:, :epochs], new)
    turned = (outcome == RIGHT) & (rng.random(again.shape) < lost)
    lengths = np.where(again, tokens[:, :epochs], np.ceil(500 * rng.lognormal(0, 0.4, again.shape)))
    return grid(np.where(turned, WRONG, outcome), lengths)


def share_of(candidate, baseline):
    match = match_problems(candidate, baseline)
    return shared_draws(candidate, baseline, common_samples(candidate, baseline, match))


@pytest.mark.parametrize("share", [0.0, 0.6, 0.95])
def test_the_share_of_repeated_draws_is_found(share):
    rng = np.random.default_rng(1)
    base = drawn(rng)
    assert share_of(repeated(rng, base, share, 4), grid(*base[:2])) == pytest.approx(
        share, abs=0.04
    )


def test_short_answers_that_agree_by_chance_are_no_repeated_draws():
    rng = np.random.default_rng(2)
    right, _, rates = drawn(rng)
    base = grid(right, 1.0)
    assert abs(share_of(repeated(rng, (right, np.ones(right.shape), rates), 0.0, 2), base)) < 0.5
    other = np.where(rng.random((198, 2)) < rates, RIGHT, WRONG)
    assert abs(share_of(grid(other, 1.0), base)) < 0.1


def test_a_baseline_of_one_epoch_or_samples_without_a_twin_tell_nothing():
    rng = np.random.default_rng(3)
    base = drawn(rng)
    assert share_of(repeated(rng, base, 1.0, 1), grid(base[0][:, :1], base[1][:, :1])) == 0.0
    longer = grid(np.tile(base[0], 2), np.tile(base[1], 2))
    assert share_of(longer, grid(*base[:2])) == 0.0


def test_198_problems_pass_two_points_where_most_draws_are_repeated():
    kinds, alone = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        base = drawn(rng)
        for share, found in ((0.95, kinds), (0.0, alone)):
            candidate = repeated(rng, base, share, 4)
            found.append(decide(candidate, grid(*base[:2]), POLICY).kind is VerdictKind.PASS)
    assert sum(kinds) >= 11
    assert sum(alone) <= 9


def test_three_losses_among_792_twins_pass_by_the_exact_test():
    """The bounded test gives 0.043, and 0.05 is its level: nothing is taken off for twins."""
    right, tokens, _ = drawn(np.random.default_rng(8))
    outcome = right[:, :4].copy()
    outcome[np.flatnonzero(outcome[:, 0] == RIGHT)[:3], 0] = WRONG
    policy = GatePolicy(name="p", margins=Margins(accuracy=0.02, tokens=None, truncation=None))
    verdict = decide(grid(outcome, tokens[:, :4]), grid(right, tokens), policy)
    check = next(check for check in verdict.checks if check.gated)
    assert check.pass_p == pytest.approx(0.0434, abs=0.0002)
    assert "bounded" in check.estimate.method
    assert verdict.kind is VerdictKind.PASS
    assert check.reach < 0.02


def test_most_of_the_level_of_twins_is_for_the_last_look():
    """With 198 problems that all agree, the bounded test cannot pass 2 pp below 0.018."""
    ends = (1.0, 2.0, 3.0, 4.0)
    twins, others = (levels(0.05, 0.01, ends, epochs)[-1][0] for epochs in (math.inf, 8.0))
    assert others < 0.03
    assert 0.04 < twins < 0.05


def test_a_loss_among_repeated_draws_is_seen_and_the_report_says_how_they_were_compared():
    rng = np.random.default_rng(5)
    base = drawn(rng)
    verdict = decide(repeated(rng, base, 0.95, 4, lost=0.06), grid(*base[:2]), POLICY)
    assert verdict.kind is VerdictKind.REGRESSED
    (note,) = [n for n in verdict.notes if n.kind is ReasonKind.SHARED_DRAWS]
    assert note.share == pytest.approx(0.9, abs=0.05)
    assert "compared with its twin" in wording.sentence(note, verdict)
    accuracy = next(check for check in verdict.checks if check.metric == "accuracy")
    assert accuracy.baseline == pytest.approx(float((base[0][:, :4] == RIGHT).mean()))
