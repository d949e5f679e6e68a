"""Lists that go on, and what the dots stand for."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.mathematics.expression import exact
from smallscale_ci.judges.mathematics.forms import Form
from smallscale_ci.judges.mathematics.quantity import Opaque, Scalar
from smallscale_ci.judges.mathematics.series import MAX_PARTS, filled

DOTS = Opaque("…")


def number(value: Fraction | int) -> Scalar:
    node = ("number", Fraction(abs(value)))
    return Scalar(str(value), node if value >= 0 else ("-", node), None)


def values(items: tuple[Form, ...]) -> list[Fraction]:
    return [exact(item.node) for item in items]  # type: ignore[union-attr]


@settings(max_examples=40)
@given(
    st.integers(-20, 20),
    st.sampled_from([Fraction(n, 4) for n in (-20, -4, -1, 1, 2, 4, 6, 28)]),
    st.integers(2, 4),
    st.integers(0, 30),
)
def test_equal_steps_are_filled_in_up_to_the_last(
    first: int, step: Fraction, shown: int, hidden: int
) -> None:
    all_of_it = [first + step * place for place in range(shown + hidden + 1)]
    written = (*map(number, all_of_it[:shown]), DOTS, number(all_of_it[-1]))
    assert values(filled(written)) == all_of_it


@pytest.mark.parametrize(
    "items",
    [
        (number(1), number(2), number(4), DOTS, number(64)),  # powers of two: steps differ
        (number(1), number(3), DOTS, number(10)),  # not hit
        (number(3), number(2), DOTS, number(9)),  # the other way
        (number(1), number(1), DOTS, number(1)),
        (number(1), number(2), DOTS, number(MAX_PARTS + 1)),
        (number(1), number(2), DOTS),
        (number(1), DOTS, number(9)),  # of one number no step is known
        (number(1), Scalar("x", ("symbol", "x"), None), DOTS, number(9)),
        (number(1), Opaque("?"), DOTS, number(9)),
    ],
)
def test_what_the_dots_stand_for_is_never_guessed(items: tuple[Form, ...]) -> None:
    assert filled(items) == items
