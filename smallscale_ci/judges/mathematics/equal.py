"""Whether two forms mean the same: gold on the left, answer on the right.

``deep`` allows the comparisons that need algebra (``numeric``); without it ``NeedsAlgebra`` is
raised where one is reached, and everything else takes time bounded by the sizes of the forms.
"""

from __future__ import annotations

from fractions import Fraction
from itertools import product

from smallscale_ci.judges.mathematics.expression import Inexact, Node, TooLarge, exact
from smallscale_ci.judges.mathematics.forms import (
    Based,
    Difference,
    Form,
    Group,
    Matrix,
    Ratio,
    Relation,
    Time,
    Union,
)
from smallscale_ci.judges.mathematics.normal import squeeze
from smallscale_ci.judges.mathematics.quantity import Decimal, Opaque, Scalar, Words
from smallscale_ci.judges.mathematics.relations import (
    conditions,
    name_of,
    punctured,
    value_of,
    values_of,
)

_ORDERED = {"()", "[]", "(]", "[)", "vector"}
_HUNDRED: Node = ("number", Fraction(100))


class NeedsAlgebra(Exception):  # noqa: N818 - a request, caught nearby
    """The question cannot be decided by exact arithmetic and structure alone."""


def equal(gold: Form, answer: Form, *, deep: bool) -> bool:
    """Whether ``answer`` means what ``gold`` means. Raises ``NeedsAlgebra`` unless ``deep``."""
    if isinstance(gold, Relation) or isinstance(answer, Relation):
        return _relations(gold, answer, deep)
    if isinstance(gold, Difference) or isinstance(answer, Difference):
        return _differences(gold, answer, deep)
    if isinstance(gold, Union) or isinstance(answer, Union):
        return _unions(gold, answer, deep)
    if isinstance(gold, Matrix) or isinstance(answer, Matrix):
        return _matrices(_rows(gold), _rows(answer), deep)
    if isinstance(gold, Group) or isinstance(answer, Group):
        return _groups(gold, answer, deep)
    return _simple(gold, answer, deep)


def _simple(gold: Form, answer: Form, deep: bool) -> bool:  # noqa: PLR0911 - one for each kind
    if isinstance(gold, Scalar) and isinstance(answer, Scalar):
        return _scalars(gold, answer, deep)
    if isinstance(gold, Time) and isinstance(answer, Time):
        return _times(gold, answer)
    if isinstance(gold, Ratio) or isinstance(answer, Ratio):
        return _ratios(gold, answer, deep)
    if isinstance(gold, Based) or isinstance(answer, Based):
        return _based(gold, answer)
    if isinstance(gold, Words) and isinstance(answer, Words):
        return gold.words == answer.words
    if isinstance(gold, Words) and isinstance(answer, Scalar):  # a letter, a name of one letter
        return gold.words == (squeeze(answer.text).lower(),)
    if isinstance(gold, Opaque) and isinstance(answer, Opaque):
        return squeeze(gold.text) == squeeze(answer.text)
    return False


def _scalars(gold: Scalar, answer: Scalar, deep: bool) -> bool:
    left, right = gold.node, answer.node
    if gold.unit and answer.unit:
        if gold.unit.dimensions != answer.unit.dimensions:
            return False
        if gold.unit.size != answer.unit.size:
            left = ("*", left, ("number", gold.unit.size))
            right = ("*", right, ("number", answer.unit.size))
            return _nodes(left, right, None, None, deep)
    if gold.percent != answer.percent:
        other = gold.degrees or answer.degrees or gold.unit or answer.unit
        return not other and _percentages(gold, answer, deep)
    radians = (gold.degrees and _is_radian(answer)) or (answer.degrees and _is_radian(gold))
    if not radians and _nodes(left, right, gold.decimal, answer.decimal, deep):
        return True
    if gold.degrees != answer.degrees:  # one in degrees, the other in radians
        if gold.degrees:
            left = ("*", left, ("degree",))
        else:
            right = ("*", right, ("degree",))
        return (radians or ("pi" in repr(left)) != ("pi" in repr(right))) and _nodes(
            left, right, None, None, deep
        )
    return False


def _is_radian(side: Scalar) -> bool:
    return side.unit is not None and side.unit.dimensions == (("radian", 1),)


def _percentages(gold: Scalar, answer: Scalar, deep: bool) -> bool:
    """A percent sign may be left out, and a share may be given for a percentage."""
    if gold.percent:
        return _nodes(gold.node, answer.node, gold.decimal, answer.decimal, deep) or _nodes(
            ("/", gold.node, _HUNDRED), answer.node, None, answer.decimal, deep
        )
    if _nodes(gold.node, ("/", answer.node, _HUNDRED), gold.decimal, None, deep):
        return True
    try:
        share = exact(gold.node) < 1
    except (Inexact, TooLarge):
        share = False
    return not share and _nodes(gold.node, answer.node, gold.decimal, answer.decimal, deep)


