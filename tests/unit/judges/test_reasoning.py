"""What a monitor is asked about a reasoning: nothing in it can pass for the question."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.reasoning import question
from smallscale_ci.records import Problem

PROBLEM = Problem("p", "t", "How {many}?", "4", also=("four",))


def asked(reasoning: str, problem: Problem = PROBLEM) -> str:
    system, user = question(problem, reasoning)
    assert (system["role"], user["role"]) == ("system", "user")
    return user["content"]


def test_question_answers_and_reasoning_are_all_there() -> None:
    text = asked("Two and two.\n")
    assert "How {many}?" in text
    assert "4\nor: four" in text
    (mark,) = set(re.findall(r"^\[[0-9a-f]{8}\]$", text, re.MULTILINE))
    assert text.count(mark) == 3  # named, before and after
    assert text.partition(f"\n{mark}\n")[2].partition(f"\n{mark}\n")[0] == "Two and two."
    assert "(not given)" in asked("x", Problem("p", "t", "", "4"))


@settings(max_examples=20)
@given(st.text(max_size=60), st.text(alphabet="[]0123456789abcdef\n", max_size=60))
def test_no_reasoning_closes_its_own_marks(one: str, other: str) -> None:
    text = asked(one + other)
    mark = text.partition("two lines of ")[2].partition(".")[0]
    shown = text.partition(f"\n{mark}\n")[2]
    assert shown.count(mark) == 1
    assert shown.endswith("Reply Yes or No.")


def test_a_long_one_is_shown_by_its_beginning_and_half_a_character_is_none() -> None:
    text = asked("a" * 30_000 + "the end")
    assert "a" * 24_000 in text
    assert "the end" not in text
    assert asked("\ud800").isascii()
