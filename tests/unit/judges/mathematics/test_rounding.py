"""Which decimals stand for which values."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.mathematics.quantity import Decimal
from smallscale_ci.judges.mathematics.rounding import is_short, rounded


def decimal(text: str) -> Decimal:
    value = Fraction(text)
    places = len(text.partition(".")[2])
    digits = len(text.strip("-").replace(".", "").lstrip("0"))
    return Decimal(value, Fraction(1, 10**places), digits)


def same(gold: str, answer: str, **how: bool) -> bool:
    """Texts with a point are decimals; others, such as ``1/3``, are exact."""
    sides = [decimal(text) if "." in text else None for text in (gold, answer)]
    return rounded(Fraction(gold), Fraction(answer), *sides, **how)


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        # two decimals: noise of floating point, and more digits of the same simple fraction
        ("0.3", "0.30000000000000004", True),
        ("0.3", "0.31", False),
        ("36.6667", "36.66667", True),
        ("36.6667", "36.667", False),
        ("36.6667", "36.66668", False),
        # a decimal for an exact value that has no short one: six digits, to the last
        ("2/3", "0.666667", True),
        ("2/3", "0.666666", True),  # cut off
        ("2/3", "0.666668", False),
        ("2/3", "0.66667", False),
        ("1/4", "0.2500001", False),
        # an exact value for a decimal gold: to four digits, or shown thirds
        ("0.3333", "1/3", True),
        ("0.33", "1/3", True),
        ("0.3", "1/3", False),
        ("0.142", "1/7", False),
        ("0.1429", "1/7", True),
        ("0.25", "1/4", False),  # which is equal exactly, and never asked here
        ("1/3", "1/3", False),
    ],
)
def test_what_people_accept(gold: str, answer: str, expected: bool) -> None:
    assert same(gold, answer) is expected


def test_an_irrational_value_has_no_thirds() -> None:
    pi = Fraction(314159265358979, 10**14)
    assert rounded(pi, Fraction("3.14159"), None, decimal("3.14159"), irrational=True)
    assert not rounded(pi, Fraction("3.14"), None, decimal("3.14"), irrational=True)
    assert rounded(Fraction("3.142"), pi, decimal("3.142"), None, irrational=True)
    assert not rounded(Fraction("3.14"), pi, decimal("3.14"), None, irrational=True)


@settings(max_examples=60)
@given(st.integers(1, 999), st.sampled_from([3, 7, 9, 11, 13]), st.integers(6, 12))
def test_a_correct_decimal_counts_and_one_that_is_off_in_its_last_place_by_two_does_not(
    top: int, below: int, places: int
) -> None:
    value = Fraction(top, below)
    if is_short(value):
        return
    step = Fraction(1, 10**places)
    nearest = round(value / step) * step
    if nearest < Fraction(1, 10):
        return  # has fewer digits than places
    about = Decimal(nearest, step, places)
    assert rounded(value, nearest, None, about)
    for off in (2, -2):
        wrong = nearest + off * step
        assert not rounded(value, wrong, None, Decimal(wrong, step, places))


@pytest.mark.parametrize(("text", "short"), [("0.25", True), ("1/3", False), ("0.0000001", False)])
def test_a_value_is_short_where_a_person_would_write_it_out(text: str, short: bool) -> None:
    assert is_short(Fraction(text)) is short
