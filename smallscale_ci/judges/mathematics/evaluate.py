"""The value of a tree at a point, by our own walk over its nodes: nothing else is evaluated."""

from __future__ import annotations

import hashlib
import math
from typing import Any

import mpmath  # type: ignore[import-untyped]

from smallscale_ci.judges.mathematics.expression import Inexact, Node, TooLarge, exact
from smallscale_ci.judges.mathematics.points import Point

DIGITS = 60
TOLERANCE = mpmath.mpf(10) ** -45
_MAX_EXPONENT = 100_000  # of the logarithm of a power
_MAX_TERMS = 1000  # of all sums at one point


def side(node: Node, point: Point, *, real: bool, digits: int = DIGITS) -> tuple[Any, Any] | None:
    """Value and size of what was added up, whose last digits are noise; ``None`` without value.

    ``real``: a part that is not real counts as none, since its writer did not mean it.
    """
    with mpmath.workdps(digits):
        evaluation = _Evaluation(point, real)
        try:
            found = evaluation.value(node)
        except (ValueError, ArithmeticError):
            return None
        return None if mpmath.isnan(found) else (found, evaluation.noise)


def is_real(number: Any) -> bool:
    """Whether the imaginary part is noise."""
    return bool(abs(mpmath.im(number)) <= TOLERANCE * max(1, abs(number)))


class _Evaluation:
    """Evaluates trees at one point."""

    def __init__(self, point: Point, real: bool) -> None:
        self._point = dict(point)
        self._real = real
        self._terms = 0
        self.noise: Any = mpmath.mpf(0)

    def value(self, node: Node) -> Any:
        """The value. Raises ``TooLarge``, ``ValueError`` or ``ArithmeticError``."""
        kind = node[0]
        if kind == "number":
            return mpmath.mpf(node[1].numerator) / node[1].denominator
        if kind == "symbol":
            return self._point[node[1]]
        if kind in _CONSTANTS:
            return _CONSTANTS[kind]()
        if kind in ("sum", "prod"):
            return self._series(node)
        if kind == "apply":
            arguments = [self.value(part) for part in node[2:]]
            return _unknown(node[1], [self._point.get(node[1], 0), *arguments])
        values = [self.value(part) for part in node[1:]]
        if kind == "^" and is_real(values[0]) and values[0] < 0:
            result = _power_of_negative(values[0], values[1], node[2])
        else:
            result = _OPERATIONS[kind](*values)
        if kind == "+":
            self.noise = max(self.noise, abs(values[0]), abs(values[1]))
        elif kind in _NOISY:
            self.noise = max(self.noise, 1)
        if self._real and not is_real(result):
            raise ArithmeticError
        return result

    def _series(self, node: Node) -> Any:
        index, low, high = node[1][1], self.value(node[2]), self.value(node[3])
        start, stop = _whole_number(low), _whole_number(high)
        self._terms += max(0, stop - start + 1)
        if self._terms > _MAX_TERMS:
            raise ArithmeticError
        before = self._point.get(index)
        result = mpmath.mpf(node[0] == "prod")
        for number in range(start, stop + 1):
            self._point[index] = mpmath.mpf(number)
            term = self.value(node[4])
            result = result * term if node[0] == "prod" else result + term
            self.noise = max(self.noise, abs(term))
        self._point[index] = before
        return result


def _unknown(name: str, arguments: list[Any]) -> Any:
    """A function that nobody defined: the same number for the same name and arguments.

    The first argument is the value of the name at the point: another point, another function.
    """
    text = [name]
    for argument in arguments:
        for part in (mpmath.re(argument), mpmath.im(argument)):
            near_zero = abs(part) < TOLERANCE
            text.append("0" if near_zero else mpmath.nstr(part, 30, strip_zeros=True))
    digest = hashlib.blake2b("|".join(text).encode(), digest_size=8).digest()
    return mpmath.mpf("0.3") + mpmath.mpf(int.from_bytes(digest, "big")) / 2**63


def _whole_number(value: Any) -> int:
    if not mpmath.isfinite(value) or not is_real(value):
        raise ArithmeticError
    nearest = mpmath.nint(mpmath.re(value))
    if abs(value - nearest) > TOLERANCE or abs(nearest) > 10**9:
        raise ArithmeticError
    return int(nearest)


def _power_of_negative(base: Any, exponent: Any, node: Node) -> Any:
    """The real value where the exponent is a fraction with an odd denominator."""
    try:
        share = exact(node)
    except (Inexact, TooLarge):
        return _power(base, exponent)
    if share.denominator == 1 or share.denominator % 2 == 0:
        return _power(base, exponent)
    size = _power(-base, exponent)
    return -size if share.numerator % 2 else size


def _step(function: Any) -> Any:
    """Floor or ceiling; what is whole but for noise is whole."""

    def stepped(number: Any) -> Any:
        if not is_real(number):
            raise ArithmeticError
        number = mpmath.re(number)
        nearest = mpmath.nint(number)
        close = abs(number - nearest) <= TOLERANCE * max(1, abs(number))
        return nearest if close else function(number)

    return stepped


def _extreme(function: Any) -> Any:
    def real_extreme(*values: Any) -> Any:
        if not all(is_real(value) for value in values):
            raise ArithmeticError
        return function(mpmath.re(value) for value in values)

    return real_extreme


def _common(function: Any) -> Any:
    def of_whole_numbers(*values: Any) -> Any:
        return mpmath.mpf(function(*[_whole_number(value) for value in values]))

    return of_whole_numbers


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
    if whole % 2 and is_real(base) and mpmath.re(base) < 0:
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
_NOISY = frozenset({"sin", "cos", "tan", "cot", "sec", "csc", "ln", "log", "apply"})
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
    "floor": _step(mpmath.floor),
    "ceil": _step(mpmath.ceil),
    "max": _extreme(max),
    "min": _extreme(min),
    "gcd": _common(math.gcd),
    "lcm": _common(math.lcm),
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