def _nodes(
    gold: Node, answer: Node, about: Decimal | None, answer_about: Decimal | None, deep: bool
) -> bool:
    """Whether two trees have the same value, where one is a decimal up to its rounding."""
    values: list[Fraction | None] = []
    for node in (gold, answer):
        try:
            values.append(exact(node))
        except Inexact:
            values.append(None)
        except TooLarge:
            return gold == answer
    left, right = values
    if left is not None and right is not None:
        return left == right or _rounded(left, right, about, answer_about)
    if not deep:
        raise NeedsAlgebra
    return _algebra(gold, answer, about, answer_about)


def _algebra(gold: Node, answer: Node, about: Decimal | None, answer_about: Decimal | None) -> bool:
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
    return _rounded(fractions[0], fractions[1], about, answer_about, irrational=True)


def _rounded(
    gold: Fraction,
    answer: Fraction,
    about: Decimal | None,
    answer_about: Decimal | None,
    *,
    irrational: bool = False,
) -> bool:
    """Whether one is a decimal approximation of the other that people accept.

    Two decimals: the shorter has five digits and is the longer one rounded, or they differ by
    the noise of floating point. A decimal for an exact value that has no short decimal: six
    digits, correct to the last (rounded or cut off). An exact value that has no short decimal for
    a decimal gold: the gold is its rounding, to four digits or more.
    """
    gap = abs(gold - answer)
    if about and answer_about:
        coarse = max(about, answer_about, key=lambda decimal: decimal.last_place)
        noise = max(about.digits, answer_about.digits) >= 14 and gap <= abs(gold) / 10**12
        return noise or (coarse.digits >= 5 and gap * 2 <= coarse.last_place)
    if answer_about:
        if not irrational and _is_short(gold):
            return answer_about.digits >= 10 and gap <= abs(gold) / 10**9
        return answer_about.digits >= 6 and gap < answer_about.last_place
    if about:
        exact_answer = not irrational and _is_short(answer)
        return not exact_answer and about.digits >= 4 and gap * 2 <= about.last_place
    return False


def _is_short(value: Fraction) -> bool:
    """Whether a person would write ``value`` as a decimal in full: at most six places."""
    return (value * 10**6).denominator == 1


def _times(gold: Time, answer: Time) -> bool:
    if not gold.half or not answer.half:  # "3:30" for 3:30 p.m.
        half_day = 12 * 3600
        same_clock = gold.seconds % half_day == answer.seconds % half_day
        late = max(gold.seconds, answer.seconds) >= half_day
        return same_clock and (gold.seconds == answer.seconds or (late and gold.half != "am"))
    return gold.seconds == answer.seconds


