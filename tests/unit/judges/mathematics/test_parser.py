"""Text to trees: what binds how tightly, what is left unread, and an end to all of it."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.mathematics.expression import Inexact, TooLarge, Unreadable, exact
from smallscale_ci.judges.mathematics.parser import parse


def number(value: int) -> Any:
    return ("number", Fraction(value))


X, Y = ("symbol", "x"), ("symbol", "y")
_OPERATIONS = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b if b else None,
}
_TREES = st.recursive(
    st.integers(0, 99),
    lambda inner: st.tuples(st.sampled_from("+-*/"), inner, inner),
    max_leaves=8,
)


def written(tree: Any) -> str:
    if isinstance(tree, int):
        return str(tree)
    return f"({written(tree[1])}){tree[0]}({written(tree[2])})"


def value(tree: Any) -> Fraction | None:
    if isinstance(tree, int):
        return Fraction(tree)
    left, right = value(tree[1]), value(tree[2])
    return None if left is None or right is None else _OPERATIONS[tree[0]](left, right)


@settings(max_examples=40)
@given(_TREES)
def test_arithmetic_in_brackets_has_its_value(tree: Any) -> None:
    expected = value(tree)
    if expected is None:
        with pytest.raises(Inexact):
            exact(parse(written(tree)))
    else:
        assert exact(parse(written(tree))) == expected


@settings(max_examples=30)
@given(st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 99)), min_size=1, max_size=6))
def test_products_bind_before_sums(parts: list[tuple[str, int]]) -> None:
    text = "1" + "".join(f"{sign}{number}" for sign, number in parts)
    assert exact(parse(text)) == eval(text)


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("-x^2", ("-", ("^", X, number(2)))),
        ("2x^2", ("*", number(2), ("^", X, number(2)))),
        ("2^3^2", ("^", number(2), ("^", number(3), number(2)))),
        ("x/y/2", ("/", ("/", X, Y), number(2))),
        ("1/2x", ("*", ("/", number(1), number(2)), X)),  # as it is set, and often meant
        ("sin 2x", ("sin", ("*", number(2), X))),
        ("sin x cos y", ("*", ("sin", X), ("cos", Y))),
        ("x!", ("!", X)),
        ("||x||", ("abs", ("abs", X))),
        ("|x|-|y|", ("+", ("abs", X), ("-", ("abs", Y)))),
        (r"\frac12", ("/", number(1), number(2))),
        (r"\sqrt[3]{8}", ("sqrt", number(3), number(8))),
        (r"\log_2 8", ("/", ("ln", number(8)), ("ln", number(2)))),
        (".5", ("number", Fraction(1, 2))),
        ("--x", X),
    ],
)
def test_what_binds_how_tightly(text: str, node: Any) -> None:
    assert parse(text) == node


def test_latex_raises_one_digit_and_people_all() -> None:
    assert exact(parse("2^34")) == 2**34
    assert exact(parse("2^34", one_digit=True)) == 2**3 * 4


@pytest.mark.parametrize(
    "text",
    ["", "(", "x)", "(x", "2 3", "1.2.3", "|x", r"\nothing", "x+", "^2", r"\frac{1}", "?", "x=2"],
)
def test_what_is_no_expression_is_unreadable(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


@pytest.mark.parametrize(
    "text",
    ["1" * 500, "(" * 50 + "1" + ")" * 50, "+".join("x" * 700), "-" * 100_000, r"\sqrt{" * 5000],
    ids=["digits", "depth", "terms", "signs", "roots"],
)
def test_there_is_an_end(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


@settings(max_examples=100)
@given(st.text(alphabet=r"12.x+-*/^!|(){}[]\frac sqrtln_,=", max_size=30))
def test_no_text_does_anything_but_that(text: str) -> None:
    try:
        node = parse(text)
    except Unreadable:
        return
    try:
        assert isinstance(exact(node), Fraction)
    except (Inexact, TooLarge):
        assert isinstance(node, tuple)
