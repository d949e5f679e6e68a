"""Trees and their exact values: the rules of arithmetic, and an end to what is too large."""

import math
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.mathematics.expression import (
    MAX_BITS,
    Inexact,
    TooLarge,
    closed,
    exact,
    functions,
    kinds,
    renamed,
    resolved,
    symbols,
)
from smallscale_ci.judges.mathematics.parser import parse


def number(value: float | Fraction) -> Any:
    return ("number", Fraction(value))


X, N = ("symbol", "x"), ("symbol", "n")
_FRACTIONS = st.fractions(max_denominator=50).filter(lambda value: abs(value) < 100)


@settings(max_examples=20)
@given(_FRACTIONS, _FRACTIONS, st.integers(0, 6))
def test_arithmetic_is_that_of_fractions(a: Fraction, b: Fraction, power: int) -> None:
    one, two = number(a), number(b)
    assert exact(("+", one, ("-", two))) == a - b
    assert exact(("*", one, two)) == a * b
    if b:
        assert exact(("/", one, two)) == a / b
    if a or power:
        assert exact(("^", one, number(power))) == a**power
    assert exact(("floor", one)) == math.floor(a)
    assert exact(("max", one, two)) == max(a, b)


@settings(max_examples=40)
@given(st.fractions(min_value=0, max_value=50, max_denominator=20), st.integers(2, 5))
def test_roots_are_exact_or_none(value: Fraction, degree: int) -> None:
    power = value**degree
    assert exact(("sqrt", number(degree), number(power))) == value
    if value:
        assert exact(("^", number(power), number(Fraction(1, degree)))) == value
    with pytest.raises(Inexact):
        exact(("sqrt", number(degree), number(power + Fraction(1, 10**9) ** degree / 3)))


@pytest.mark.parametrize(
    "node",
    [
        ("^", number(9), ("^", number(9), number(9))),
        ("^", number(2), number(MAX_BITS * 3)),
        ("!", number(2001)),
        ("binom", number(5000), number(2)),
        ("*", *[("^", number(10), number(4000))] * 2),
    ],
)
def test_what_nobody_would_write_out_is_too_large(node: Any) -> None:
    with pytest.raises(TooLarge):
        exact(node)


@pytest.mark.parametrize(
    "node",
    [
        X,
        ("/", number(1), number(0)),
        ("^", number(0), number(0)),
        ("^", number(0), ("-", number(1))),
        ("!", number(Fraction(1, 2))),
        ("!", ("-", number(3))),
        ("sqrt", number(2), ("-", number(4))),
        ("gcd", number(Fraction(1, 2)), number(3)),
        ("pi",),
    ],
)
def test_what_has_no_rational_value_is_inexact(node: Any) -> None:
    with pytest.raises(Inexact):
        exact(node)


def test_one_to_any_power_is_one() -> None:
    huge = number(10**30)
    assert exact(("^", number(1), huge)) == 1
    assert exact(("^", ("-", number(1)), huge)) == 1
    assert exact(("^", ("-", number(1)), number(10**30 + 1))) == -1


def test_a_bound_name_is_no_unknown() -> None:
    total = ("sum", ("symbol", "k"), number(1), N, ("*", ("symbol", "k"), X))
    assert symbols(total) == {"n", "x"}
    assert kinds(total) == {"sum", "symbol", "number", "*"}
    assert renamed(total, {"n": number(3)})[3] == number(3)


@pytest.mark.parametrize(
    ("text", "names"),
    [("f(x)", {"f"}), ("n(n+1)", set()), ("V(0)", {"V"}), ("a(2)^n", set()), ("h(x,y)", {"h"})],
)
def test_a_name_before_brackets_is_a_function_or_a_factor(text: str, names: set[str]) -> None:
    assert functions(parse(text)) == names


def test_a_product_that_looked_like_a_function_keeps_its_neighbours() -> None:
    product = ("apply", "n", ("+", N, number(1)))
    put = {"n": number(3)}

    def value(node: Any) -> Fraction:
        return exact(renamed(resolved(node, frozenset()), put))

    assert value(product) == 12
    assert value(("^", product, number(2))) == 3 * 16  # n(n+1)²
    assert value(("!", product)) == 3 * 24
    assert value(("/", number(1), product)) == Fraction(4, 3)  # 1/n (n+1), as it was written
    assert value(("/", number(1), closed(product))) == Fraction(1, 12)
    assert closed(N) == N
    assert resolved(("apply", "C", number(5), number(2)), frozenset()) == (
        "binom", number(5), number(2),
    )  # fmt: skip