def _ratios(gold: Form, answer: Form, deep: bool) -> bool:
    """Ratios are the same up to a factor; a ratio of two is a quotient, too."""
    sides = [_ratio_parts(form) for form in (gold, answer)]
    if sides[0] is None or sides[1] is None or len(sides[0]) != len(sides[1]):
        return False
    first, *others = zip(sides[0], sides[1], strict=True)
    return all(
        _nodes(("*", first[0], right), ("*", first[1], left), None, None, deep)
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


def _based(gold: Form, answer: Form) -> bool:
    if isinstance(gold, Based) and isinstance(answer, Based):
        return gold == answer
    plain = answer if isinstance(gold, Based) else gold
    digits = gold.digits if isinstance(gold, Based) else getattr(answer, "digits", "")
    if isinstance(plain, Words):  # BEE in base 16
        return plain.words == (digits.lower(),)
    return isinstance(plain, Scalar) and squeeze(plain.text).upper() == digits


def _groups(gold: Form, answer: Form, deep: bool) -> bool:
    if not isinstance(gold, Group) or not isinstance(answer, Group):
        group, other = (gold, answer) if isinstance(gold, Group) else (answer, gold)
        same = isinstance(group, Group) and group.kind in ("list", "set")  # 1/2 or 0.5
        items = group.items if isinstance(group, Group) else ()
        if len(items) != 1 and (group is gold or not same):
            return False
        pairs = ((item, other) if group is gold else (other, item) for item in items)
        return bool(items) and all(equal(*pair, deep=deep) for pair in pairs)
    if answer.kind == "list" != gold.kind and (interval := conditions(answer)) is not None:
        return equal(gold, interval, deep=deep)
    if {gold.kind, answer.kind} <= {"list", "set"}:
        return _unordered(
            gold.items, answer.items, deep, repeats="set" not in (gold.kind, answer.kind)
        )
    if gold.kind == "list" and answer.kind == "[]":  # a Python list
        return _unordered(gold.items, answer.items, deep, repeats=True)
    same_shape = gold.kind == answer.kind or {gold.kind, answer.kind} <= {"()", "vector", "list"}
    if len(gold.items) != 2 and {gold.kind, answer.kind} <= {"()", "vector", "[]"}:
        same_shape = True  # no interval
    return same_shape and _ordered(gold.items, answer.items, deep)


def _rows(form: Form) -> tuple[tuple[Form, ...], ...]:
    """The rows of a matrix, also as Python writes it; none of anything else."""
    if isinstance(form, Matrix):
        return form.rows
    rows = form.items if isinstance(form, Group) and form.kind == "[]" else ()
    found = tuple(row.items for row in rows if isinstance(row, Group) and row.kind == "[]")
    return found if len(found) == len(rows) else ()


def _matrices(
    gold: tuple[tuple[Form, ...], ...], answer: tuple[tuple[Form, ...], ...], deep: bool
) -> bool:
    pairs = zip(gold, answer, strict=False)
    return len(gold) == len(answer) and all(_ordered(*pair, deep) for pair in pairs)


def _ordered(gold: tuple[Form, ...], answer: tuple[Form, ...], deep: bool) -> bool:
    if len(gold) != len(answer):
        return False
    pairs = zip(gold, answer, strict=True)
    return all(equal(value_of(left), value_of(right), deep=deep) for left, right in pairs)


def _unordered(
    gold: tuple[Form, ...], answer: tuple[Form, ...], deep: bool, *, repeats: bool
) -> bool:
    """Whether each finds its partner. Without ``repeats`` equal items count once."""
    if repeats and len(gold) != len(answer):
        return False
    left = list(answer)
    for item in gold:
        partner = _partner(item, left, deep)
        if partner is None:
            if repeats or _partner(item, list(answer), deep) is None:
                return False
        else:
            left.pop(partner)
    return not left or all(_partner(item, list(gold), deep) is not None for item in left)


def _partner(item: Form, among: list[Form], deep: bool) -> int | None:
    unsure = False
    for place, other in enumerate(among):
        try:
            if equal(item, other, deep=deep):
                return place
        except NeedsAlgebra:
            unsure = True
    if unsure:
        raise NeedsAlgebra
    return None


def _unions(gold: Form, answer: Form, deep: bool) -> bool:
    sides = [form.parts if isinstance(form, Union) else (form,) for form in (gold, answer)]
    parts = [tuple(conditions(part) or part for part in side) for side in sides]
    flat = [
        tuple(p for part in side for p in (part.parts if isinstance(part, Union) else (part,)))
        for side in parts
    ]
    return _unordered(flat[0], flat[1], deep, repeats=True)


def _differences(gold: Form, answer: Form, deep: bool) -> bool:
    if isinstance(gold, Difference) and isinstance(answer, Difference):
        return equal(gold.whole, answer.whole, deep=deep) and equal(
            gold.removed, answer.removed, deep=deep
        )
    difference, other = (gold, answer) if isinstance(gold, Difference) else (answer, gold)
    line = punctured(difference) if isinstance(difference, Difference) else None
    return line is not None and equal(line, other, deep=deep)


def _relations(gold: Form, answer: Form, deep: bool) -> bool:
    sets = [conditions(form) for form in (gold, answer)]
    if sets[0] is not None or sets[1] is not None:
        left, right = sets[0] or gold, sets[1] or answer
        if not isinstance(left, Relation) and not isinstance(right, Relation):
            return equal(left, right, deep=deep)
    if isinstance(gold, Relation) and isinstance(answer, Relation):
        return _two_relations(gold, answer, deep)
    relation = gold if isinstance(gold, Relation) else answer
    if not isinstance(relation, Relation) or not set(relation.operators) <= set("=≈"):
        return False
    if relation is gold and name_of(relation) is None and len(values_of(gold)) == 1:
        return False
    return _any_value(gold, answer, deep)


def _any_value(gold: Form, answer: Form, deep: bool) -> bool:
    pairs = product(values_of(gold), values_of(answer))
    return any(equal(left, right, deep=deep) for left, right in pairs)


def _two_relations(gold: Relation, answer: Relation, deep: bool) -> bool:
    if _name_the_same(gold, answer) and _any_value(gold, answer, deep):
        return True
    if len(gold.sides) != len(answer.sides):
        return False
    if gold.operators == answer.operators and _ordered(gold.sides, answer.sides, deep):
        return True
    if len(gold.sides) != 2 or not all(isinstance(s, Scalar) for s in gold.sides + answer.sides):
        return False
    if not deep:
        raise NeedsAlgebra
    return _same_condition(gold, answer)


def _name_the_same(gold: Relation, answer: Relation) -> bool:
    """Two plain names must agree; ``y`` and ``f(x)`` may stand for each other."""
    if not set(gold.operators + answer.operators) <= set("=≈"):
        return False
    left, right = name_of(gold), name_of(answer)
    if left is None or right is None:
        return False
    return left == right or not (left.isalpha() and right.isalpha())


def _same_condition(gold: Relation, answer: Relation) -> bool:
    """Equations and inequalities are the same when one is a multiple of the other."""
    from smallscale_ci.judges.mathematics import numeric

    flip = str.maketrans("<>≤≥", "><≥≤")
    sides = [
        ("+", relation.sides[0].node, ("-", relation.sides[1].node))  # type: ignore[union-attr]
        for relation in (gold, answer)
    ]
    try:
        sign = numeric.proportional(sides[0], sides[1])
    except (TooLarge, numeric.Undecided):
        return False
    if sign == 0:
        return False
    operators = answer.operators if sign > 0 else answer.operators.translate(flip)
    return gold.operators == operators
