"""Units as people spell them: their dimensions and sizes."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.mathematics.units import Unit, is_unit_word, read_unit


def ratio(one: str, other: str) -> Fraction:
    """How many of ``other`` make one of ``one``; both must measure the same."""
    first, second = read_unit(one), read_unit(other)
    assert first is not None
    assert second is not None
    assert first.dimensions == second.dimensions
    return first.size / second.size


@pytest.mark.parametrize(
    ("one", "other", "times"),
    [
        ("km", "m", 1000), ("kilometers", "metre", 1000),
        ("hours", "min", 60), ("day", "hours", 24),
        ("week", "days", 7), ("kg", "grams", 1000), ("ft", "inches", 12), ("yard", "feet", 3),
        ("dollars", "cents", 100), ("l", "ml", 1000), ("m/s", "km/h", Fraction(18, 5)),
        ("mph", "miles per hour", 1), ("square meters", "cm^2", 10_000), ("m^3", "liters", 1000),
        ("cubic feet", "cubic inches", 1728), ("feet squared", "sq ft", 1), ("hours", "s", 3600),
        ("kg*m/s^2", "N", 1), ("J", "N m", 1), ("W", "J/s", 1), ("kilometer", "km", 1),
    ],
)  # fmt: skip
def test_sizes(one: str, other: str, times: int | Fraction) -> None:
    assert ratio(one, other) == times


@pytest.mark.parametrize("text", ["", "apples", "m of cloth", "per", "/", "x", "5", "meter apples"])
def test_words_that_are_no_known_unit(text: str) -> None:
    assert read_unit(text) is None


def test_what_is_divided_out_is_no_dimension() -> None:
    assert read_unit("m/m") == Unit((), Fraction(1))
    assert read_unit("m s/s") == read_unit("m")


@pytest.mark.parametrize(
    ("word", "unit"),
    [("meters", True), ("Feet", True), ("inches", True), ("apple", False)],
)
def test_plurals_and_capitals_are_the_same_unit(word: str, unit: bool) -> None:
    assert is_unit_word(word) is unit


@settings(max_examples=60)
@given(st.text(alphabet="kmgsh/^-234 peruaq$*{}()", max_size=30))
def test_no_text_raises(text: str) -> None:
    found = read_unit(text)
    assert found is None or (found.size > 0 and all(power for _, power in found.dimensions))
