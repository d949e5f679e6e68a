"""The value of a tree at a point: real where it is meant, bounded, and the same again."""

from fractions import Fraction
from typing import Any

import mpmath
import pytest

from smallscale_ci.judges.mathematics.evaluate import is_real, side
from smallscale_ci.judges.mathematics.expression import TooLarge


def number(value: Any) -> Any:
    return ("number", Fraction(value))


X = ("symbol", "x")


def value(node: Any, *, real: bool = False, **point: float) -> Any:
    found = side(node, {name: mpmath.mpf(at) for name, at in point.items()}, real=real)
    return None if found is None else complex(found[0])


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (("/", number(1), number(0)), None),
        (("^", number(0), number(0)), None),
        (("sqrt", number(2), ("-", number(4))), 2j),
        (("sqrt", number(3), ("-", number(8))), -2),
        (("floor", ("*", number(3), ("/", number(1), number(3)))), 1),  # whole but for noise
        (("gcd", number(12), number(18)), 6),
        (("gcd", number("1/2"), number(3)), None),
        (("sum", ("symbol", "k"), number(1), number(4), ("symbol", "k")), 10),
        (("prod", ("symbol", "k"), number(1), number(0), ("symbol", "k")), 1),  # of nothing
        (("sum", ("symbol", "k"), number(1), number(10**6), ("symbol", "k")), None),
        (("max", ("i",), number(1)), None),
    ],
)
def test_values_and_what_has_none(node: Any, expected: complex | None) -> None:
    found = value(node)
    assert found == (None if expected is None else pytest.approx(expected))


def test_a_part_that_is_not_real_counts_as_none_where_that_is_meant() -> None:
    square = ("^", ("sqrt", number(2), X), number(2))
    assert value(square, x=-3) == pytest.approx(-3)
    assert value(square, real=True, x=-3) is None
    assert value(square, real=True, x=3) == pytest.approx(3)


def test_a_bound_name_hides_the_point_s_and_gives_it_back() -> None:
    node = ("+", ("sum", X, number(1), number(3), X), X)
    assert value(node, x=100) == pytest.approx(106)


@pytest.mark.parametrize(
    "node",
    [
        ("^", number(9), ("^", number(9), number(9))),
        ("!", number(10**6)),
        ("sin", ("^", number(10), number(40))),
        ("binom", number(10**6), number(5)),
    ],
)
def test_what_would_take_long_is_refused_at_once(node: Any) -> None:
    with pytest.raises(TooLarge):
        value(node)


def test_a_function_that_nobody_defined_is_one_all_the_same() -> None:
    def at(name: str, where: float) -> Any:
        return value(("apply", name, X), x=where)

    assert at("f", 1.5) == at("f", 1.5)
    assert len({at("f", 1.5), at("f", 2.5), at("g", 1.5)}) == 3
    assert value(("apply", "f", ("+", X, ("-", X))), x=1.5) == value(("apply", "f", number(0)))


def test_what_was_added_up_says_how_much_is_noise() -> None:
    large = number(10**30)
    found = side(("+", ("+", large, number(1)), ("-", large)), {}, real=True)
    assert found is not None
    assert found[0] == 1
    assert found[1] >= 10**30


def test_an_imaginary_part_of_noise_is_none() -> None:
    assert is_real(mpmath.mpc(1, "1e-50"))
    assert is_real(mpmath.mpc("1e60", "1e10"))
    assert not is_real(mpmath.mpc(1, "1e-40"))
