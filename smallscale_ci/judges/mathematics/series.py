"""Lists that go on: ``1, 3, 5, …, 99``."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from smallscale_ci.judges.mathematics.expression import Inexact, TooLarge, exact
from smallscale_ci.judges.mathematics.forms import Form
from smallscale_ci.judges.mathematics.quantity import Opaque, Scalar

MAX_PARTS = 100  # of a list
_DOTS = (Opaque("…"), Opaque("..."))


def filled(items: tuple[Form, ...]) -> tuple[Form, ...]:
    """``1, 3, 5, …, 9`` with the numbers that the dots stand for, if the steps are equal."""
    if len(items) < 4 or items[-2] not in _DOTS:
        return items
    try:
        shown = [exact(item.node) for item in (*items[:-2], items[-1])]  # type: ignore[union-attr]
    except (AttributeError, Inexact, TooLarge):
        return items
    *first, last = shown
    steps = {after - before for before, after in pairwise(first)}
    step = steps.pop() if len(steps) == 1 else Fraction(0)
    count = (last - first[0]) / step if step else Fraction(0)
    if count.denominator != 1 or not len(first) <= count < MAX_PARTS:
        return items
    values = [first[0] + step * place for place in range(int(count) + 1)]
    return tuple(Scalar(str(value), ("number", value), None) for value in values)
