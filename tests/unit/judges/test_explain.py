from __future__ import annotations

from smallscale_ci.judges.explain import explain
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.records import CodeTest, FinishReason, Outcome, Problem


def test_math() -> None:
    text = "<think>hm</think>The answer is 3. So $\\boxed{\\dfrac{2}{4}}$."
    told = explain(Problem("p", "t", "?", "0.5"), text, JudgeSpec("math"))
    steps = dict(told.steps)
    assert told.ruling.outcome is Outcome.CORRECT
    assert steps["found by 'boxed'"] == "\\dfrac{2}{4}"
    assert steps["found by 'stated'"] == "3"
    assert steps["answer, normal form"] == "\\frac {2}{4}"
    assert steps["gold, read as"] == "the quantity 0.5"
    assert steps["decided by"] == "boxed: same scalar"


def test_mcq_and_unfinished_thinking() -> None:
    problem = Problem("p", "t", "?", "B", choices=("red", "blue"))
    told = explain(problem, "<think>\\boxed{B}", JudgeSpec("mcq"))
    assert told.ruling.outcome is Outcome.UNPARSED
    assert ("option", "B. blue") in told.steps
    assert ("after thinking", "nothing: thinking was not finished") in told.steps


def test_code() -> None:
    problem = Problem("p", "t", "?", "", tests=(CodeTest("1", "1"),))
    told = explain(problem, "```\nprint(1)\n```", JudgeSpec("code"))
    assert ("program", "print(1)\n") in told.steps
    assert told.steps[-2][1] == "no sandbox on this machine: none was chosen"


def test_an_answer_that_was_cut_off_is_truncated_as_in_the_report() -> None:
    problem = Problem("p", "t", "?", "12")
    told = explain(problem, "First we add", JudgeSpec("math"), finish=FinishReason.LENGTH)
    assert told.steps[-1] == ("outcome", "TRUNCATED")
    assert dict(told.steps)["decided by"].startswith("reached max_tokens")
