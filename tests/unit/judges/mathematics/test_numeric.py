"""Whether two expressions are the same function, seen at points."""

import pytest

from smallscale_ci.judges.mathematics import numeric
from smallscale_ci.judges.mathematics.expression import Node, TooLarge, functions, resolved
from smallscale_ci.judges.mathematics.normal import clean
from smallscale_ci.judges.mathematics.parser import parse


def tree(text: str) -> Node:
    node = parse(clean(text))
    return resolved(node, functions(node))


def same(one: str, other: str) -> bool:
    left, right = tree(one), tree(other)
    found = numeric.same(left, right)
    assert numeric.same(right, left) is found  # whichever is the gold
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("(x+1)^2", "x^2+2x+1"),
        (r"\sin^2 x + \cos^2 x", "1"),
        (r"\frac{1}{x(x+1)}", r"\frac{1}{x}-\frac{1}{x+1}"),
        (r"\ln(xy)", r"\ln x + \ln y"),  # for what is positive, as its writer meant
        (r"\sqrt{x^2}", "|x|"),
        (r"\sum_{k=1}^{n} k", r"\frac{n(n+1)}{2}"),
        (r"\binom{n}{2}", r"\frac{n(n-1)}{2}"),
        (r"\tan x", r"\frac{\sin x}{\cos x}"),
        (r"2^{\frac{1}{2}}", r"\sqrt{2}"),
        ("f(x)+f(y)", "f(y)+f(x)"),
        (r"\lfloor -x \rfloor", r"-\lceil x \rceil"),
    ],
)
def test_the_same_in_other_words(one: str, other: str) -> None:
    assert same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("x", "x+10^{-20}"),
        ("|x|", "x"),
        (r"\sqrt{x^2}", "x"),
        (r"\lfloor x \rfloor", "x"),
        ("(x+1)^2", "x^2+1"),
        ("f(x)", "g(x)"),
        ("f(x+y)", "f(x)+f(y)"),
        (r"\max(x, 5)", "x"),
        (r"\ln|x|", r"\ln x"),
        (r"\pi", "3.14159265358979"),
    ],
)
def test_what_only_looks_alike(one: str, other: str) -> None:
    assert not same(one, other)


def test_what_has_no_value_anywhere_is_undecided() -> None:
    nothing = tree(r"\frac{1}{x-x}")
    with pytest.raises(numeric.Undecided):
        numeric.same(nothing, tree(r"\frac{2}{x-x}"))
    many = tree("+".join("abcdghklmnpqrst"))
    with pytest.raises(numeric.Undecided):
        numeric.same(many, many)


def test_towers_end_at_once() -> None:
    with pytest.raises(TooLarge):
        numeric.value(tree("9^{9^{9^{9}}}"))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\sqrt[3]{-8}", -2),
        ("(-8)^{1/3}", -2),  # the real root, where there is one
        ("(-8)^{2/3}", 4),
        ("5!", 120),
        (r"\sin(30^\circ)", 0.5),
        (r"\prod_{k=1}^{4} k", 24),
    ],
)
def test_values(text: str, value: float) -> None:
    assert float(numeric.value(tree(text)).real) == pytest.approx(value, abs=1e-12)
