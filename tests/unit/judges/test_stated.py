"""What a text states as its answer in words."""

import time

import pytest

from smallscale_ci.judges.stated import stated


@pytest.mark.parametrize(
    "text",
    [
        "The answer comes out to 12.",
        "The answer turns out to be 12.",
        "The answer will be 12.",
        "The answer must therefore be 12.",
        "The answer would have to be 12.",
        "The answer can only be 12.",
        "The answer, of course, is 12.",
        "The answer we are looking for is 12.",
        "The answer is '12'.",
        "The answer is `12`.",
        "Answer => 12",
        "Answer - 12",
        "*Answer*: 12",
        "__Answer:__ 12",
        "Ans. 12",
        "ans: 12",
        "which gives us an answer of 12.",
        "That makes the answer 12.",
        "I believe the answer to be 12.",
        "The final result is therefore 12.",
        "So, 12 is the answer.",
        "We add. **12** is the answer.",
        "Hence 12 must be the final answer, as we saw.",
    ],
)
def test_forms_of_a_statement(text):
    assert stated(f"First 3, then 4.\n{text}") == "12"


@pytest.mark.parametrize(
    "text",
    [
        "12 is not the answer.",
        "I doubt that 12 is the answer.",
        "12 is the answer to part (a).",
        "12 would be the answer if we had stopped there.",
        "I have the answers 12 times.",
        "We give an answer. 12 follows.",
        "Let ans = 12 for now.",
        "The answer could be 12 or 13.",
    ],
)
def test_no_statement(text):
    assert stated(text) is None


def test_the_last_statement_counts():
    assert stated("12 is the answer. No: the answer is 13.") == "13"
    assert stated("The answer is 13. No: so 12 is the answer.") == "12"


@pytest.mark.parametrize(
    "unit", ["answer is, ", "the answer is always, of course, ", "12 ", "so, 12 is ", "$1", "\\(1 "]
)
def test_hostile_texts_take_no_time(unit):
    begin = time.process_time()
    stated(unit * 40_000)
    assert time.process_time() - begin < 5  # quadratic would be minutes
