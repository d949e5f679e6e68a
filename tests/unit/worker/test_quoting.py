"""Marks that mark nothing: quoted, spoken of, or in a block of code."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.worker.quoting import Blocks, is_text

MARK = re.compile("</?think>")


def texts(text: str) -> list[bool]:
    return [is_text(text, match) for match in MARK.finditer(text)]


@pytest.mark.parametrize(
    "text",
    [
        'It ends with "<think>".', "with '<think>'", "with `<think>`", "“<think>”", "«<think>»",
        r"\\texttt{<think>}", 's.split("</think>")', "f'<think>'", 'rb"<think>"', r'"<think>\n"',
        "the <think> tag", "a <think> token", "</think> closing tag", "<think> and </think> tags",
        "<think> blocks", "The <think> ... </think> markers",
    ],
)  # fmt: skip
def test_what_is_quoted_or_spoken_of_marks_nothing(text: str) -> None:
    assert texts(text)[0]


@pytest.mark.parametrize(
    "text",
    [
        "<think>", "a<think>b", 'He said "go!"<think>"B"', "it's<think>'", "<think> tagging is fun",
        "<think> The tag", '"<think>', '<think>"', "```<think>```", "n'<think>'s", "<think>\ntag",
    ],
)  # fmt: skip
def test_all_else_marks_something(text: str) -> None:
    assert not texts(text)[0]


def held(text: str, start: int = 0) -> list[bool]:
    blocks = Blocks(text)
    return [blocks.hold(match, start) for match in MARK.finditer(text, start)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("```\n<think>\n```\n", [True]),
        ("~~~python\n<think>\n~~~\n<think>", [True, False]),
        ("```\n<think>", [False]),  # a block that nobody closed
        ("```\n<think>\n```python\n", [False]),  # which opens one, and closes none
        ("use `x <think> y` here", [True]),
        ("one ` <think> and no other", [False]),
        ("`a` <think> `b`", [False]),
        ("`a\n<think>`", [False]),  # spans end with their line here
        ("  ```\n<think>\n  ```", [True]),
        ("x ```\n<think>\n```", [False]),  # a fence begins its line
    ],
)
def test_a_mark_in_closed_code_is_held(text: str, expected: list[bool]) -> None:
    assert held(text) == expected


def test_code_before_the_answer_is_none_of_the_answer_s() -> None:
    text = "```\nx = 1\n</think>\n```\n<think>\n```"
    start = text.index("</think>") + len("</think>")
    assert held(text, start) == [True]
    assert held(text) == [True, False]


@settings(max_examples=60)
@given(
    st.lists(
        st.sampled_from(["```\n", "```py\n", "~~~\n", "`", "<think>", "</think>", "\n", "x "]),
        max_size=25,
    ),
    st.integers(0, 20),
)
def test_what_was_asked_before_changes_no_answer(parts: list[str], start: int) -> None:
    """It remembers how far it has read: a fresh one that reads all anew says the same."""
    text = "".join(parts)
    blocks, marks = Blocks(text), [*MARK.finditer(text, start)]
    assert [blocks.hold(match, start) for match in marks] == [
        Blocks(text).hold(match, start) for match in marks
    ]
