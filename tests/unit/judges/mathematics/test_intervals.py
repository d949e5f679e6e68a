"""Sets of real numbers in their canonical form, against membership point by point."""

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.mathematics.forms import (
    INFINITE,
    INFINITE_LOW,
    Difference,
    Form,
    Group,
    Union,
)
from smallscale_ci.judges.mathematics.intervals import REALS, Interval, real_set
from smallscale_ci.judges.mathematics.quantity import Scalar

POINTS = [Fraction(n, 2) for n in range(-9, 10)]  # the ends, and between them


def number(value: int) -> Scalar:
    node = ("number", Fraction(abs(value)))
    return Scalar(str(value), node if value >= 0 else ("-", node), None)


def has(form: Form, point: Fraction) -> bool:
    """Whether ``point`` is in a set as it is written, without any canonical form."""
    if isinstance(form, Union):
        return any(has(part, point) for part in form.parts)
    if isinstance(form, Difference):
        return has(form.whole, point) and not has(form.removed, point)
    assert isinstance(form, Group)
    values = [float(item.text.replace("∞", "inf")) for item in form.items]  # type: ignore[union-attr]
    if form.kind == "set":
        return float(point) in values
    low, high = values
    over = point > low or (form.kind[0] == "[" and point == low)
    return over and (point < high or (form.kind[1] == "]" and point == high))


def covers(parts: tuple[Interval, ...], point: Fraction) -> bool:
    return any(
        (one.low < point or (one.closed[0] and one.low == point))
        and (point < one.high or (one.closed[1] and one.high == point))
        for one in parts
    )


_NUMBER = st.integers(-4, 4).map(number)
_ENDS = st.tuples(_NUMBER | st.just(INFINITE_LOW), _NUMBER | st.just(INFINITE))
_SETS = st.builds(Group, st.just("set"), st.lists(_NUMBER, min_size=1, max_size=3).map(tuple))
_PLAIN = st.builds(Group, st.sampled_from(["()", "[]", "(]", "[)"]), _ENDS) | _SETS
_FORMS = st.recursive(
    _PLAIN,
    lambda form: (
        st.builds(Union, st.lists(form, min_size=1, max_size=3).map(tuple))
        | st.builds(Difference, form, form)
    ),
    max_leaves=4,
)


@settings(max_examples=80)
@given(_FORMS)
def test_the_canonical_form_has_the_same_points_and_its_parts_do_not_touch(form: Form) -> None:
    found = real_set(form)
    assert found is not None
    assert [covers(found, point) for point in POINTS] == [has(form, point) for point in POINTS]
    for one in found:
        assert one.low < one.high or (one.low == one.high and all(one.closed))
    for before, after in itertools.pairwise(found):
        apart = before.high == after.low and not (before.closed[1] or after.closed[0])
        assert before.high < after.low or apart


@settings(max_examples=40)
@given(st.lists(_FORMS, min_size=2, max_size=3))
def test_the_order_of_a_union_is_none_of_its_value(parts: list[Form]) -> None:
    assert real_set(Union(tuple(parts))) == real_set(Union(tuple(parts[::-1])))


def test_all_numbers_are_one_interval_however_they_are_put_together() -> None:
    line = Group("()", (INFINITE_LOW, INFINITE))
    left, right = Group("(]", (INFINITE_LOW, number(1))), Group("()", (number(1), INFINITE))
    assert real_set(line) == real_set(Union((right, left))) == REALS
    assert real_set(Difference(line, Group("set", (number(1),)))) == (
        Interval(-math.inf, 1, (False, False)),
        Interval(1, math.inf, (False, False)),
    )


@pytest.mark.parametrize(
    "form",
    [
        Group("()", (number(1), number(2), number(3))),  # a point in space
        Group("vector", (number(1), number(2))),
        Group("set", (Scalar("x", ("symbol", "x"), None),)),
        Union((Group("[]", (number(1), number(2))), number(3))),
        number(3),
    ],
)
def test_what_is_no_set_of_numbers_is_none(form: Form) -> None:
    assert real_set(form) is None
