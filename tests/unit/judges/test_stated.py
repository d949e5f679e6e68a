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


@pytest.mark.parametrize(
    "text",
    [
        "That does not give the answer 12. I get 44.",
        "It is impossible to get an answer of 12.",
        "I do not believe the answer to be 12. It's 44.",
        "So 12 must be the answer? It isn't",
        "Hence 12 would be the answer without tax. It's 44 with it.",
        "12 is the answer according to the key. I disagree: 44.",
        "So 12 is the final answer minus 4; it's 8",
        "The final total before tax is 12. Adding tax, she pays 44 dollars",
        "The final total for Monday is 12.",
        "We need the answer to be 12 digits long.",
        "The answer will be 12. It isn't.",
    ],
)
def test_no_statement_with_a_number(text):
    assert stated(text) is None


@pytest.mark.parametrize(
    "more",
    [
        "I hope this answer will be helpful!",
        "Hope this answer ends up being helpful!",
        "Let me know if this answer turns out to be wrong.",
        "The final result is confirmed.",
        "The answer becomes obvious with a picture.",
        "The final number is divisible by 3.",
        "Note that forgetting the tax gives the answer 10.",
        "If you round early, you get the answer 11.",
        "Some take the answer to be 10.",
        "The final value of x is 3.",
    ],
)
def test_what_comes_behind_a_statement_does_not_replace_it(more):
    assert stated(f"The answer is 12. {more}") == "12"
    assert stated(f"#### 12\n{more}") == "12"


def test_the_last_statement_counts():
    assert stated("12 is the answer. No: the answer is 13.") == "13"


@pytest.mark.parametrize(
    "unit", ["answer is, ", "the answer is always, of course, ", "12 ", "so, 12 is ", "$1", "\\(1 "]
)
def test_hostile_texts_take_no_time(unit):
    begin = time.process_time()
    stated(unit * 40_000)
    assert time.process_time() - begin < 5  # quadratic would be minutes
