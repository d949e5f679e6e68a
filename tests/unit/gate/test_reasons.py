"""Why the verdict is what it is, and what would have made it another."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.report_examples import INCONCLUSIVE, PASS, REGRESSED, estimate
from helpers.report_examples import check as example
from helpers.runs import ERRORED, RIGHT, grid, together
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate import reasons
from smallscale_ci.gate.pairing import match_problems, pair_tasks
from smallscale_ci.records import Accounting, Advice, Difference, Metric, Reason, ReasonKind

POLICY = GatePolicy(name="p")
OPEN = example("t", Metric.ACCURACY, INCONCLUSIVE, 0.60, 0.59, 0.02)


def obstacles(candidate, baseline, policy=POLICY, differences=(), judged=None):
    match = match_problems(candidate, baseline)
    pairs = pair_tasks(candidate, baseline, match, ())
    planned = len(candidate)
    accounts = Accounting(planned, planned if judged is None else judged, {})
    return reasons.obstacles(candidate, baseline, pairs, accounts, policy, differences)


def kinds(found):
    return [reason.kind for reason in found]


@given(st.floats(0, 1), st.integers(0, 10_000))
def test_what_may_be_lost_is_at_least_the_share_and_less_than_one_more(share, total):
    allowed = reasons.allowance(share, total)
    assert share * total - 1e-6 <= allowed < share * total + 1
    assert 0 <= allowed <= total


@pytest.mark.parametrize(
    ("share", "total", "allowed"), [(0.01, 100, 1), (0.01, 101, 2), (0.0, 5, 0), (0.01, 3, 1)]
)
def test_a_small_task_may_lose_one_sample_where_any_may_be_lost(share, total, allowed):
    assert reasons.allowance(share, total) == allowed


def test_two_whole_runs_of_the_same_problems_can_be_compared():
    whole = grid(np.full((30, 2), RIGHT))
    assert obstacles(whole, whole) == ()


def test_a_task_on_one_side_only_is_named_with_its_side():
    math, mcq = grid(np.full((30, 2), RIGHT)), grid(np.full((30, 2), RIGHT), task="mcq")
    both = together(math, mcq)
    assert obstacles(math, both) == (Reason(ReasonKind.NOT_IN_CANDIDATE, "mcq"),)
    assert obstacles(both, mcq) == (Reason(ReasonKind.NOT_IN_BASELINE, "math"),)


def test_a_difference_that_the_policy_allows_is_none():
    whole = grid(np.full((30, 2), RIGHT))
    told = [Difference("engine.version", "1", "2"), Difference("gpu", "a", "b", allowed=True)]
    assert obstacles(whole, whole, differences=told) == (
        Reason(ReasonKind.INCOMPARABLE, names=("engine.version",)),
    )


def test_other_problems_of_the_same_task_are_not_comparable():
    here, there = grid(np.full((30, 1), RIGHT)), grid(np.full((30, 1), RIGHT), first=20)
    (found,) = obstacles(here, there)
    assert (found.kind, found.count, found.of) == (ReasonKind.UNPAIRED, 40, 50)
    apart = obstacles(here, grid(np.full((30, 1), RIGHT), first=30))
    assert kinds(apart) == [ReasonKind.UNPAIRED, ReasonKind.NOTHING_PAIRED]


@pytest.mark.parametrize("lost", [1, 2])
def test_more_lost_samples_than_the_policy_allows_are_told_of_their_task(lost):
    outcome = np.full((50, 2), RIGHT)
    outcome[:lost, 0] = ERRORED  # 1% of 100 is one
    whole = grid(np.full((50, 2), RIGHT))
    mine = obstacles(grid(outcome), whole)
    theirs = obstacles(whole, grid(outcome))
    assert kinds(mine) == [ReasonKind.TASK_LACKS] * (lost - 1)
    assert kinds(theirs) == [ReasonKind.BASELINE_ERRORED] * (lost - 1)
    assert kinds(obstacles(whole, whole, judged=100 - lost)) == [ReasonKind.TOO_FEW_JUDGED] * (
        lost - 1
    )


def test_a_gated_metric_that_a_side_does_not_record_is_named_with_the_side():
    whole = grid(np.full((30, 2), RIGHT))
    thinks = replace(whole, thinking=whole.tokens / 2, unknown=frozenset())
    policy = GatePolicy(name="p", margins=Margins(thinking=0.1))
    assert obstacles(whole, whole) == ()  # not gated, not missed
    assert obstacles(thinks, whole, policy) == (
        Reason(ReasonKind.UNKNOWN_METRIC, metric=Metric.THINKING, names=("baseline",)),
    )


def test_a_policy_whose_margins_are_of_other_tasks_gates_nothing():
    none = Margins(accuracy=None, tokens=None, truncation=None)
    policy = GatePolicy(name="p", margins=none, task_margins={"other": Margins()})
    whole = grid(np.full((30, 2), RIGHT))
    assert kinds(obstacles(whole, whole, policy)) == [ReasonKind.NOTHING_GATED]


def test_the_worst_regression_comes_first_by_margins_and_before_what_is_open():
    mild = example("a", Metric.ACCURACY, REGRESSED, 0.6, 0.57, 0.01)  # 1.5 margins
    bad = example("b", Metric.TOKENS, REGRESSED, 100.0, 120.0, 0.01)  # 3.7 margins
    guard = replace(OPEN, guard=True)
    found = reasons.deciding(REGRESSED, [OPEN, mild, guard, bad])
    assert [(one.task, one.metric) for one in found] == [
        ("b", Metric.TOKENS),
        ("a", Metric.ACCURACY),
        ("t", Metric.ACCURACY),
    ]


def test_a_pass_stands_on_every_check_or_on_one_sentence():
    passed = [replace(OPEN, kind=PASS, task=task) for task in ("a", "b")]
    assert [one.task for one in reasons.deciding(PASS, passed)] == ["a", "b"]
    same = [replace(check, identical=True) for check in passed]
    assert kinds(reasons.deciding(PASS, same)) == [ReasonKind.REPRODUCED]


def test_changes_that_do_not_decide_are_told():
    sure = {"p_value": 0.001}
    ungated = replace(OPEN, gated=False, task="not gated", **sure)
    better = example("better", Metric.ACCURACY, PASS, 0.6, 0.7, 0.02)
    small = replace(OPEN, kind=PASS, task="small", estimate=estimate(-0.01, 0.005), **sure)
    fine = replace(OPEN, kind=PASS, task="fine")
    found = {
        one.task: one.kind for one in reasons.check_notes([ungated, better, small, fine], POLICY)
    }
    assert found == {
        "not gated": ReasonKind.NOT_GATED,
        "better": ReasonKind.BETTER,
        "small": ReasonKind.REAL_BUT_SMALL,
    }


def advice(check, left=0, futile=False):
    (found,) = reasons.advised([check], left, futile=futile)
    return found.advice


def test_only_open_gated_checks_are_advised():
    assert advice(replace(OPEN, kind=PASS)) is None
    assert advice(replace(OPEN, gated=False), left=3) is None


def test_advice_is_a_margin_that_would_pass_problems_enough_and_the_looks_left():
    found = advice(OPEN, left=3)
    assert OPEN.margin < OPEN.reach < found.margin < OPEN.reach * 1.01
    assert found.looks == 3
    assert found.problems > OPEN.estimate.n
    assert str(found.problems)[2:].strip("0") == ""  # two figures are enough


def test_a_futile_run_is_promised_no_looks():
    assert advice(OPEN, left=3, futile=True).looks == 0


def test_nobody_is_advised_to_widen_a_margin_for_a_model_that_seems_worse():
    assert advice(replace(OPEN, p_value=0.02)).margin == 0.0


def test_more_problems_of_too_few_clusters_are_no_advice():
    few = replace(OPEN, estimate=replace(OPEN.estimate, clusters=4))
    assert advice(few).clusters > 4
    assert advice(few).problems == 0
    assert advice(replace(few, lost_decide=True)) != Advice(clusters=advice(few).clusters)


def test_notes_name_margins_for_tasks_that_are_not_there():
    whole = grid(np.full((30, 2), RIGHT))
    pairs = pair_tasks(whole, whole, match_problems(whole, whole), ())
    policy = GatePolicy(name="p", task_margins={"aime": Margins(), "math": Margins()})
    told = [Difference("gpu", "a", "b", allowed=True)]
    found = reasons.notes(
        pairs, Accounting(60, 60, {"CORRECT": 60}, unpaired=2), policy, told, True, 0.9
    )
    assert found == (
        Reason(ReasonKind.REPRODUCED),
        Reason(ReasonKind.SHARED_DRAWS, share=0.9),
        Reason(ReasonKind.ALLOWED, names=("gpu",)),
        Reason(ReasonKind.ONE_SIDED, count=2),
        Reason(ReasonKind.UNKNOWN_TASKS, names=("aime",)),
    )
