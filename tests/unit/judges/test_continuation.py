from __future__ import annotations

import time

import pytest

from smallscale_ci.judges.continuation import own_answer, own_part
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.math import MathJudge
from smallscale_ci.records import Outcome, Problem

ASKED = "Tom has 6 bags with 3 marbles each. How many marbles does Tom have?"


@pytest.mark.parametrize(
    "follows",
    [
        "\n\nQuestion: How long is a day?\nAnswer: 24 hours",
        "\nQ: How long is a day?\nA: 24",
        "\n\n**Problem:** How long is a day?",
        "\n### Question:\nHow long is a day?",
        "\n\nHuman: How long is a day?",
        "\n问题：一天有多长？\n答案：24",
        "\nQuestion: Tom has 7 bags with 4 marbles each. How many marbles does Tom have?",
    ],
)
def test_what_is_answered_to_another_question_is_left_out(follows: str) -> None:
    assert own_part(f"The answer is 18.{follows}", ASKED).rstrip() == "The answer is 18."


@pytest.mark.parametrize(
    "text",
    [
        f"Question: {ASKED}\nAnswer: 18",
        f"Let us see.\n\nQuestion: {ASKED}\nAnswer: 18",
        "Let us see.\n\nProblem: How many marbles does Tom have in 6 bags with 3 marbles each?\n18",
        "Question: How long is a day?\nAnswer: 24",  # nothing stands before it
        "The questions: none. The answer is 18.",
        "Let us see.\n\n**Problem:** find the product.\n\n**Solution:** 18",
    ],
)
def test_the_question_itself_is_no_end(text: str) -> None:
    assert own_part(text, ASKED) == text


def test_nothing_is_cut_off_where_the_question_is_not_known() -> None:
    text = "It is 18.\n\nQuestion: How long is a day?\nIt is 24."
    assert own_part(text, "") == text
    assert own_answer("<think> 18", ASKED) is None


def test_mathematics_is_judged_by_what_answers_its_question() -> None:
    text = "The answer is 18.\n\nQuestion: How many hours has a day?\nThe answer is 24."
    judge, spec = MathJudge(), JudgeSpec("math")
    assert judge.judge(Problem("p", "t", ASKED, "18"), text, spec).outcome is Outcome.CORRECT
    assert judge.judge(Problem("p", "t", ASKED, "24"), text, spec).outcome is Outcome.WRONG


def test_many_marks_take_linear_time() -> None:
    begin = time.process_time()
    own_part(f"x\n\nQuestion: {ASKED}" * 20_000, ASKED)
    assert time.process_time() - begin < 20
