"""Sets that a condition describes: ``{x ∈ Z | x > 2}``, ``{2k | k ∈ Z}``."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from smallscale_ci.judges.mathematics.forms import Cases, Form, Group, Relation
from smallscale_ci.judges.mathematics.intervals import REALS, real_set
from smallscale_ci.judges.mathematics.quantity import Scalar
from smallscale_ci.judges.mathematics.series import MAX_PARTS

_DOMAIN = r"∈\s*(?:\\math(?:bb|bf)\s*)?\{?\s*([ZN])\s*\}?"
_WHOLE = re.compile(rf"([a-zA-Z])\s*{_DOMAIN}")
_WHOLE_BEHIND = re.compile(rf"(.*\S)\s*[,;]\s*([a-zA-Z])\s*{_DOMAIN}\s*")
_BOUND = re.compile(r"\s*([lmnpqrt])\s*∈")


def taken_apart(head: str, condition: str) -> tuple[str, str, str]:
    """Shape, domain and condition of a set; the domain is "Z" or "N" for whole numbers, else empty.

    The bound name of ``{2n | n ∈ Z}`` is always ``k``.
    """
    if bound := _BOUND.match(condition):
        name = re.compile(rf"(?<![a-zA-Z\\]){bound[1]}(?![a-zA-Z])")
        head, condition = name.sub("k", head), name.sub("k", condition)
    if match := _WHOLE.fullmatch(head):
        return match[1], match[2], condition
    if (match := _WHOLE_BEHIND.fullmatch(condition)) and match[2] == head:
        return head, match[3], match[1]
    return head, "", condition


def described(domain: str, shape: Form, condition: Form) -> Form:
    """The set ``{shape | condition}``: what is said of one name, or ``shape`` under a condition.

    ``domain`` is as ``taken_apart`` gives it; finitely many whole numbers are listed.
    """
    if domain:
        return _whole_numbers(domain, condition) or Cases(((shape, condition),))
    if isinstance(shape, Relation):  # x ∈ ℝ
        return condition if real_set(shape) == REALS else Cases(((shape, condition),))
    names = shape.items if isinstance(shape, Group) else (shape,)
    plain = all(isinstance(name, Scalar) and name.node[0] == "symbol" for name in names)
    return condition if plain else Cases(((shape, condition),))


def _whole_numbers(domain: str, condition: Form) -> Group | None:
    found = real_set(condition)
    if not found or any(math.isinf(one.low) or math.isinf(one.high) for one in found):
        return None
    if domain == "N" and (found[0].low < 0 or (found[0].low == 0 and found[0].closed[0])):
        return None  # whether 0 is one is not agreed on
    if sum(one.high - one.low for one in found) > MAX_PARTS:
        return None
    numbers = [
        number
        for one in found
        for number in range(math.ceil(one.low), math.floor(one.high) + 1)
        if (number > one.low or one.closed[0]) and (number < one.high or one.closed[1])
    ]
    nodes = [
        ("number", Fraction(abs(n))) if n >= 0 else ("-", ("number", Fraction(-n))) for n in numbers
    ]
    return Group(
        "set", tuple(Scalar(str(n), node, None) for n, node in zip(numbers, nodes, strict=True))
    )
