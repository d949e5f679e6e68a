"""Where brackets open and close."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.mathematics.brackets import closes_at_end, split


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1,2;3", ["1", "2", "3"]),
        ("(1,2),[3;4]", ["(1,2)", "[3;4]"]),
        ("f(x,(y,z)),w", ["f(x,(y,z))", "w"]),
        ('5 "a, b",6', ['5 "a, b"', "6"]),
        ('"(",1', ['"("', "1"]),
        ("⌊1,2⌋,⟨3,4⟩", ["⌊1,2⌋", "⟨3,4⟩"]),
        ("", [""]),
        (",", ["", ""]),
        ("(0,1],2", ["(0,1]", "2"]),  # of an interval that is open on one side
    ],
)
def test_separators_count_outside_of_brackets_and_quotes(text: str, parts: list[str]) -> None:
    assert split(text, ",;") == parts


_TEXTS = st.text(alphabet='ab,;()[]{}"', max_size=24)


@settings(max_examples=60)
@given(_TEXTS)
def test_nothing_is_lost(text: str) -> None:
    parts = split(text, ",")
    assert ",".join(parts) == text
    assert split(text, "") == [text]


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("(1,2)", True), ("((1),2)", True), ("(1)(2)", False), ("(1)+2", False), ("(1", False),
        ("[0,1)", True), ("", False), ("{}", True),
    ],
)  # fmt: skip
def test_one_pair_of_brackets_is_around_all_of_it(text: str, whole: bool) -> None:
    assert closes_at_end(text) is whole
