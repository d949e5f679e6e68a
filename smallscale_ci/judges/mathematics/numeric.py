"""Whether two expression trees are the same function, found by evaluating both at points.

Two different expressions of the size people write agree to 45 digits at several points (``points``)
with a probability that does not matter, while symbolic simplification may never end.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import chain
from typing import Any

import mpmath  # type: ignore[import-untyped]

from smallscale_ci.judges.mathematics import points
from smallscale_ci.judges.mathematics.evaluate import DIGITS, TOLERANCE, is_real, side
from smallscale_ci.judges.mathematics.expression import Node, TooLarge, kinds, symbols
from smallscale_ci.judges.mathematics.points import Point

_MORE_DIGITS = 4 * DIGITS  # where a difference may be noise
_MAX_SYMBOLS = 12


class Undecided(Exception):  # noqa: N818 - a state, caught nearby
    """No point was found at which both sides have a value."""


def same(a: Node, b: Node) -> bool:
    """Whether ``a`` and ``b`` agree wherever unknowns are positive, and where both are real.

    Where one of them asks for whole numbers (``points.counts``), agreement there is enough.
    Raises ``TooLarge`` or ``Undecided``.
    """
    names = sorted(symbols(a) | symbols(b))
    if len(names) > _MAX_SYMBOLS:
        raise Undecided
    counted = points.counts(a) or points.counts(b)
    try:
        verdict = _everywhere(a, b, names)
    except TooLarge:
        if not counted:
            raise
        verdict = None
    if verdict and {"floor", "ceil"} & (kinds(a) | kinds(b)):  # at their steps, too
        where = points.whole(names) if counted else points.steps(names)
        verdict = _agreement(a, b, where) is not False
    elif counted and not verdict:
        verdict = _agreement(a, b, points.whole(names))
    if verdict is None:
        raise Undecided
    return verdict


def _everywhere(a: Node, b: Node, names: list[str]) -> bool | None:
    """Whether both agree near one, and where both are real far from it; ``None`` if unknown."""
    agreed: bool | None = None
    for point in points.near(names):
        verdict = _agree(side(a, point, real=False), side(b, point, real=False), a, b, point)
        if verdict is False:
            return False
        agreed = agreed or verdict
    wide = _agreement(a, b, chain(points.wide(names), points.beside(names, a, b)))
    return agreed if wide is None else wide


def _agreement(a: Node, b: Node, where: Iterable[Point]) -> bool | None:
    """Whether both agree at every point where both are real; ``None`` if there is none."""
    agreed = 0
    for point in where:
        try:
            first, second = side(a, point, real=True), side(b, point, real=True)
            if (first is None) != (second is None):
                # |x| says that negative values are meant: ln x is not ln|x|
                if "abs" in kinds(b if first is None else a) and _has_negative(point):
                    return False
                continue
            verdict = _agree(first, second, a, b, point)
        except TooLarge:
            continue
        if verdict is False:
            return False
        agreed += verdict is True
    return True if agreed else None


def _has_negative(point: Point) -> bool:
    """Whether a value is negative."""
    return any(value < 0 for value in point.values())


def proportional(a: Node, b: Node) -> int:
    """1 or −1 where ``a`` is a constant multiple of ``b``, by that constant's sign; else 0.

    Raises ``TooLarge`` or ``Undecided``.
    """
    names = sorted(symbols(a) | symbols(b))
    if len(names) > _MAX_SYMBOLS or not names:
        raise Undecided
    ratio = None
    for point in chain(points.near(names), points.wide(names)):
        try:
            first, second = side(a, point, real=False), side(b, point, real=False)
        except TooLarge:
            if _has_negative(point) or any(value > 30 for value in point.values()):
                continue
            raise
        if first is None or second is None:
            continue
        (left, left_noise), (right, right_noise) = first, second
        if not mpmath.isfinite(left) or not mpmath.isfinite(right):
            continue
        small = (
            abs(left) <= TOLERANCE * max(1, left_noise),
            abs(right) <= TOLERANCE * max(1, right_noise),
        )
        if any(small):
            if not all(small):
                return 0
            continue
        with mpmath.workdps(DIGITS):
            here = left / right
            noise = left_noise / abs(left) + right_noise / abs(right)
            if ratio is None:
                ratio = here
            elif abs(here - ratio) > TOLERANCE * abs(ratio) * (1 + noise):
                return 0
    if ratio is None:
        raise Undecided
    return 0 if not is_real(ratio) else (1 if mpmath.re(ratio) > 0 else -1)


def value(node: Node) -> Any:
    """The value of a tree without unknowns as mpmath number, ``None`` if it has none.

    Raises ``TooLarge``.
    """
    found = None if symbols(node) else side(node, {}, real=False)
    return found[0] if found is not None else None


def fraction(number: Any) -> Fraction | None:
    """A real, finite mpmath number of moderate size as a fraction, else ``None``."""
    if number is None or not mpmath.isfinite(number) or not is_real(number):
        return None
    sign, mantissa, exponent, _ = mpmath.re(number)._mpf_
    if abs(exponent) > 20_000:
        return None
    size = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return -size if sign else size


def _agree(
    first: tuple[Any, Any] | None, second: tuple[Any, Any] | None, a: Node, b: Node, point: Point
) -> bool | None:
    """Whether two sides have the same value; ``None`` if that cannot be known."""
    if first is None or second is None:
        return None
    (left, left_noise), (right, right_noise) = first, second
    if mpmath.isinf(left) or mpmath.isinf(right):
        return bool(left == right)
    with mpmath.workdps(DIGITS):
        gap, size = abs(left - right), max(abs(left), abs(right))
        if gap <= TOLERANCE * size:
            return True
        if gap > TOLERANCE * max(left_noise, right_noise):
            return False
    return _agree_closely(a, b, point, gap)


def _agree_closely(a: Node, b: Node, point: Point, gap: Any) -> bool | None:
    """With more digits noise becomes smaller, and a difference stays."""
    sides = [side(node, point, real=False, digits=_MORE_DIGITS) for node in (a, b)]
    if sides[0] is None or sides[1] is None:
        return None
    with mpmath.workdps(_MORE_DIGITS):
        closer = abs(sides[0][0] - sides[1][0])
        if closer > gap * TOLERANCE:
            return False
        size = max(abs(sides[0][0]), abs(sides[1][0]))
        return True if closer <= TOLERANCE * max(size, gap) else None
