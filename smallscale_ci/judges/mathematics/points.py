"""Where two expressions are compared: fixed points, so that the same trees give the same answer.

Points near one tell most expressions apart. Far, tiny and negative values tell floors, distances
and maxima apart, whole numbers what holds for counts alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import mpmath  # type: ignore[import-untyped]

from smallscale_ci.judges.mathematics.expression import (
    Inexact,
    Node,
    TooLarge,
    exact,
    kinds,
    symbols,
)

Point = Mapping[str, Any]
COUNTS = frozenset("jklmnpqrKMN")  # names of whole numbers, where an expression asks for some
_COUNTING = frozenset({"floor", "ceil", "!", "binom", "sum", "prod", "gcd", "lcm"})
_BENT = frozenset({"abs", "max", "min"})
_CIRCULAR = frozenset({"sin", "cos", "tan", "cot", "sec", "csc"})
_NEAR, _SIGNED, _WIDE, _WHOLE = 4, 3, 6, 18
_SIZES = (("37", "1250"), ("0.00001", "0.09"), ("90", "400"))  # of the wide points, in turn
_MOST_BENDS = 4
_WHOLE_NUMBERS = (1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 16, 25, 27, 30, 31, 64, 81, 100)


def near(names: list[str]) -> Iterator[Point]:
    """Positive values between 0.3 and 2.7; one empty point where there are no names."""
    if not names:
        yield {}
        return
    source = random.Random(20_250_601)  # noqa: S311 - points, not secrets
    for _ in range(_NEAR):
        yield {name: _between(source, "0.3", "2.7") for name in names}


def wide(names: list[str]) -> Iterator[Point]:
    """Values of either sign: some near one, some large, some tiny."""
    if not names:
        return
    source = random.Random(20_261_128)  # noqa: S311 - points, not secrets
    for number in range(_SIGNED):
        point = {name: _between(source, "0.3", "2.7") for name in names}
        yield {n: -v if number == 0 or source.random() < 0.5 else v for n, v in point.items()}
    for number in range(_WIDE):
        point = {}
        for place, name in enumerate(names):
            size = _between(source, *_SIZES[(number + place) % len(_SIZES)])
            point[name] = -size if number >= _WIDE // 2 and (number + place) % 2 else size
        yield point


def beside(names: list[str], *nodes: Node) -> Iterator[Point]:
    """Values on both sides of the numbers in ``nodes``, where distances and maxima have bends."""
    found = frozenset().union(*(kinds(node) for node in nodes))
    if not names or not (_BENT & found or {"sqrt", "^"} <= found):  # sqrt of a square
        return
    sizes = dict.fromkeys(size for node in nodes for size in _sizes(node))
    source = random.Random(20_261_201)  # noqa: S311 - points, not secrets
    for size in list(sizes)[:_MOST_BENDS]:
        unit = mpmath.mpf(size.numerator) / size.denominator
        for low, high in (("0.1", "0.9"), ("1.1", "3"), ("-3", "-0.1")):
            yield {name: unit * _between(source, low, high) for name in names}


def _sizes(node: Node) -> Iterator[Fraction]:
    """The sizes of the numbers in ``node``, powers worked out, but of zero and one."""
    if not symbols(node):
        try:
            size = abs(exact(node))
        except (Inexact, TooLarge):
            return
        if size not in (0, 1):
            yield size
        return
    for part in node[1:]:
        if isinstance(part, tuple):
            yield from _sizes(part)


def whole(names: list[str]) -> Iterator[Point]:
    """Whole positive values for the names of counts, values near one for the others."""
    source = random.Random(20_261_129)  # noqa: S311 - points, not secrets
    for number in range(_WHOLE):
        point, first = {}, True
        for name in names:
            if name in COUNTS:
                value = _WHOLE_NUMBERS[number] if first else source.choice(_WHOLE_NUMBERS[:12])
                point[name], first = mpmath.mpf(value), False
            else:
                point[name] = _between(source, "0.3", "2.7")
        yield point


def steps(names: list[str]) -> Iterator[Point]:
    """Whole values of either sign, where floors and ceilings of any names have their steps."""
    source = random.Random(20_261_130)  # noqa: S311 - points, not secrets
    for number in range(-6, 7):
        yield {
            name: mpmath.mpf(source.randrange(-9, 10) if place else number)
            for place, name in enumerate(names)
        }


def counts(node: Node) -> bool:
    """Whether ``node`` asks for whole numbers: floors, factorials, ``(-1)^n``, ``cos(nπ)``."""
    if not symbols(node) & COUNTS:
        return False
    found = kinds(node)
    return bool(found & _COUNTING or ("pi" in found and found & (_CIRCULAR | {"i"}))) or _turns(
        node
    )


def _turns(node: Node) -> bool:
    """Whether a negative number or ``i`` is raised to a power with a count in it."""
    counted = node[0] == "^" and symbols(node[2]) & COUNTS and not symbols(node[1])
    if counted and (node[1][0] in ("-", "i") or "i" in kinds(node[2])):
        return True
    return any(_turns(part) for part in node[1:] if isinstance(part, tuple))


def _between(source: random.Random, low: str, high: str) -> Any:
    share = mpmath.mpf(source.randrange(1, 1_000_000)) / 1_000_003
    return mpmath.mpf(low) + (mpmath.mpf(high) - mpmath.mpf(low)) * share
