"""Whether two expression trees are the same function, found by evaluating both at points.

Two different expressions of the size people write agree to 30 digits at several random points
with a probability that does not matter, while symbolic simplification may never end. The points
are fixed: the same trees give the same answer always.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import mpmath  # type: ignore[import-untyped]

from smallscale_ci.judges.mathematics.expression import Node, TooLarge, symbols

_DIGITS = 60
_TOLERANCE = mpmath.mpf(10) ** -30
_POSITIVE_POINTS = 4
_SIGNED_POINTS = 3
_MAX_SYMBOLS = 12
_MAX_EXPONENT = 100_000  # of the logarithm of a power, and the argument of a factorial


class Undecided(Exception):  # noqa: N818 - a state, caught nearby
    """No point was found at which both sides have a value."""


def same(a: Node, b: Node) -> bool:
    """Whether ``a`` and ``b`` agree wherever unknowns are positive, and where both are real.

    Raises ``TooLarge`` or ``Undecided``.
    """
    names = sorted(symbols(a) | symbols(b))
    if len(names) > _MAX_SYMBOLS:
        raise Undecided
    agreed = 0
    for point in _points(names):
        # Where a part of an expression is not real, its writer did not mean it to be evaluated.
        signed = any(value < 0 for value in point.values())
        pair = _pair(a, b, point, real=signed)
        if pair is not None and not _close(*pair):
            return False
        agreed += pair is not None
    if not agreed:
        raise Undecided
    return True


def proportional(a: Node, b: Node) -> int:
    """1 or −1 where ``a`` is a constant multiple of ``b``, by that constant's sign; else 0.

    Raises ``TooLarge`` or ``Undecided``.
    """
    names = sorted(symbols(a) | symbols(b))
    if len(names) > _MAX_SYMBOLS or not names:
        raise Undecided
    ratio = None
    for point in _points(names):
        pair = _pair(a, b, point)
        if pair is None or not mpmath.isfinite(pair[0]) or not mpmath.isfinite(pair[1]):
            continue
        if abs(pair[1]) < _TOLERANCE or abs(pair[0]) < _TOLERANCE:
            if not _close(*pair):
                return 0
            continue
        with mpmath.workdps(_DIGITS):
            here = pair[0] / pair[1]
        if ratio is None:
            ratio = here
        elif not _close(ratio, here):
            return 0
    if ratio is None:
        raise Undecided
    return 0 if not _is_real(ratio) else (1 if mpmath.re(ratio) > 0 else -1)


def value(node: Node) -> Any:
    """The value of a tree without unknowns as mpmath number, ``None`` where it has none.

    Raises ``TooLarge``.
    """
    pair = None if symbols(node) else _pair(node, node, {})
    return pair[0] if pair is not None else None


def fraction(number: Any) -> Fraction | None:
    """A real, finite mpmath number of moderate size as a fraction, else ``None``."""
    if number is None or not mpmath.isfinite(number) or not _is_real(number):
        return None
    sign, mantissa, exponent, _ = mpmath.re(number)._mpf_
    if abs(exponent) > 20_000:
        return None
    size = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return -size if sign else size


def _points(names: list[str]) -> list[Mapping[str, Any]]:
    """Points for the unknowns; one empty point where there are none."""
    if not names:
        return [{}]
    source = random.Random(20_250_601)  # noqa: S311 - points, not secrets
    points: list[Mapping[str, Any]] = []
    for number in range(_POSITIVE_POINTS + _SIGNED_POINTS):
        point = {}
        for name in names:
            size = mpmath.mpf(source.randrange(300_001, 2_700_000)) / 1_000_003
            negative = number >= _POSITIVE_POINTS and source.random() < 0.5
            point[name] = -size if negative else size
        if number == _POSITIVE_POINTS:
            point = {name: -abs(size) for name, size in point.items()}
        points.append(point)
    return points


def _pair(
    a: Node, b: Node, point: Mapping[str, Any], *, real: bool = False
) -> tuple[Any, Any] | None:
    """Both values at ``point``, ``None`` where one has none, or has a part that is not ``real``."""
    with mpmath.workdps(_DIGITS):
        try:
            first, second = _evaluate(a, point, real), _evaluate(b, point, real)
        except (ValueError, ArithmeticError):
            return None
    if mpmath.isnan(first) or mpmath.isnan(second):
        return None
    return first, second


def _close(a: Any, b: Any) -> bool:
    if mpmath.isinf(a) or mpmath.isinf(b):
        return bool(a == b)
    with mpmath.workdps(_DIGITS):
        return bool(abs(a - b) <= _TOLERANCE * max(1, abs(a), abs(b)))


def _is_real(number: Any) -> bool:
    return bool(abs(mpmath.im(number)) <= _TOLERANCE * max(1, abs(number)))


def _evaluate(node: Node, point: Mapping[str, Any], real: bool) -> Any:
    kind = node[0]
    if kind == "number":
        return mpmath.mpf(node[1].numerator) / node[1].denominator
    if kind == "symbol":
        return point[node[1]]
    if kind in _CONSTANTS:
        return _CONSTANTS[kind]()
    result = _OPERATIONS[kind](*[_evaluate(part, point, real) for part in node[1:]])
    if real and not _is_real(result):
        raise ArithmeticError
    return result


def _power(base: Any, exponent: Any) -> Any:
    if base == 0:
        if mpmath.re(exponent) <= 0:
            raise ZeroDivisionError
        return mpmath.mpf(0)
    finite = mpmath.isfinite(base) and mpmath.isfinite(exponent)
    if finite and abs(exponent) * (1 + abs(mpmath.log(abs(base)))) > _MAX_EXPONENT:
        raise TooLarge
    return mpmath.power(base, exponent)


def _root(degree: Any, base: Any) -> Any:
    """The real root of a negative number where the degree is odd, else the principal one."""
    whole = int(degree) if mpmath.isfinite(degree) and degree == int(mpmath.re(degree)) else 0
    if whole % 2 and _is_real(base) and mpmath.re(base) < 0:
        return -_power(-base, 1 / mpmath.mpf(whole))
    return mpmath.sqrt(base) if whole == 2 else _power(base, 1 / degree)


def _factorial(number: Any) -> Any:
    if abs(number) > 10_000:
        raise TooLarge
    return mpmath.gamma(number + 1)


def _binomial(top: Any, bottom: Any) -> Any:
    if abs(top) > 10_000 or abs(bottom) > 10_000:
        raise TooLarge
    return mpmath.binomial(top, bottom)


def _exp(number: Any) -> Any:
    return _power(mpmath.e(), number)


def _circular(function: Any) -> Any:
    def bounded(number: Any) -> Any:
        if abs(number) > 10**12:  # the argument would have to be reduced at great length
            raise TooLarge
        return function(number)

    return bounded


def _euler() -> Any:
    return +mpmath.e


_CONSTANTS: dict[str, Any] = {
    "pi": lambda: +mpmath.pi,
    "e": _euler,
    "i": lambda: mpmath.mpc(0, 1),
    "infinity": lambda: mpmath.inf,
    "degree": lambda: mpmath.pi / 180,
}
_OPERATIONS: dict[str, Any] = {
    "+": lambda a, b: a + b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "-": lambda a: -a,
    "^": _power,
    "!": _factorial,
    "binom": _binomial,
    "sqrt": _root,
    "abs": abs,
    "floor": mpmath.floor,
    "ceil": mpmath.ceil,
    "exp": _exp,
    "ln": mpmath.log,
    "log": mpmath.log,
    "arcsin": mpmath.asin,
    "arccos": mpmath.acos,
    "arctan": mpmath.atan,
    "arccot": mpmath.acot,
    **{
        name: _circular(getattr(mpmath, name))
        for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")
    },
}
