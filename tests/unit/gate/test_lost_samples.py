"""Samples that are ERRORED, missing or on one side only: what they count for."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.runs import ERRORED, WRONG, simulate, together
from helpers.verdicts import WIDE, one, rates, run

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.decide import decide
from smallscale_ci.records import Metric, VerdictKind
from smallscale_ci.report import wording

PASS = VerdictKind.PASS
INCONCLUSIVE = VerdictKind.INCONCLUSIVE
INVALID = VerdictKind.INVALID


def share_of(kind, runs, metric, made):
    """How often the check of ``metric`` comes out as ``kind`` for runs made by ``made(rng)``."""
    kinds = [
        one(decide(*made(np.random.default_rng(seed)), GatePolicy(name="default")), metric).kind
        for seed in range(runs)
    ]
    return kinds.count(kind) / runs


def lose(samples, rows):
    return replace(
        samples,
        outcome=np.where(rows, ERRORED, samples.outcome),
        tokens=np.where(rows, np.nan, samples.tokens),
    )


def test_errored_samples_are_left_out_up_to_a_share():
    base = run(2, rates(), 8)
    candidate = run(1, rates(), 1)
    few = replace(candidate, outcome=np.where(candidate.problem < 2, ERRORED, candidate.outcome))
    verdict = decide(few, base, WIDE)
    assert verdict.kind is PASS
    assert verdict.accounting.judged == 298
    assert verdict.accounting.outcomes["ERRORED"] == 2
    assert one(verdict, Metric.ACCURACY).estimate.n == 298
    assert any("2 samples ERRORED" in note for note in wording.notes(verdict))
    many = replace(candidate, outcome=np.where(candidate.problem < 9, ERRORED, candidate.outcome))
    verdict = decide(many, base, WIDE)
    assert verdict.kind is INVALID
    assert "291 of 300" in wording.reasons(verdict)[0]


@pytest.mark.parametrize("margins", [1, 2])
def test_the_longest_answers_cannot_hide_growth_by_failing(margins):
    def made(rng):
        lengths = 1000 * rng.lognormal(0, 0.3, 1319)
        base = simulate(rng, rates(n=1319), 8, lengths)
        candidate = simulate(rng, rates(n=1319), 4, lengths * 1.05**margins)
        cut = np.quantile(candidate.tokens, 0.99)
        return lose(candidate, candidate.tokens > cut), base

    assert share_of(PASS, 20, Metric.TOKENS, made) == 0


def test_wrong_answers_cannot_hide_a_loss_by_failing():
    def made(rng):
        base = simulate(rng, rates(n=1319), 8)
        candidate = simulate(rng, rates(n=1319) * (1 - 0.02 / 0.8), 4)
        wrong = np.flatnonzero(candidate.outcome == WRONG)
        rows = np.zeros(len(candidate), dtype=bool)
        rows[rng.choice(wrong, len(candidate) // 100, replace=False)] = True
        return lose(candidate, rows), base

    assert share_of(PASS, 40, Metric.ACCURACY, made) <= 0.15


def test_lost_samples_that_decide_are_named():
    base = run(2, rates(), 8)
    candidate = run(1, rates(), 4)
    policy = WIDE.model_copy(update={"margins": Margins(accuracy=0.05, tokens=None)})
    assert decide(candidate, base, policy).kind is PASS
    verdict = decide(lose(candidate, np.arange(len(candidate)) % 100 == 7), base, policy)
    check = one(verdict, Metric.ACCURACY)
    assert check.kind is INCONCLUSIVE
    assert (check.lost, check.lost_decide) == (12, True)
    assert "12 samples that ERRORED or are missing" in wording.advice(check)
    assert "12 lost samples at their worst" in wording.reasons(verdict)[0]
    assert check.estimate.low < -check.margin


def test_a_few_lost_samples_do_not_stop_an_unchanged_model():
    base, candidate = run(2, rates(), 8), run(1, rates(), 1)
    assert decide(lose(candidate, candidate.problem == 7), base, WIDE).kind is PASS
    missing = candidate.select(candidate.problem != 7)
    verdict = decide(missing, base, WIDE)
    assert verdict.kind is PASS
    assert one(verdict, Metric.ACCURACY).lost == 1


def test_a_sample_whose_judge_failed_keeps_its_length():
    base, candidate = run(2, rates(), 8), run(1, rates(), 4)
    rows = np.arange(len(candidate)) % 100 == 7
    judge_failed = replace(candidate, outcome=np.where(rows, ERRORED, candidate.outcome))
    known = one(decide(judge_failed, base, WIDE), Metric.TOKENS)
    whole = one(decide(candidate, base, WIDE), Metric.TOKENS)
    unknown = one(decide(lose(candidate, rows), base, WIDE), Metric.TOKENS)
    assert known.pass_p == pytest.approx(whole.pass_p, rel=0.5)
    assert unknown.pass_p > 10 * known.pass_p


def test_one_errored_of_thirty_is_within_the_allowance():
    base = run(2, rates(n=30), 8)
    candidate = run(1, rates(n=30), 1)
    verdict = decide(lose(candidate, candidate.problem == 0), base, WIDE)
    assert verdict.kind is not INVALID
    verdict = decide(lose(candidate, candidate.problem < 2), base, WIDE)
    assert verdict.kind is INVALID


def test_a_small_task_cannot_hide_its_losses_among_errors():
    p = rates(n=2000)
    base = together(run(2, p, 2), run(3, p[:30], 2, task="code"))
    code = run(4, p[:30], 1, task="code")
    code = replace(code, outcome=np.where(code.problem < 15, ERRORED, code.outcome))
    verdict = decide(together(run(1, p, 1), code), base, WIDE)
    assert verdict.kind is INVALID
    assert "code lacks 15 of 30 samples" in wording.reasons(verdict)[0]


@pytest.mark.parametrize(("mine", "theirs"), [(9, 10), (10, 9)])
def test_nor_behind_a_problem_on_one_side_only(mine, theirs):
    p = rates(n=2000)
    base = together(run(2, p, 2), run(3, p[:theirs], 2, task="code"))
    code = run(4, p[:mine], 1, task="code")
    code = replace(code, outcome=np.where(code.problem < 6, ERRORED, code.outcome))
    verdict = decide(together(run(1, p, 1), code), base, WIDE)
    assert verdict.kind is INVALID
    assert "code lacks 6 of 9 samples" in wording.reasons(verdict)[0]


def test_missing_samples_count_against_the_plan():
    base = run(2, rates(), 8)
    candidate = run(1, rates(), 2)
    verdict = decide(candidate.select(np.arange(600) >= 5), base, WIDE)
    assert verdict.kind is PASS
    assert (verdict.accounting.planned, verdict.accounting.judged) == (600, 595)
    assert any("5 planned samples missing" in note for note in wording.notes(verdict))
    assert decide(candidate.epochs(1), base, WIDE, planned=600).kind is INVALID
    assert decide(candidate.select(np.arange(600) >= 100), base, WIDE).kind is INVALID


def test_errored_baseline_is_invalid():
    base = run(2, rates(), 8)
    broken = replace(base, outcome=np.where(base.sample_index < 1, ERRORED, base.outcome))
    verdict = decide(run(1, rates(), 1), broken, WIDE)
    assert verdict.kind is INVALID
    assert "record it again" in wording.reasons(verdict)[0]


def test_problems_on_one_side_only_are_counted():
    p = rates()
    few = decide(run(1, p[:298], 1), run(2, p, 8), WIDE)
    assert few.kind is PASS
    assert few.accounting.unpaired == 2
    assert few.accounting.planned == 300
    many = decide(run(1, p[:200], 1), run(2, p, 8), WIDE)
    assert many.kind is INVALID
    assert many.accounting.unpaired == 100
