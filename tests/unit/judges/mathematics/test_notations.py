"""Times of day, ratios, other bases and remainders: what stands for what."""

import pytest

from smallscale_ci.judges.mathematics import notations
from smallscale_ci.judges.mathematics.forms import Based, Congruence, Form, Ratio, Time
from smallscale_ci.judges.mathematics.normal import clean
from smallscale_ci.judges.mathematics.reader import read


def form(text: str) -> Form:
    return read(clean(text))


def at(hour: float, half: str = "") -> Time:
    return Time(round(hour * 3600), half)


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        (at(15.5, "pm"), at(15.5, "pm"), True),
        (at(15.5, "pm"), at(3.5, "am"), False),
        (at(15.5, "pm"), at(3.5), True),  # nobody says in the afternoon where it is plain
        (at(3.5, "am"), at(3.5), True),
        (at(3.5, "am"), at(15.5), False),
        (at(9), at(9.25), False),
    ],
)
def test_times_of_day(gold: Time, answer: Time, expected: bool) -> None:
    assert notations.times(gold, answer) is expected


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("7", "7:00", False), ("7", "7:30", False), ("4 p.m.", "4", True), ("4 p.m.", "16", True),
        ("12 p.m.", "12", True), ("4 p.m.", "5", False), ("4", "4 p.m.", True), ("7:00", "7", True),
    ],
)  # fmt: skip
def test_a_full_hour_is_a_number(gold: str, answer: str, expected: bool) -> None:
    assert notations.full_hour(form(gold), form(answer), deep=True) is expected


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("3:4", "6:8", True), ("3:4", "4:3", False), ("1:2:3", "2:4:6", True),
        ("1:2:3", "2:4:7", False), ("3:4", "3/4", True), ("3/4", "3:4", False),
        ("1:2", "1:2:3", False),
        (r"1:\sqrt{3}", r"\sqrt{3}:3", True),
    ],
)  # fmt: skip
def test_ratios_are_the_same_up_to_a_factor(gold: str, answer: str, expected: bool) -> None:
    assert notations.ratios(form(gold), form(answer), deep=True) is expected


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        (r"x \equiv 3 \pmod{7}", r"x \equiv 10 \pmod{7}", True),
        (r"x \equiv 3 \pmod{7}", r"x \equiv -4 \pmod 7", True),
        (r"x \equiv 3 \pmod{7}", r"x \equiv 4 \pmod{7}", False),
        (r"x \equiv 3 \pmod{7}", r"x \equiv 3 \pmod{14}", False),
        (r"x \equiv 3 \pmod{7}", r"y \equiv 3 \pmod{7}", False),
        (r"x \equiv 3 \pmod{7}", "3", False),  # the class was asked for
        (r"x \equiv 3 \pmod{7}", "x", False),
    ],
)
def test_classes_of_remainders(gold: str, answer: str, expected: bool) -> None:
    sides = form(gold), form(answer)
    assert isinstance(sides[0], Congruence)
    assert notations.congruent(*sides) is expected


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("1011_2", "1011_2", True), ("1011_2", "1011", True), ("1011_2", "1011_3", False),
        ("1011_2", "11", False), ("11", "11_{10}", True), ("12", "12_5", False),
        (r"\text{BEE}_{16}", "bee", True),
    ],
)  # fmt: skip
def test_an_answer_may_leave_the_base_out(gold: str, answer: str, expected: bool) -> None:
    sides = form(gold), form(answer)
    assert any(isinstance(side, Based) for side in sides)
    assert notations.based(*sides) is expected


def test_two_numbers_are_no_ratio_of_times() -> None:
    assert isinstance(form("3:4"), Ratio)
    assert not notations.ratios(form("3:4"), form("x=3"), deep=True)
