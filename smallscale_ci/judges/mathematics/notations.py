"""Numbers in special notations: times of day, ratios, other bases, remainders."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise

from smallscale_ci.judges.mathematics.expression import (
    Inexact,
    Node,
    TooLarge,
    exact,
    renamed,
    symbols,
)
from smallscale_ci.judges.mathematics.forms import Based, Congruence, Form, Ratio, Relation, Time
from smallscale_ci.judges.mathematics.normal import squeeze
from smallscale_ci.judges.mathematics.quantity import Scalar, Words
from smallscale_ci.judges.mathematics.values import nodes, remainder

_WHOLE = frozenset("jklmnt")  # letters that stand for any whole number


def times(gold: Time, answer: Time) -> bool:
    """The same time of day; ``3:30`` stands for 3:30 p.m., and not for 3:30 a.m."""
    if not gold.half or not answer.half:
        half_day = 12 * 3600
        same_clock = gold.seconds % half_day == answer.seconds % half_day
        late = max(gold.seconds, answer.seconds) >= half_day
        return same_clock and (gold.seconds == answer.seconds or (late and gold.half != "am"))
    return gold.seconds == answer.seconds


def full_hour(gold: Form, answer: Form, deep: bool) -> bool:
    """``7`` stands for ``7:00``, and ``4 p.m.`` for ``4``."""
    time, number = (gold, answer) if isinstance(gold, Time) else (answer, gold)
    if not isinstance(time, Time) or not isinstance(number, Scalar) or time.seconds % 3600:
        return False
    if time is answer and not time.half:
        return False
    hours = {time.seconds // 3600, time.seconds // 3600 % 12 if time.half else -1}
    hours |= {12} if time.half and time.seconds // 3600 % 12 == 0 else set()
    return any(nodes(("number", Fraction(h)), number.node, None, None, deep) for h in hours)


def ratios(gold: Form, answer: Form, deep: bool) -> bool:
    """Ratios are the same up to a factor; a ratio of two is a quotient, too."""
    if isinstance(gold, Scalar) and gold.node[0] in ("/", "-") and isinstance(answer, Ratio):
        return False  # a fraction was asked for
    sides = [_ratio_parts(form) for form in (gold, answer)]
    if sides[0] is None or sides[1] is None or len(sides[0]) != len(sides[1]):
        return False
    first, *others = zip(sides[0], sides[1], strict=True)
    return all(
        nodes(("*", first[0], right), ("*", first[1], left), None, None, deep)
        for left, right in others
    )


def _ratio_parts(form: Form) -> list[Node] | None:
    if isinstance(form, Ratio):
        return [part.node for part in form.parts if isinstance(part, Scalar)]
    if isinstance(form, Time) and form.seconds // 60 % 60 > 9:  # 3:30 is both, 3:05 is not
        parts: list[Node] = [("number", Fraction(form.seconds // 3600))]
        return [*parts, ("number", Fraction(form.seconds // 60 % 60))]
    if isinstance(form, Scalar):
        return [form.node, ("number", Fraction(1))]
    return None


def congruent(gold: Form, answer: Form) -> bool:
    """The same class of numbers; of the operation ``5 mod 7`` the remainder is meant."""
    gold, answer = _as_class(gold), _as_class(answer)
    if isinstance(gold, Congruence) and isinstance(answer, Scalar):
        gold, answer = answer, gold
    if not isinstance(gold, Congruence):
        sides = (answer.value.node, answer.modulus.node) if isinstance(answer, Congruence) else ()
        return (
            isinstance(gold, Scalar)
            and isinstance(answer, Congruence)
            and answer.operation
            and (rest := remainder(*sides)) is not None
            and rest == remainder(gold.node, None)
        )
    if not isinstance(answer, Congruence):
        return False
    names = {squeeze(side.name) for side in (gold, answer) if side.name}
    modulus = remainder(gold.modulus.node, None)
    same = modulus is not None and modulus == remainder(answer.modulus.node, None)
    values = [remainder(side.value.node, gold.modulus.node) for side in (gold, answer)]
    return same and len(names) <= 1 and values[0] is not None and values[0] == values[1]


def _as_class(form: Form) -> Form:
    """``n = 4k + 1`` as ``n ≡ 1 (mod 4)``."""
    if not isinstance(form, Relation) or form.operators != "=" or len(form.sides) != 2:
        return form
    left, right = form.sides
    if not isinstance(left, Scalar) or not isinstance(right, Scalar) or left.node[0] != "symbol":
        return form
    letters = symbols(right.node)
    if len(letters) != 1 or left.node[1] in letters or not letters <= _WHOLE:
        return form
    letter = next(iter(letters))
    try:
        values = [exact(renamed(right.node, {letter: _number(at)})) for at in range(4)]
    except (Inexact, TooLarge):
        return form
    steps = {after - before for before, after in pairwise(values)}
    if len(steps) != 1 or 0 in steps:
        return form
    rest, modulus = (Scalar(str(n), _number(n), None) for n in (values[0], abs(steps.pop())))
    return Congruence(left.text, rest, modulus, operation=False)


def _number(value: Fraction | int) -> Node:
    return ("number", Fraction(value))


def based(gold: Form, answer: Form) -> bool:
    """The same digits in the same base, which an answer may leave out."""
    if isinstance(gold, Based) and isinstance(answer, Based):
        return gold == answer
    plain = answer if isinstance(gold, Based) else gold
    digits = gold.digits if isinstance(gold, Based) else getattr(answer, "digits", "")
    if plain is gold:  # 12 is not 12 in base 5
        return isinstance(answer, Based) and answer.base == "10" and digits == squeeze(plain.text)  # type: ignore[union-attr]
    if isinstance(plain, Words):  # BEE in base 16
        return plain.words == (digits.lower(),)
    return isinstance(plain, Scalar) and squeeze(plain.text).upper() == digits
