"""Quantities: numbers with what stands behind and before them, and words."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.mathematics.expression import exact
from smallscale_ci.judges.mathematics.quantity import (
    Decimal,
    Opaque,
    Scalar,
    Words,
    product_of,
    read_compound,
    read_date,
    read_quantity,
)
from smallscale_ci.judges.mathematics.units import read_unit


def scalar(text: str) -> Scalar:
    found = read_quantity(text)
    assert isinstance(found, Scalar)
    return found


@settings(max_examples=40)
@given(st.integers(-(10**9), 10**9), st.integers(0, 5))
def test_a_decimal_knows_its_value_last_place_and_digits(number: int, places: int) -> None:
    digits = str(abs(number)).rjust(places + 1, "0")
    sign = "-" if number < 0 else ""
    text = sign + (f"{digits[:-places]}.{digits[-places:]}" if places else digits)
    found, value = scalar(text), Fraction(number, 10**places)
    assert exact(found.node) == value
    if value.denominator == 1:  # 10.0 is 10
        assert found.decimal is None
        return
    assert found.decimal is not None
    assert (found.decimal.value, found.decimal.last_place) == (value, Fraction(1, 10**places))
    assert found.decimal.digits == len(str(abs(number)))


@pytest.mark.parametrize(
    ("text", "value", "unit", "percent", "degrees"),
    [
        ("50%", 50, None, True, False),
        ("30°", 30, None, False, True),
        ('5 "km"', 5, "km", False, False),
        ("$5", 5, "$", False, False),
        ('5 "apples"', 5, None, False, False),
        ('60 "miles per hour"', 60, "mph", False, False),
    ],
)
def test_signs_and_units(
    text: str, value: int, unit: str | None, percent: bool, degrees: bool
) -> None:
    found = scalar(text)
    assert exact(found.node) == value
    assert found.unit == (read_unit(unit) if unit else None)
    assert (found.percent, found.degrees) == (percent, degrees)


def test_what_is_counted_is_known_in_singular() -> None:
    assert scalar('5 "red apples"').noun == {"red", "apple"}
    assert scalar('5 "berries"').noun == {"berry"}
    assert scalar("5").noun == frozenset()


def test_a_power_of_ten_moves_the_last_place() -> None:
    assert scalar("1.5*10^{3}").decimal == Decimal(Fraction(1500), Fraction(100), 2)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ('2 "hours" 30 "minutes"', 150, "minute"), ('5 "ft" 11 "in"', 71, "inch"),
        ('12 "dollars" and 50 "cents"', 1250, "cent"), ('1 "hour" 1 "s"', 3601, "second"),
    ],
)  # fmt: skip
def test_a_sum_of_units_is_one_quantity_in_the_smallest(text: str, value: int, unit: str) -> None:
    found = read_compound(text)
    assert found is not None
    assert exact(found.node) == value
    assert found.unit == read_unit(unit)


def test_an_angle_in_minutes_is_one_in_degrees() -> None:
    found = read_compound("22°30'")
    assert found is not None
    assert (exact(found.node), found.degrees) == (Fraction(45, 2), True)


@pytest.mark.parametrize("text", ["", "5", '5 "km"', '5 "feet" 3 "seconds"', "5 6", "x y"])
def test_what_is_no_sum_of_units(text: str) -> None:
    assert read_compound(text) is None


@pytest.mark.parametrize("text", ["2024-13-01", "2024-00-10", "5 Foo", "", "12"])
def test_what_is_no_date(text: str) -> None:
    assert read_date(text) is None


def test_a_date_of_computers_is_words_in_one_order() -> None:
    assert read_date("2024-01-05") == Words(("january", "5", "2024"))


def test_words_lose_their_articles_and_what_is_neither_stays_unread() -> None:
    assert read_quantity("the blue whale") == read_quantity("blue whale")
    assert isinstance(read_quantity("blue whale"), Words)
    assert isinstance(read_quantity("("), Opaque)
    assert product_of(read_quantity("xyz")) is not None
    assert product_of(scalar('5 "km"')) is None
