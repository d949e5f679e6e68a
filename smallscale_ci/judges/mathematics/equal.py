"""Whether two forms mean the same: gold on the left, answer on the right.

``deep`` allows the comparisons that need algebra (``numeric``); without it ``NeedsAlgebra`` is
raised where one is reached, and everything else takes time bounded by the sizes of the forms.
"""

from __future__ import annotations

from itertools import product

from smallscale_ci.judges.mathematics.expression import TooLarge, functions, resolved, symbols
from smallscale_ci.judges.mathematics.forms import (
    Based,
    Cases,
    Congruence,
    Difference,
    Form,
    Group,
    Matrix,
    Ratio,
    Relation,
    Time,
    Union,
)
from smallscale_ci.judges.mathematics.intervals import real_set
from smallscale_ci.judges.mathematics.matrices import is_plain
from smallscale_ci.judges.mathematics.normal import squeeze
from smallscale_ci.judges.mathematics.notations import based, congruent, full_hour, ratios, times
from smallscale_ci.judges.mathematics.numerals import ORDINALS
from smallscale_ci.judges.mathematics.piecewise import as_expression, same_cases
from smallscale_ci.judges.mathematics.quantity import Opaque, Scalar, Words, product_of
from smallscale_ci.judges.mathematics.relations import (
    conditions,
    in_letter_of,
    interchangeable,
    is_equation,
    left_of,
    punctured,
    subjects,
    value_of,
)
from smallscale_ci.judges.mathematics.values import (
    NeedsAlgebra,
    about_equal,
    components,
    nodes,
    other_things,
    scalars,
)

_FLIP = str.maketrans("<>≤≥", "><≥≤")
_LINES = {"row", "column"}
_FAMILIES = ("xyz", "abcd", "pqr", "mn", "uvw")


def equal(gold: Form, answer: Form, *, deep: bool) -> bool:  # noqa: PLR0911 - one for each kind
    """Whether ``answer`` means what ``gold`` means. Raises ``NeedsAlgebra`` unless ``deep``."""
    if isinstance(gold, Relation) or isinstance(answer, Relation):
        if isinstance(gold, Congruence) or isinstance(answer, Congruence):
            return congruent(gold, answer)
        return _relations(gold, answer, deep)
    if isinstance(gold, Cases) or isinstance(answer, Cases):
        return _cases(gold, answer, deep)
    if isinstance(gold, Union | Difference) or isinstance(answer, Union | Difference):
        if len(subjects(gold) | subjects(answer)) > 1:
            return _unordered_parts(gold, answer, deep)
        sets = real_set(gold), real_set(answer)
        if sets[0] is not None and sets[1] is not None:
            return sets[0] == sets[1]
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
        return not other_things(gold, answer) and scalars(gold, answer, deep)
    if isinstance(gold, Time) and isinstance(answer, Time):
        return times(gold, answer)
    if isinstance(gold, Time) or isinstance(answer, Time):
        return full_hour(gold, answer, deep) or ratios(gold, answer, deep)
    if isinstance(gold, Ratio) or isinstance(answer, Ratio):
        return ratios(gold, answer, deep)
    if isinstance(gold, Congruence) or isinstance(answer, Congruence):
        return congruent(gold, answer)
    if isinstance(gold, Based) or isinstance(answer, Based):
        return based(gold, answer)
    if isinstance(gold, Words) and isinstance(answer, Words) and gold.words == answer.words:
        return True
    products = product_of(gold), product_of(answer)  # ab and ba, a·b and ab
    left, right = products
    if left and right and (isinstance(gold, Words) or isinstance(answer, Words)):
        return nodes(left, right, None, None, deep)
    if isinstance(gold, Words) and gold.words == ("infinitely", "many"):
        return isinstance(answer, Scalar) and answer.node == ("infinity",)
    if _place(gold) is not None and _place(gold) == _place(answer):  # second, 2 or 2nd
        return True
    if isinstance(gold, Words) and isinstance(answer, Scalar):  # a letter, a name of one letter
        return gold.words == (squeeze(answer.text).lower(),)
    if isinstance(gold, Opaque) and isinstance(answer, Opaque):
        return squeeze(gold.text) == squeeze(answer.text)
    return False


def _cases(gold: Form, answer: Form, deep: bool) -> bool:
    if isinstance(gold, Cases) and isinstance(answer, Cases):
        return same_cases(gold, answer, lambda left, right: equal(left, right, deep=deep))
    cases, other = (gold, answer) if isinstance(gold, Cases) else (answer, gold)
    if not isinstance(cases, Cases) or not isinstance(other, Scalar):
        return False
    return as_expression(cases, other, deep=deep)


