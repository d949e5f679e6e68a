"""Times of day, and whole numbers in other bases."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.mathematics.forms import Based, Time
from smallscale_ci.judges.mathematics.literals import read_based, read_time


@settings(max_examples=40)
@given(st.integers(0, 23), st.integers(0, 59), st.sampled_from(["am", "a.m.", "AM", " A.M."]))
def test_a_time_is_its_seconds_of_the_day(hour: int, minute: int, half: str) -> None:
    plain = read_time(f"{hour}:{minute:02}")
    assert plain == Time(hour * 3600 + minute * 60, "")
    if 1 <= hour <= 12:
        assert read_time(f"{hour}:{minute:02} {half}") == Time(hour % 12 * 3600 + minute * 60, "am")
        late = half.replace("a", "p").replace("A", "P")
        after = Time((hour % 12 + 12) * 3600 + minute * 60, "pm")
        assert read_time(f"{hour}:{minute:02}{late}") == after


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("noon", Time(43_200, "pm")),
        ("midnight", Time(0, "am")), ("7 o'clock", Time(25_200, "")),
        ("11 in the morning", Time(39_600, "am")), ("3 in the afternoon", Time(54_000, "pm")),
        ("9 at night", Time(75_600, "pm")), ("3:30:15", Time(12_615, "")),
        ("12 pm", Time(43_200, "pm")),
    ],
)  # fmt: skip
def test_other_ways_to_say_it(text: str, time: Time) -> None:
    assert read_time(text) == time


@pytest.mark.parametrize("text", ["", "7", "24:00", "3:75", "3:5", "1:2:3", "noonish"])
def test_what_is_no_time(text: str) -> None:
    assert read_time(text) is None


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from([2, 8, 16]))
def test_python_s_own_literals_are_read(number: int, base: int) -> None:
    text = {2: bin, 8: oct, 16: hex}[base](number)
    digits = text[2:].upper()
    assert read_based(text) == Based(digits, str(base))
    assert (
        read_based(f"{digits}_{base}")
        == read_based(f"({digits})_{{{base}}}")
        == Based(digits, str(base))
    )


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("1011_two", Based("1011", "2")), ("3C in base 16", None), ("12 base 5", Based("12", "5")),
        ("0012_3", Based("12", "3")), ("0_7", Based("0", "7")), ("ABC", None), ("12", None),
        ("12_x", None), ("12_many", None),
    ],
)  # fmt: skip
def test_a_base_must_be_named(text: str, found: Based | None) -> None:
    assert read_based(text) == found
