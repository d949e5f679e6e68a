"""Expressions as trees, and their exact values. Nothing is evaluated but the tree's own nodes.

A tree is nested tuples ``(operator, *arguments)``, made by ``parser``. Exact evaluation is bounded
by the limits below; evaluation with symbols is in ``numeric``.

A name before a bracket is ``("apply", name, *arguments)``: whether that is a function or a product
is known when both sides are (``resolved``).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

Node = tuple[Any, ...]

MAX_BITS = 16_384  # of an exact value
DEFINITE = frozenset("fgFG")  # letters that are functions before a bracket, whatever it holds
SERIES = frozenset({"sum", "prod"})


class Unreadable(Exception):  # noqa: N818 - a state of the text, caught nearby
    """The text is not an expression that this parser knows."""


class TooLarge(Exception):  # noqa: N818 - a state of the value, caught nearby
    """The value has more digits than anyone would write."""


class Inexact(Exception):  # noqa: N818 - a state of the value, caught nearby
    """The value is not a rational number that plain arithmetic finds."""


def symbols(node: Node) -> frozenset[str]:
    """The names of the unknowns in ``node``, also of those that may be functions."""
    if node[0] == "symbol":
        return frozenset({node[1]})
    parts = [symbols(part) for part in node[1:] if isinstance(part, tuple)]
    if node[0] == "apply":
        parts.append(frozenset({node[1]}))
    found = frozenset().union(*parts) if parts else frozenset()
    return found - {node[1][1]} if node[0] in SERIES else found


def kinds(node: Node) -> frozenset[str]:
    """The operators in ``node``."""
    return frozenset({node[0]}).union(
        *(kinds(part) for part in node[1:] if isinstance(part, tuple))
    )


def renamed(node: Node, names: Mapping[str, Node]) -> Node:
    """``node`` with other trees in place of the unknowns ``names``."""
    if node[0] == "symbol":
        return names.get(node[1], node)
    return tuple(renamed(part, names) if isinstance(part, tuple) else part for part in node)


def applies(node: Node) -> bool:
    """Whether a name stands before brackets anywhere in ``node``."""
    return node[0] == "apply" or any(applies(part) for part in node[1:] if isinstance(part, tuple))


def functions(node: Node, inside: str = "") -> frozenset[str]:
    """The names before brackets in ``node`` that cannot be factors.

    ``f`` and ``g`` are functions. Other names are where their argument is one name or number,
    which nobody puts in brackets to multiply: ``V(0)``, ``w(t)``, but not ``n(n+1)`` or
    ``a(2)^n``.
    """
    found = [functions(part, node[0]) for part in node[1:] if isinstance(part, tuple)]
    if node[0] == "apply":
        name, argument = node[1], node[2]
        plain = argument[0] in ("symbol", "apply", "pi") and argument[1:] != (name,)
        plain = plain or (argument[0] == "number" and inside != "^")
        marked = name[0] in DEFINITE or name.endswith(("'", "_", "^-1"))
        if marked or plain or len(node) > 3:
            found.append(frozenset({name}))
    return frozenset().union(*found)


def resolved(node: Node, names: frozenset[str]) -> Node:  # noqa: PLR0911 - case by case
    """``node`` with products in place of applications of what is not among ``names``."""
    if len(node) == 1 or node[0] in ("symbol", "number"):
        return node
    if node[0] == "apply":
        arguments = [resolved(part, names) for part in node[2:]]
        if node[1] == "C" and len(arguments) == 2:
            return ("binom", *arguments)
        if node[1] == r"\Gamma" and len(arguments) == 1:
            return ("!", ("+", arguments[0], ("number", Fraction(-1))))
        if node[1] in names:
            return ("apply", node[1], *arguments)
        return ("*", ("symbol", node[1]), arguments[0])
    parts = [resolved(part, names) for part in node[1:]]
    if node[0] in ("^", "!") and _is_product(node[1], names):  # n(n-1)! is n ((n-1)!)
        return ("*", parts[0][1], (node[0], parts[0][2], *parts[1:]))
    if node[0] == "/" and _is_product(node[2], names):  # 1/n (n+1), as it was written
        return ("*", ("/", parts[0], parts[1][1]), parts[1][2])
    return (node[0], *parts)


def closed(node: Node) -> Node:
    r"""``n(n+1)`` in brackets or below a line, as one: ``\frac{1}{n(n+1)}`` divides by both."""
    inner = node
    while inner[0] in ("^", "!"):
        inner = inner[1]
    return ("*", ("number", Fraction(1)), node) if inner[0] == "apply" else node


def _is_product(node: Node, names: frozenset[str]) -> bool:
    """Whether this is an application, perhaps with a power, that ``resolved`` makes a product."""
    while node[0] in ("^", "!"):
        node = node[1]
    return node[0] == "apply" and node[1] not in names and node[1] not in ("C", r"\Gamma")


def exact(node: Node) -> Fraction:
    """The rational value of ``node``. Raises ``Inexact`` or ``TooLarge``."""
    kind = node[0]
    if kind == "number":
        return node[1]  # type: ignore[no-any-return]
    if kind not in _EXACT:
        raise Inexact(kind)
    values = [exact(part) for part in node[1:]]
    result = _exact_operation(kind, values)
    if result.numerator.bit_length() + result.denominator.bit_length() > MAX_BITS:
        raise TooLarge
    return result


def _exact_operation(kind: str, values: list[Fraction]) -> Fraction:
    if kind == "/" and not values[1]:
        raise Inexact("division by zero")
    return _EXACT[kind](*values)


def _power(base: Fraction, exponent: Fraction) -> Fraction:
    if exponent.denominator != 1:
        return _power(_root(base, Fraction(exponent.denominator)), Fraction(exponent.numerator))
    bits = base.numerator.bit_length() + base.denominator.bit_length()
    if abs(base) != 1 and base and abs(exponent.numerator) * (bits - 1) > MAX_BITS * 2:
        raise TooLarge
    if not base and exponent <= 0:
        raise Inexact("zero to a power that is not positive")
    if abs(base) == 1:
        return base if exponent.numerator % 2 else Fraction(1)
    return base**exponent.numerator if base else base


def _root(value: Fraction, degree: Fraction) -> Fraction:
    """The exact real root. Raises ``Inexact`` if there is none that is rational."""
    if degree.denominator != 1 or not 1 <= degree <= 64 or value < 0:
        raise Inexact("root")
    roots = []
    for part in (value.numerator, value.denominator):
        guess = _integer_root(part, degree.numerator)
        if guess**degree.numerator != part:
            raise Inexact("root")
        roots.append(guess)
    return Fraction(roots[0], roots[1])


def _integer_root(value: int, degree: int) -> int:
    low, high = 0, 1 << (value.bit_length() // degree + 1)
    while low < high:
        middle = (low + high + 1) // 2
        if middle**degree <= value:
            low = middle
        else:
            high = middle - 1
    return low


def _count(function: Callable[..., int]) -> Callable[..., Fraction]:
    def exact_count(*values: Fraction) -> Fraction:
        if any(value.denominator != 1 or value < 0 for value in values):
            raise Inexact("not a count")
        if any(value > 2000 for value in values):
            raise TooLarge
        return Fraction(function(*[value.numerator for value in values]))

    return exact_count


def _whole(function: Callable[..., int]) -> Callable[..., Fraction]:
    def exact_whole(*values: Fraction) -> Fraction:
        if any(value.denominator != 1 for value in values):
            raise Inexact("not whole")
        return Fraction(function(*[value.numerator for value in values]))

    return exact_whole


_EXACT: dict[str, Callable[..., Fraction]] = {
    "+": operator.add,
    "*": operator.mul,
    "/": operator.truediv,
    "-": operator.neg,
    "^": _power,
    "!": _count(math.factorial),
    "binom": _count(math.comb),
    "sqrt": lambda degree, value: _root(value, degree),
    "abs": abs,
    "max": max,
    "min": min,
    "gcd": _whole(math.gcd),
    "lcm": _whole(math.lcm),
    "floor": lambda value: Fraction(math.floor(value)),
    "ceil": lambda value: Fraction(math.ceil(value)),
}
