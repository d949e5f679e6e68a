"""Values by case: the same branches in any order, or an expression with the same values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction

from smallscale_ci.judges.mathematics.expression import Node, renamed, symbols
from smallscale_ci.judges.mathematics.forms import (
    INFINITE,
    INFINITE_LOW,
    Cases,
    Difference,
    Form,
    Group,
    Union,
)
from smallscale_ci.judges.mathematics.intervals import Interval, real_set
from smallscale_ci.judges.mathematics.quantity import Scalar
from smallscale_ci.judges.mathematics.relations import subjects
from smallscale_ci.judges.mathematics.values import nodes

Equal = Callable[[Form, Form], bool]

_LINE = Group("()", (INFINITE_LOW, INFINITE))
_EVERYWHERE = (Interval(-math.inf, math.inf, (False, False)),)
_STEPS = (Fraction(1, 7), Fraction(3), Fraction(1000))


def same_cases(gold: Cases, answer: Cases, same: Equal) -> bool:
    """Whether each branch has its partner. ``otherwise`` is what the other branches leave."""
    left = list(_spelt_out(answer))
    for value, condition in _spelt_out(gold):
        for place, (other, when) in enumerate(left):
            if _same_condition(condition, when, same) and same(value, other):
                left.pop(place)
                break
        else:
            return False
    return not left


def as_expression(cases: Cases, other: Scalar, *, deep: bool) -> bool:
    """Whether ``other`` has the value of each branch on its interval, as ``|x|`` has."""
    branches = list(_spelt_out(cases))
    conditions = [condition for _, condition in branches if condition is not None]
    names = frozenset().union(*(subjects(condition) for condition in conditions))
    if len(names) != 1 or symbols(other.node) != names or len(conditions) < len(branches):
        return False
    (name,) = names
    if real_set(Union(tuple(conditions))) != _EVERYWHERE:
        return False
    for value, condition in branches:
        if not isinstance(value, Scalar) or not symbols(value.node) <= names:
            return False
        for point in _points(real_set(condition) or ()):  # type: ignore[arg-type]
            number: Node = ("number", abs(point))
            put = {name: number if point >= 0 else ("-", number)}
            if not nodes(renamed(other.node, put), renamed(value.node, put), None, None, deep):
                return False
    return True


def _spelt_out(cases: Cases) -> Iterator[tuple[Form, Form | None]]:
    conditions = tuple(condition for _, condition in cases.branches if condition is not None)
    rest = Difference(_LINE, Union(conditions))
    known = bool(conditions) and real_set(rest) is not None
    for value, condition in cases.branches:
        yield value, rest if condition is None and known else condition


def _same_condition(gold: Form | None, answer: Form | None, same: Equal) -> bool:
    if gold is None or answer is None:
        return gold is answer
    named = subjects(gold) | subjects(answer)
    sets = real_set(gold), real_set(answer)
    if len(named) < 2 and sets[0] is not None and sets[1] is not None:
        return sets[0] == sets[1]
    return same(gold, answer)


def _points(intervals: tuple[Interval, ...]) -> Iterator[Fraction]:
    """Points of each interval: its ends where they belong to it, its middle, others inside."""
    for one in intervals:
        ends = [end for end in (one.low, one.high) if isinstance(end, Fraction)]
        for end, closed in zip((one.low, one.high), one.closed, strict=True):
            if closed and isinstance(end, Fraction):
                yield end
        if len(ends) == 2:
            yield from ((2 * ends[0] + ends[1]) / 3, (ends[0] + ends[1]) / 2)
        for end in ends or [Fraction(0)]:
            inside = (end + sign * step for step in _STEPS for sign in (1, -1))
            yield from (point for point in inside if one.low < point < one.high)