def _place(form: Form) -> int | None:
    """The place in an order that a whole number or a word names."""
    if isinstance(form, Words) and len(form.words) == 1:
        return ORDINALS.get(form.words[0])
    plain = isinstance(form, Scalar) and is_plain(form) and form.node[0] == "number"
    return form.node[1] if plain else None  # type: ignore[union-attr]


def _groups(gold: Form, answer: Form, deep: bool) -> bool:  # noqa: PLR0911 - one for each kind
    if not isinstance(gold, Group) or not isinstance(answer, Group):
        return _group_and_other(gold, answer, deep)
    if "set" in (gold.kind, answer.kind) and gold.kind != answer.kind:
        sides = _only_item(gold), _only_item(answer)
        if sides != (gold, answer):
            return equal(*sides, deep=deep)
    if answer.kind == "list" != gold.kind and (interval := conditions(answer)) is not None:
        return equal(gold, interval, deep=deep)
    kinds = {gold.kind, answer.kind}
    if kinds <= {"list", "set"} and _are_named(gold) != _are_named(answer):
        return _ordered(_by_name(gold.items), _by_name(answer.items), deep)
    if kinds <= {"list", "set"}:
        points = all(isinstance(item, Group) for item in gold.items)  # solutions
        return _unordered(gold.items, answer.items, deep, repeats="set" not in kinds and not points)
    if gold.kind == "list" and answer.kind == "[]":  # a Python list
        return _unordered(gold.items, answer.items, deep, repeats=True)
    if not _same_shape(gold, answer) or _values_of_one(gold) or _values_of_one(answer):
        return False
    return _ordered(_by_name(gold.items), _by_name(answer.items), deep)


def _same_shape(gold: Group, answer: Group) -> bool:
    kinds = {gold.kind, answer.kind}
    if len(kinds) == 1 or (kinds <= {"()", "vector", "list", *_LINES} and kinds != _LINES):
        return True
    loose = len(gold.items) != 2 or kinds & _LINES  # no interval
    return bool(loose) and kinds <= {"()", "vector", "[]", "list", *_LINES} and kinds != _LINES


def _values_of_one(group: Group) -> bool:
    """Whether it is ``x = 1, x = 2``: several values, and no point."""
    names = {left_of(item) if isinstance(item, Relation) else "" for item in group.items}
    return len(group.items) > len(names) == 1 and "" not in names


def _only_item(group: Group) -> Form:
    """The point of ``{(1, 2)}``."""
    return group.items[0] if group.kind == "set" and len(group.items) == 1 else group


def _are_named(group: Group) -> bool:
    """Whether each item says of what it is the value, and no two of the same."""
    names = {left_of(item) for item in group.items if isinstance(item, Relation)}
    return len(names) == len(group.items) > 1


def _by_name(items: tuple[Form, ...]) -> tuple[Form, ...]:
    """``y = 2, x = 1`` in the order of the names, where these are letters of one family."""
    names = [left_of(item) if isinstance(item, Relation) else "" for item in items]
    families = [family for family in _FAMILIES if set(names) <= set(family)]
    if not families or len(set(names)) < len(names):
        return items
    return tuple(item for _, item in sorted(zip(names, items, strict=True), key=lambda p: p[0]))


def _group_and_other(gold: Form, answer: Form, deep: bool) -> bool:
    group, other = (gold, answer) if isinstance(gold, Group) else (answer, gold)
    if not isinstance(group, Group):
        return False
    if isinstance(other, Scalar) and (parts := components(other.node, len(group.items))):
        found = tuple(Scalar("", part, None) for part in parts)
        left, right = (group.items, found) if group is gold else (found, group.items)
        return group.kind in ("()", "vector", *_LINES) and _ordered(left, right, deep)
    if isinstance(other, Words) and other is gold and other.words in (("yes",), ("no",)):
        return _only_says(other, group)
    same = group.kind in ("list", "set")  # 1/2 or 0.5
    if len(group.items) != 1 and (group is gold or not same):
        return False
    both = ((item, other) if group is gold else (other, item) for item in group.items)
    return bool(group.items) and all(equal(*pair, deep=deep) for pair in both)


