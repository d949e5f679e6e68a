"""Numbers in words, against a speller that knows nothing of the reader."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.mathematics.numerals import number_in_words, out_of

SMALL = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
"""
ONES, TENS = SMALL.split()[:20], SMALL.split()[20:]
DIGITS = "零一二三四五六七八九"


def english(number: int, joint: str = " ") -> str:
    """``number``, below 10¹⁵, as it is spelt."""
    if number < 20:
        return ONES[number]
    if number < 100:
        tens, ones = divmod(number, 10)
        return TENS[tens - 2] + (f"-{ONES[ones]}" if ones else "")
    for size, word in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"),
                       (1000, "thousand"), (100, "hundred")):  # fmt: skip
        if number >= size:
            above, below = divmod(number, size)
            rest = joint if below < 100 else " "
            return f"{english(above, joint)} {word}" + (
                rest + english(below, joint) if below else ""
            )
    raise AssertionError


def chinese(number: int) -> str:
    """``number``, from 1 to 9999, as it is written."""
    written, empty = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            written += ("零" if empty and written else "") + DIGITS[digit] + name
        empty = not digit
    return written


NUMBERS = st.integers(0, 99) | st.integers(0, 10**9 - 1) | st.sampled_from([100, 1000, 10**12])


@settings(max_examples=60)
@given(NUMBERS, st.sampled_from([" ", " and "]))
def test_english_numbers_are_read_as_they_are_spelt(number: int, joint: str) -> None:
    spelt = english(number, joint)
    assert number_in_words(spelt) == number
    assert number_in_words(spelt.upper().replace("-", " ")) == number
    assert number_in_words(f"minus {spelt}") == -number


@settings(max_examples=40)
@given(st.integers(1, 9999))
def test_chinese_numbers_are_read_as_they_are_written(number: int) -> None:
    assert number_in_words(chinese(number)) == number
    assert number_in_words(f"{chinese(number)}分之一") == Fraction(1, number)


@pytest.mark.parametrize(
    ("words", "value"),
    [
        ("a half", Fraction(1, 2)), ("half", Fraction(1, 2)), ("two thirds", Fraction(2, 3)),
        ("three and a half", Fraction(7, 2)), ("minus two and one third", Fraction(-7, 3)),
        ("two halves", Fraction(1)), ("seven hundredths", Fraction(7, 100)),
        ("two dozen", Fraction(24)), ("a hundred", Fraction(100)), ("a million", Fraction(10**6)),
        ("十二", Fraction(12)), ("两百", Fraction(200)), ("三万五千", Fraction(35_000)),
        ("一亿", Fraction(10**8)), ("四分之三", Fraction(3, 4)), ("二〇", None),
    ],
)  # fmt: skip
def test_parts_dozens_and_large_ones(words: str, value: Fraction | None) -> None:
    assert number_in_words(words) == value


@pytest.mark.parametrize(
    "words",
    [
        "", "a", "an", "and", "two five", "five and", "thousand million thousand", "third", "apple",
        "two apples", "twenty ten", "one 2", "minus", "零分之一", "a" * 500, "one " * 30,
    ],
)  # fmt: skip
def test_what_is_no_number_is_none(words: str) -> None:
    assert number_in_words(words) is None


def test_shares_are_of_no_more_than_there_is() -> None:
    assert out_of("7 out of 10") == Fraction(7, 10)
    assert out_of("one in five") == Fraction(1, 5)
    assert out_of("two out of every three") == Fraction(2, 3)
    for text in ("5 out of 3", "1 in 0", "one in apples", "first in class", "3 of 4"):
        assert out_of(text) is None


@settings(max_examples=60)
@given(st.text(alphabet="onetwhrdaix -零一十百分之", max_size=24))
def test_no_text_raises(text: str) -> None:
    found = number_in_words(text)
    assert found is None or isinstance(found, Fraction)
