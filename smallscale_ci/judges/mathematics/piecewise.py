"""Values by case: the same branches in any order, or an expression with the same values."""

from __future__ import annotations

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
from smallscale_ci.judges.mathematics.intervals import REALS, Interval, real_set
from smallscale_ci.judges.mathematics.quantity import Scalar, Words
from smallscale_ci.judges.mathematics.relations import subjects
from smallscale_ci.judges.mathematics.values import nodes

Equal = Callable[[Form, Form], bool]

_LINE = Group("()", (INFINITE_LOW, INFINITE))
_EVEN = (0, 2, 4, 10)
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
    """Whether ``other`` has the value of each branch where it holds, as ``|x|`` has."""
    branches = list(_spelt_out(cases))
    found = _everywhere([condition for _, condition in branches])
    if found is None or symbols(other.node) != {found[0]}:
        return False
    name, places = found
    for (value, _), points in zip(branches, places, strict=True):
        if not isinstance(value, Scalar) or not symbols(value.node) <= {name}:
            return False
        for point in points:
            number: Node = ("number", abs(point))
            put = {name: number if point >= 0 else ("-", number)}
            if not nodes(renamed(other.node, put), renamed(value.node, put), None, None, deep):
                return False
    return True


def _everywhere(conditions: list[Form | None]) -> tuple[str, list[list[Fraction]]] | None:
    """The unknown, and points of each condition, where these cover all real or whole numbers."""
    words = [one.words for one in conditions if isinstance(one, Words)]
    if len(words) == len(conditions) and {w[-1] for w in words} == {"even", "odd"}:
        names = frozenset(w[0] for w in words)
        places = [[Fraction(n + (w[-1] == "odd")) for n in _EVEN] for w in words]
    else:
        known = tuple(one for one in conditions if one is not None)
        names = frozenset().union(*map(subjects, known))
        if len(known) < len(conditions) or real_set(Union(known)) != REALS:
            return None
        places = [list(_points(real_set(one) or ())) for one in known]
    return (next(iter(names)), places) if len(names) == 1 else None


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