def _only_says(gold: Words, answer: Group) -> bool:
    """``Yes, it converges`` for ``Yes``, where nothing else in it says no."""
    if not answer.items:
        return False
    first, *others = answer.items
    other = {"yes": "no", "no": "yes"}[gold.words[0]]
    words = [
        item.words if isinstance(item, Words) else tuple(item.text.split())  # "it is" looks so
        for item in others
        if isinstance(item, Words) or (isinstance(item, Scalar) and symbols(item.node))
    ]
    return first == gold and len(words) == len(others) and all(other not in w for w in words)


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


def _unordered_parts(gold: Form, answer: Form, deep: bool) -> bool:
    """Conditions on several unknowns, part by part."""
    sides = [form.parts if isinstance(form, Union) else (form,) for form in (gold, answer)]
    return _unordered(sides[0], sides[1], deep, repeats=True)


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
    about = subjects(gold), subjects(answer)
    if (
        sets[0] is not None
        and sets[1] is not None
        and about[0]
        and about[1]
        and about[0] != about[1]
    ):
        return False
    if (sets[0] is not None or sets[1] is not None) and max(map(len, about)) <= 1:
        left, right = sets[0] or gold, sets[1] or answer
        if not isinstance(left, Relation) and not isinstance(right, Relation):
            return equal(left, right, deep=deep)
    if isinstance(gold, Relation) and isinstance(answer, Relation):
        return _two_relations(gold, answer, deep)
    relation = gold if isinstance(gold, Relation) else answer
    if not isinstance(relation, Relation) or not set(relation.operators) <= set("=≈"):
        return False
    if is_equation(relation, asked=relation is gold):
        return False
    return _any_value(gold, answer, deep)


def _any_value(gold: Form, answer: Form, deep: bool) -> bool:
    pairs = product(_values(gold, deep), _values(answer, deep))
    return any(equal(left, right, deep=deep) for left, right in pairs)


def _values(form: Form, deep: bool) -> tuple[Form, ...]:
    """What ``form`` says: of ``x = 50/7 ≈ 7.14`` both; of ``3 ≈ 5``, which is not so, nothing."""
    value = value_of(form)
    if not isinstance(form, Relation) or value is form:
        return (value,)
    before = form.sides[-2] if value is form.sides[-1] else form.sides[-1]
    if not isinstance(before, Scalar) or not isinstance(value, Scalar):
        return (value,)
    if symbols(before.node) or symbols(value.node):
        return (value,)
    return (before, value) if about_equal(before, value, deep) else ()


def _two_relations(gold: Relation, answer: Relation, deep: bool) -> bool:
    statements = set(gold.operators + answer.operators) <= set("=≈")
    answer = in_letter_of(gold, answer)
    alike = statements and (_same_left(gold, answer, deep) or interchangeable(gold, answer))
    if alike and _any_value(gold, answer, deep):
        return True
    if len(gold.sides) != len(answer.sides):
        return False
    if gold.operators == answer.operators and _ordered(gold.sides, answer.sides, deep):
        return True
    turned = statements or gold.operators == answer.operators[::-1].translate(_FLIP)  # c > b > a
    if turned and _ordered(gold.sides, answer.sides[::-1], deep):
        return True
    if len(gold.sides) != 2 or not all(isinstance(s, Scalar) for s in gold.sides + answer.sides):
        return False
    if not deep:
        raise NeedsAlgebra
    return _same_condition(gold, answer)


def _same_left(gold: Relation, answer: Relation, deep: bool) -> bool:
    """Whether both speak of the same thing."""
    if left_of(gold) == left_of(answer):
        return True
    left, right = gold.sides[0], answer.sides[0]
    if not isinstance(left, Scalar) or not isinstance(right, Scalar):
        return isinstance(left, Group) and equal(left, right, deep=deep)
    return symbols(left.node) == symbols(right.node) and scalars(left, right, deep)


def _same_condition(gold: Relation, answer: Relation) -> bool:
    """Equations and inequalities are the same when one is a multiple of the other."""
    from smallscale_ci.judges.mathematics import numeric

    sides = [
        ("+", relation.sides[0].node, ("-", relation.sides[1].node))  # type: ignore[union-attr]
        for relation in (gold, answer)
    ]
    names = functions(sides[0]) | functions(sides[1])
    sides = [resolved(side, names) for side in sides]
    try:
        sign = numeric.proportional(sides[0], sides[1])
    except (TooLarge, numeric.Undecided):
        return False
    if sign == 0:
        return False
    operators = answer.operators if sign > 0 else answer.operators.translate(_FLIP)
    return gold.operators == operators
