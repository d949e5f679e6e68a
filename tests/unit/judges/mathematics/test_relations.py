"""Equations and inequalities: what they name, and the numbers that they describe."""

import math
from fractions import Fraction

import pytest

from smallscale_ci.judges.mathematics.forms import Form, Relation
from smallscale_ci.judges.mathematics.intervals import real_set
from smallscale_ci.judges.mathematics.normal import clean
from smallscale_ci.judges.mathematics.reader import read
from smallscale_ci.judges.mathematics.relations import (
    conditions,
    in_letter_of,
    interchangeable,
    is_equation,
    left_of,
    name_of,
    subjects,
    value_of,
)

INF = math.inf


def form(text: str) -> Form:
    return read(clean(text))


def relation(text: str) -> Relation:
    found = form(text)
    assert isinstance(found, Relation)
    return found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("x = 5", "x"), ("f(x) = x^2", "f(x)"), ("2x = 5", None), ("a_n = 2n", "a_n"),
        (r"\angle ABC = 30^\circ", "∠ABC"), (r"\angle CBA = 30^\circ", "∠ABC"), ("BA = 3", "AB"),
    ],
)  # fmt: skip
def test_the_left_side_names_what_is_given(text: str, name: str | None) -> None:
    found = relation(text)
    assert name_of(found) == name
    if name is not None:
        assert left_of(found) == name


@pytest.mark.parametrize(
    ("text", "value"),
    [("x = 5", "5"), ("5 = x", "5"), ("x = y = 3", "3"), ("x > 5", "x > 5"), ("7", "7")],
)
def test_the_value_is_the_side_that_is_no_name(text: str, value: str) -> None:
    assert value_of(form(text)) == form(value)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x > 2", [(2, INF, (False, False))]),
        (r"2 \ge x", [(-INF, 2, (False, True))]),
        (r"-1 < x \le 3", [(-1, 3, (False, True))]),
        (r"3 \ge x > -1", [(-1, 3, (False, True))]),
        ("|x-1| < 2", [(-1, 3, (False, False))]),
        (r"|x+1| \ge 2", [(-INF, -3, (False, True)), (1, INF, (True, False))]),
        (r"x \ne 4", [(-INF, 4, (False, False)), (4, INF, (False, False))]),
        (r"x < 0 \text{ or } x > 1", [(-INF, 0, (False, False)), (1, INF, (False, False))]),
        (r"x > 0 \text{ and } x < 1", [(0, 1, (False, False))]),
        (r"x \in [0, \frac{1}{2})", [(0, Fraction(1, 2), (True, False))]),
        (r"x \ge 3, x \ne 4", [(3, 4, (True, False)), (4, INF, (False, False))]),
    ],
)
def test_the_numbers_that_a_condition_describes(text: str, parts: list[object]) -> None:
    found = real_set(form(text))
    assert found is not None
    assert [(one.low, one.high, one.closed) for one in found] == parts


@pytest.mark.parametrize("text", ["x + y > 2", "x = 5", "x > y", "x^2 < 4", "5"])
def test_what_describes_no_numbers(text: str) -> None:
    assert conditions(form(text)) is None


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x > 2", {"x"}),
        (r"|y-1| < 2", {"y"}),
        (r"x < 0 \text{ or } x > 1", {"x"}),
        ("x = 5", set()),
    ],
)
def test_what_conditions_are_about(text: str, names: set[str]) -> None:
    assert subjects(form(text)) == names


@pytest.mark.parametrize(
    ("text", "asked", "equation"),
    [
        ("x + 2y = 0", False, True), ("a + b = 7", True, False), ("x = 5", True, False),
        ("x^2 + y^2 = 4", True, True), ("x^2 + y^2 = 4", False, False), ("y' = 2y", False, True),
    ],
)  # fmt: skip
def test_lines_and_curves_are_answers_themselves(text: str, asked: bool, equation: bool) -> None:
    assert is_equation(relation(text), asked=asked) is equation


def test_how_the_letter_of_a_function_is_called_does_not_matter() -> None:
    gold = relation("f(x) = x^2")
    turned = in_letter_of(gold, relation("f(t) = t^2"))
    assert [side.node for side in turned.sides] == [side.node for side in gold.sides]  # type: ignore[union-attr]
    other = relation("g(t) = t^2")
    assert in_letter_of(gold, other) is other
    assert interchangeable(gold, relation("y = x^2"))
    assert not interchangeable(gold, relation("f(x) = x^2"))
