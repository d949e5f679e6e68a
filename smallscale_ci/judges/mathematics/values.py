"""Whether two quantities are the same: numbers exactly or by rounding, expressions at points."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from smallscale_ci.judges.mathematics.expression import (
    Inexact,
    Node,
    TooLarge,
    Unreadable,
    applies,
    exact,
    functions,
    kinds,
    renamed,
    resolved,
    symbols,
)
from smallscale_ci.judges.mathematics.parser import parse
from smallscale_ci.judges.mathematics.quantity import Decimal, Scalar
from smallscale_ci.judges.mathematics.rounding import rounded
from smallscale_ci.judges.mathematics.units import read_unit

_HUNDRED: Node = ("number", Fraction(100))
_DIGITS_RAISED = re.compile(r"\^\d\d")
_CONSTANTS = ("C", "c", "K")  # of integration
_WHOLE = frozenset("kmnlN")
_LINEAR = frozenset({"+", "-", "*", "/", "^", "pi", "degree", "symbol", "number"})
_ONE_SIGN = [  # £3 and 3 pounds, ¥3 and 3 yuan or yen
    {read_unit("£"), read_unit("pound")},
    {read_unit("¥"), read_unit("yuan")},
    {read_unit("¥"), read_unit("yen")},
]
_IN_RADIANS = ("'pi'", "'arctan'", "'arcsin'", "'arccos'")
_LOG_BASES: tuple[Node, ...] = (("e",), ("number", Fraction(10)))


class NeedsAlgebra(Exception):  # noqa: N818 - a request, caught nearby
    """The question cannot be decided by exact arithmetic and structure alone."""


def scalars(gold: Scalar, answer: Scalar, deep: bool) -> bool:
    """Whether ``answer`` is ``gold``. Raises ``NeedsAlgebra`` unless ``deep``."""
    left, right = gold.node, answer.node
    if gold.unit and answer.unit:
        alike = {gold.unit, answer.unit} in _ONE_SIGN
        if gold.unit.dimensions != answer.unit.dimensions and not alike:
            return False
        if gold.unit.size != answer.unit.size and not alike:
            left = ("*", left, ("number", gold.unit.size))
            right = ("*", right, ("number", answer.unit.size))
            return nodes(left, right, None, None, deep)
    if gold.percent != answer.percent:
        other = gold.degrees or answer.degrees or gold.unit or answer.unit
        return not other and _percentages(gold, answer, deep)
    radians = (gold.degrees and _is_radian(answer)) or (answer.degrees and _is_radian(gold))
    if not radians and nodes(left, right, gold.decimal, answer.decimal, deep):
        return True
    if gold.degrees != answer.degrees:  # one in degrees, the other in radians
        if gold.degrees:
            left = ("*", left, ("degree",))
        else:
            right = ("*", right, ("degree",))
        angles = [any(name in repr(side) for name in _IN_RADIANS) for side in (left, right)]
        return (radians or angles[0] != angles[1]) and nodes(left, right, None, None, deep)
    return _as_set(gold, answer, deep)


def other_things(gold: Scalar, answer: Scalar) -> bool:
    """Whether they count what is not the same: 5 apples, 5 oranges; an angle, a temperature."""
    one, two = gold.noun, answer.noun
    if gold.degrees and gold.unit is None and answer.unit is not None:
        return answer.unit.dimensions[0][0] in ("celsius", "fahrenheit", "kelvin")
    return bool(one and two) and not (one <= two or two <= one)


def _is_radian(side: Scalar) -> bool:
    return side.unit is not None and side.unit.dimensions == (("radian", 1),)


def _percentages(gold: Scalar, answer: Scalar, deep: bool) -> bool:
    """A percent sign may be left out, and a share may be given for a percentage."""
    if gold.percent:
        return nodes(gold.node, answer.node, gold.decimal, answer.decimal, deep) or nodes(
            ("/", gold.node, _HUNDRED), answer.node, None, answer.decimal, deep
        )
    if nodes(gold.node, ("/", answer.node, _HUNDRED), gold.decimal, None, deep):
        return True
    try:
        share = exact(gold.node) < 1
    except (Inexact, TooLarge):
        share = False
    return not share and nodes(gold.node, answer.node, gold.decimal, answer.decimal, deep)


def _as_set(gold: Scalar, answer: Scalar, deep: bool) -> bool:
    """Whether they are the same as LaTeX sets them: ``2^34`` is 2³·4."""
    found = []
    for side in (gold, answer):
        if not _DIGITS_RAISED.search(side.text):
            found.append(side.node)
            continue
        try:
            found.append(parse(side.text, one_digit=True))
        except Unreadable:
            return False
    same = found == [gold.node, answer.node]
    return not same and nodes(found[0], found[1], None, None, deep)


def nodes(
    gold: Node, answer: Node, about: Decimal | None, answer_about: Decimal | None, deep: bool
) -> bool:
    """Whether two trees have the same value, where one is a decimal up to its rounding."""
    try:
        left, right = _exact(gold), _exact(answer)
        if (left is None or right is None) and (applies(gold) or applies(answer)):
            names = functions(gold) | functions(answer)
            gold, answer = resolved(gold, names), resolved(answer, names)
            left, right = _exact(gold), _exact(answer)
    except TooLarge:
        return gold == answer
    if left is not None and right is not None:
        return left == right or rounded(left, right, about, answer_about)
    if not deep:
        raise NeedsAlgebra
    return _algebra(gold, answer, about, answer_about)


def _exact(node: Node) -> Fraction | None:
    try:
        return exact(node)
    except Inexact:
        return None


def left_standing(gold: object, answer: object) -> bool:
    """Whether the gold is a plain number, and the answer leaves it to be worked out.

    That is a fraction not in lowest terms, or a product of whole numbers, roots and powers of
    zero. A product with other powers is a factorisation, or scientific notation.
    """
    if not isinstance(gold, Scalar) or not isinstance(answer, Scalar):
        return False
    plain = _fraction(gold.node)
    if plain is None or math.gcd(*plain) != 1:
        return False
    parts = _fraction(answer.node)
    if parts is not None:
        return math.gcd(*parts) != 1
    return answer.node[0] == "*" and all(_is_factor(factor) for factor in _factors(answer.node))


def about_equal(first: Scalar, second: Scalar, deep: bool) -> bool:
    """Whether one may be said to be about as large as the other: within a twentieth."""
    if first.unit != second.unit or first.degrees != second.degrees:
        return True
    sides = [("/", s.node, _HUNDRED) if s.percent else s.node for s in (first, second)]
    values = [_exact(side) for side in sides]
    if None in values:
        if not deep:
            raise NeedsAlgebra
        from smallscale_ci.judges.mathematics import numeric

        try:
            values = [numeric.fraction(numeric.value(side)) for side in sides]
        except TooLarge:
            return sides[0] == sides[1]
    left, right = values
    return left is None or right is None or bool(abs(left - right) * 20 <= abs(left))


def remainder(node: Node, modulus: Node | None) -> Fraction | None:
    """The remainder of a division by ``modulus``, the value without one; ``None`` if unknown."""
    try:
        value, by = _exact(node), _exact(modulus) if modulus else None
    except TooLarge:
        return None
    if modulus is None or value is None:
        return value
    return value % by if by else None


def components(node: Node, count: int) -> tuple[Node, ...]:
    """The components of ``3i + 4j`` in ``count`` dimensions; none of anything else."""
    if "j" not in symbols(node) or not 2 <= count <= 3:
        return ()
    zero, one = ("number", Fraction(0)), ("number", Fraction(1))
    node = _with_symbol_i(node)
    units = ("i", "j", "k")
    if count == 2 and "k" in symbols(node):
        return ()
    parts = tuple(
        renamed(node, {unit: one if unit == this else zero for unit in units})
        for this in units[:count]
    )
    nothing = renamed(node, dict.fromkeys(units, zero))
    return parts if _exact(nothing) == 0 else ()


def _with_symbol_i(node: Node) -> Node:
    if node == ("i",):
        return ("symbol", "i")
    return tuple(_with_symbol_i(part) if isinstance(part, tuple) else part for part in node)


def _fraction(node: Node) -> tuple[int, int] | None:
    """Numerator and denominator as they are written, also of a whole number."""
    while node[0] == "-":
        node = node[1]
    top, bottom = (node[1], node[2]) if node[0] == "/" else (node, ("number", Fraction(1)))
    sides = [side[1] if side[0] == "-" else side for side in (top, bottom)]
    if any(side[0] != "number" or side[1].denominator != 1 for side in sides):
        return None
    return sides[0][1].numerator, sides[1][1].numerator


def _factors(node: Node) -> list[Node]:
    return [*_factors(node[1]), *_factors(node[2])] if node[0] == "*" else [node]


def _is_factor(node: Node) -> bool:
    none = node[0] == "^" and node[2] == ("number", Fraction(0))
    whole = node[0] == "number" and bool(node[1].denominator == 1)
    return none or whole or node[0] == "sqrt"


def _algebra(gold: Node, answer: Node, about: Decimal | None, answer_about: Decimal | None) -> bool:
    answer = _as_named(gold, answer)
    if "log" in kinds(gold) | kinds(answer):
        return any(
            _at_points(_with_base(gold, base), _with_base(answer, base), about, answer_about)
            for base in _LOG_BASES
        )
    return _at_points(gold, answer, about, answer_about)


def _at_points(
    gold: Node, answer: Node, about: Decimal | None, answer_about: Decimal | None
) -> bool:
    from smallscale_ci.judges.mathematics import numeric

    try:
        if numeric.same(gold, answer):
            return True
        if about is None and answer_about is None:
            return False
        left, right = numeric.value(gold), numeric.value(answer)
    except (TooLarge, numeric.Undecided):
        return gold == answer
    fractions = numeric.fraction(left), numeric.fraction(right)
    if fractions[0] is None or fractions[1] is None:
        return False
    return rounded(fractions[0], fractions[1], about, answer_about, irrational=True)


def _as_named(gold: Node, answer: Node) -> Node:
    """``answer`` with the gold's name for a constant of integration, and ``i`` for ``j``."""
    ours, theirs = symbols(gold), symbols(answer)
    constants = _constant(gold), _constant(answer)
    if constants[0] and constants[1] and constants[1] not in ours and constants[0] not in theirs:
        answer = renamed(answer, {constants[1]: ("symbol", constants[0])})
    if "j" in theirs - ours and "i" in kinds(gold):
        answer = renamed(answer, {"j": ("i",)})
    letters = _period(gold), _period(answer)
    if letters[0] and letters[1]:
        answer = renamed(answer, {letters[1]: ("symbol", letters[0])})
    return answer


def _period(node: Node) -> str | None:
    r"""The only letter of ``\pi/2 + k\pi``: it stands for any whole number."""
    names = symbols(node)
    if len(names) != 1 or not names <= _WHOLE or not kinds(node) & {"pi", "degree"}:
        return None
    return next(iter(names)) if kinds(node) <= _LINEAR else None


def _constant(node: Node) -> str | None:
    """The constant of integration that is added in ``node``."""
    while node[0] == "+":
        for part in node[1:]:
            if part[0] == "symbol" and part[1] in _CONSTANTS:
                return str(part[1])
        node = node[1]
    return None


def _with_base(node: Node, base: Node) -> Node:
    """``node`` with logarithms to ``base`` where it names none."""
    parts = tuple(_with_base(part, base) if isinstance(part, tuple) else part for part in node)
    return ("/", ("ln", parts[1]), ("ln", base)) if node[0] == "log" else parts
