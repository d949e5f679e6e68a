"""Sets of real numbers with rational ends, in one canonical form."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from smallscale_ci.judges.mathematics.expression import Inexact, TooLarge, exact
from smallscale_ci.judges.mathematics.forms import Difference, Form, Group, Union
from smallscale_ci.judges.mathematics.quantity import Scalar
from smallscale_ci.judges.mathematics.relations import conditions

End = Fraction | float  # an infinite end is a float


@dataclass(frozen=True, slots=True)
class Interval:
    """From ``low`` to ``high``; ``closed`` says which ends belong to it."""

    low: End
    high: End
    closed: tuple[bool, bool]


REALS = (Interval(-math.inf, math.inf, (False, False)),)


def real_set(form: Form) -> tuple[Interval, ...] | None:
    """The disjoint intervals, in order, of a set of numbers; ``None`` if it is none."""
    parts = _parts(form)
    return None if parts is None else _joined(parts)


def _parts(form: Form) -> list[Interval] | None:  # noqa: PLR0911 - one for each kind
    form = conditions(form) or form
    if isinstance(form, Union):
        found = [_parts(part) for part in form.parts]
        return None if None in found else [i for part in found for i in part or ()]
    if isinstance(form, Difference):
        whole, removed = _parts(form.whole), _parts(form.removed)
        if whole is None or removed is None:
            return None
        return [i for w in _complement(_joined(removed)) for i in _common(_joined(whole), w)]
    if not isinstance(form, Group):
        return None
    ends = [_end(item) for item in form.items]
    if any(end is None for end in ends):
        return None
    if form.kind == "set":
        return [Interval(end, end, (True, True)) for end in ends if end is not None]
    if len(ends) != 2 or form.kind not in ("()", "[]", "(]", "[)"):
        return None
    low, high = ends
    closed = form.kind[0] == "[", form.kind[1] == "]"
    return [Interval(low, high, closed)] if low is not None and high is not None else None


def _end(form: Form) -> End | None:
    if not isinstance(form, Scalar) or form.unit or form.percent or form.degrees:
        return None
    if form.node in (("infinity",), ("-", ("infinity",))):
        return math.inf if form.node == ("infinity",) else -math.inf
    try:
        return exact(form.node)
    except (Inexact, TooLarge):
        return None


def _joined(parts: list[Interval]) -> tuple[Interval, ...]:
    """Without empty ones, in order, and those that touch as one."""
    full = [p for p in parts if p.low < p.high or (p.low == p.high and all(p.closed))]
    joined: list[Interval] = []
    for part in sorted(full, key=lambda p: (p.low, not p.closed[0])):
        before = joined[-1] if joined else None
        touches = before is not None and (
            part.low < before.high
            or (part.low == before.high and (part.closed[0] or before.closed[1]))
        )
        if before is None or not touches:
            joined.append(part)
            continue
        right = max((before.high, before.closed[1]), (part.high, part.closed[1]))
        joined[-1] = Interval(before.low, right[0], (before.closed[0], right[1]))
    return tuple(joined)


def _complement(parts: tuple[Interval, ...]) -> list[Interval]:
    gaps, low, closed = [], -math.inf, False
    for part in parts:
        gaps.append(Interval(low, part.low, (closed, not part.closed[0])))
        low, closed = part.high, not part.closed[1]  # type: ignore[assignment]
    return [*gaps, Interval(low, math.inf, (closed, False))]


def _common(parts: tuple[Interval, ...], other: Interval) -> list[Interval]:
    common = []
    for part in parts:
        left = max((part.low, not part.closed[0]), (other.low, not other.closed[0]))
        right = min((part.high, part.closed[1]), (other.high, other.closed[1]))
        common.append(Interval(left[0], right[0], (not left[1], right[1])))
    return common
