"""What equations and conditions say: the value that is named, the set that is described."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

from smallscale_ci.judges.mathematics.expression import (
    Inexact,
    Node,
    TooLarge,
    exact,
    kinds,
    renamed,
    symbols,
)
from smallscale_ci.judges.mathematics.forms import (
    INFINITE,
    INFINITE_LOW,
    Difference,
    Form,
    Group,
    Relation,
    Union,
)
from smallscale_ci.judges.mathematics.normal import squeeze
from smallscale_ci.judges.mathematics.quantity import Opaque, Scalar, Words

_NAME = re.compile(
    r"\\?[A-Za-z]+'*(?:_\{?\"?\w{1,10}\"?\}?|\^\{?-1\}?)?(?:\([^()=]{1,20}\))?|[mM]?[∠△].*|.*_\{?△\w+\}?"
    r"|\\frac ?\{ ?d(?:\^\{?2\}?)? ?[A-Za-z] ?\} ?\{ ?d ?[a-z](?:\^\{?2\}?)? ?\}"  # dy/dx
)
_BOUND = re.compile(r"([A-Za-z]'*)(\(|_)\{?([a-z])(?:\}|\))?")
_SEGMENT = re.compile(r"\|?([A-Z])([A-Z])\|?")
_ANGLE = re.compile(r"m?(∠[A-Z]?)([A-Z])([A-Z]?)")
_FLIP = str.maketrans("<>≤≥", "><≥≤")
_VALUES = frozenset({"symbol", "apply", "sin", "cos", "tan", "ln", "log"})  # between bounds
_CURVE = frozenset("xyz")  # the unknowns of an equation that is an answer itself


def name_of(relation: Relation) -> str | None:
    """What ``x = …`` or ``f(x) = …`` names; ``None`` if the left side is an expression."""
    text = left_of(relation)
    side = relation.sides[0]
    words = isinstance(side, Words | Opaque)  # Area, m∠A
    words = words or (isinstance(side, Scalar) and side.node[0] in ("symbol", "apply"))
    if isinstance(side, Group):  # (x, y) = (1, 2)
        words = all(isinstance(i, Scalar) and i.node[0] == "symbol" for i in side.items)
    return text if words or _NAME.fullmatch(text) else None


def left_of(relation: Relation) -> str:
    """The left side in one spelling: a segment's and an angle's letters in order, no ``m∠``."""
    text = squeeze(relation.texts[0]).replace('"', "")
    if match := _SEGMENT.fullmatch(text):
        return "".join(sorted(match.groups()))
    if match := _ANGLE.fullmatch(text):
        sign, vertex, end = match.groups()
        if end and sign[1:] > end:
            return f"∠{end}{vertex}{sign[1:]}"
        return f"{sign}{vertex}{end}"
    return text


def interchangeable(gold: Relation, answer: Relation) -> bool:
    """Whether one names ``y`` and the other a function's value, as ``f(x)``."""
    sides = gold.sides[0], answer.sides[0]
    if not all(isinstance(side, Scalar) for side in sides):
        return False
    nodes = [side.node for side in sides]  # type: ignore[union-attr]
    plain = [node for node in nodes if node == ("symbol", "y")]
    applied = [node for node in nodes if node[0] == "apply" and node[2][0] == "symbol"]
    inverse = any(left_of(relation).endswith("^{-1}") for relation in (gold, answer))
    return len(plain) == 1 and (len(applied) == 1 or inverse)


def in_letter_of(gold: Relation, answer: Relation) -> Relation:
    """``f(t) = t^2`` as ``f(x) = x^2``, ``a_k = 2k`` as ``a_n = 2n``: the letter is free."""
    bound = [_bound(relation) for relation in (gold, answer)]
    if bound[0] is None or bound[1] is None or bound[0][0] != bound[1][0]:
        return answer
    letter, other = bound[0][1], bound[1][1]
    scalars = [side for side in answer.sides[1:] if isinstance(side, Scalar)]
    known = frozenset().union(*(symbols(side.node) for side in scalars))
    asked = [side.node for side in gold.sides[1:] if isinstance(side, Scalar)]
    free = other in known and any(letter in symbols(node) for node in asked)  # not f(x) = 3
    if letter == other or letter in known or not free or len(scalars) != len(answer.sides) - 1:
        return answer
    names: dict[str, Node] = {other: ("symbol", letter)}
    sides = tuple(replace(side, node=renamed(side.node, names)) for side in scalars)
    return replace(answer, sides=(gold.sides[0], *sides), texts=(gold.texts[0], *answer.texts[1:]))


def _bound(relation: Relation) -> tuple[str, str] | None:
    """``f(`` and ``x`` of ``f(x) = …``, ``a_`` and ``n`` of ``a_n = …``."""
    match = _BOUND.fullmatch(squeeze(relation.texts[0]))
    return (match[1] + match[2], match[3]) if match else None


def _subject(side: Form, text: str) -> str:
    """The unknown of ``|x - 1|``, else the side as it is written."""
    distance = isinstance(side, Scalar) and side.node[0] == "abs"
    names = symbols(side.node) if distance else frozenset()  # type: ignore[union-attr]
    return next(iter(names)) if len(names) == 1 else squeeze(text)


def value_of(form: Form) -> Form:
    """The right side of ``x = 5``, of ``5 = x`` the left; other forms are their own value."""
    if not isinstance(form, Relation) or not set(form.operators) <= set("=≈"):
        return form
    last, first = form.sides[-1], form.sides[0]
    lone = isinstance(last, Scalar) and last.node[0] == "symbol"
    return first if lone and len(form.sides) == 2 and name_of(form) is None else last


def is_equation(relation: Relation, *, asked: bool) -> bool:
    """Whether this is an equation between unknowns, which no value can stand for.

    ``a+b = 7`` says what ``a+b`` is; ``x+2y = 0`` and, where that is ``asked`` for, ``x^2+y^2 = 4``
    are lines and curves.
    """
    left, right = relation.sides[0], value_of(relation)
    if not isinstance(left, Scalar) or right is left:
        return False
    names = symbols(left.node)
    if left.node[0] in ("symbol", "apply"):  # y' = 2y
        name = left.node[1].rstrip("'")
        return name != left.node[1] and isinstance(right, Scalar) and name in symbols(right.node)
    if name_of(relation) is not None:
        return False
    if not names:
        return False
    if isinstance(right, Scalar) and (symbols(right.node) or right.node == ("number", 0)):
        return True
    curve = names & _CURVE and left.node[0] == "+"
    return bool(asked and curve and (len(names) == 1 or kinds(left.node) & {"*", "/", "^"}))


def subjects(form: Form) -> frozenset[str]:
    """What the conditions in ``form`` are about, as it is written."""
    if isinstance(form, Relation) and set(form.operators) & set("<>≤≥≠∈"):
        sides = zip(form.sides, form.texts, strict=True)
        if form.operators == "∈":
            return frozenset({squeeze(form.texts[0])})
        found = [_subject(side, text) for side, text in sides if _unknowns(side)]
        return frozenset(found[:1])
    parts: tuple[Form, ...] = ()
    if isinstance(form, Union):
        parts = form.parts
    elif isinstance(form, Group) and form.kind == "list":
        parts = form.items
    return frozenset().union(*(subjects(part) for part in parts)) if parts else frozenset()


def conditions(form: Form) -> Form | None:
    """The set of real numbers that ``x ∈ …`` or inequalities in one unknown describe."""
    if isinstance(form, Group):
        return _with_holes(form) or _between(form)
    return _described(form) if isinstance(form, Relation) else None


def _described(form: Relation) -> Form | None:  # noqa: PLR0911 - one for each shape
    if form.operators == "∈":
        return form.sides[1] if _is_value(form.sides[0]) else None
    sides, operators = form.sides, form.operators
    if any(not isinstance(side, Scalar) for side in sides):
        return None
    if operators == "≠" and _is_unknown(sides[0]):
        return _without(Group("()", (INFINITE_LOW, INFINITE)), (sides[1],))
    if not set(operators) <= set("<>≤≥"):
        return None
    if len(sides) == 2:
        if _is_unknown(sides[1]) and not _is_unknown(sides[0]):
            sides, operators = sides[::-1], operators.translate(_FLIP)
        if not _is_unknown(sides[0]) or _unknowns(sides[1]):
            return _distance(sides, operators)
        if operators in "<≤":
            return Group("()" if operators == "<" else "(]", (INFINITE_LOW, sides[1]))
        return Group("()" if operators == ">" else "[)", (sides[1], INFINITE))
    if len(sides) == 3 and _is_value(sides[1]):
        if set(operators) <= set(">≥"):
            sides, operators = sides[::-1], operators[::-1].translate(_FLIP)
        if set(operators) <= set("<≤") and not _unknowns(sides[0]) and not _unknowns(sides[2]):
            kind = "[("[operators[0] == "<"] + "])"[operators[1] == "<"]
            return Group(kind, (sides[0], sides[2]))
    return None


def _with_holes(form: Group) -> Union | None:
    """The intervals of ``x ≥ 3, x ≠ 4``."""
    relations = [item for item in form.items if isinstance(item, Relation)]
    holes = [r for r in relations if r.operators == "≠" and _is_unknown(r.sides[0])]
    rest = [r for r in relations if r not in holes]
    if form.kind != "list" or len(relations) != len(form.items) or not holes or not rest:
        return None
    if any(hole.texts[0] not in other.texts for hole in holes for other in rest):
        return None
    whole = _described(rest[0]) if len(rest) == 1 else _between(Group("list", tuple(rest)))
    if not isinstance(whole, Group) or len(whole.items) != 2 or len(whole.kind) != 2:
        return None
    return _without(whole, tuple(hole.sides[1] for hole in holes))


def _between(form: Group) -> Group | None:
    """The interval of ``x > a and x < b``."""
    pair = form.items
    if form.kind != "list" or len(pair) != 2 or not all(isinstance(i, Relation) for i in pair):
        return None
    if pair[0].texts[0] != pair[1].texts[0]:  # type: ignore[union-attr]
        return None
    rays = [conditions(item) for item in pair]
    if not all(isinstance(ray, Group) and len(ray.items) == 2 for ray in rays):
        return None
    above = [ray for ray in rays if ray.items[1] is INFINITE]  # type: ignore[union-attr]
    below = [ray for ray in rays if ray.items[0] is INFINITE_LOW]  # type: ignore[union-attr]
    if len(above) != 1 or len(below) != 1:
        return None
    kind = above[0].kind[0] + below[0].kind[1]  # type: ignore[union-attr]
    return Group(kind, (above[0].items[0], below[0].items[1]))  # type: ignore[union-attr]


def punctured(form: Difference) -> Union | None:
    """The intervals that are left of one without finitely many points inside it."""
    whole, removed = form.whole, form.removed
    is_interval = isinstance(whole, Group) and len(whole.items) == 2 and len(whole.kind) == 2
    if not is_interval or not isinstance(removed, Group) or removed.kind != "set":
        return None
    return _without(whole, removed.items)  # type: ignore[arg-type]


def _without(whole: Group, points: tuple[Form, ...]) -> Union | None:
    try:
        ordered = sorted(points, key=lambda point: exact(point.node))  # type: ignore[union-attr]
    except (Inexact, TooLarge, AttributeError):
        if len(points) != 1:
            return None
        ordered = list(points)
    pairs = list(pairwise([whole.items[0], *ordered, whole.items[1]]))
    kinds = ["()" for _ in pairs]
    kinds[0] = whole.kind[0] + ")"
    kinds[-1] = kinds[-1][0] + whole.kind[1]
    return Union(tuple(Group(kind, pair) for kind, pair in zip(kinds, pairs, strict=True)))


def _distance(sides: tuple[Form, ...], operator: str) -> Form | None:
    """``|x - m| < a`` and ``|x - m| > a``."""
    left, right = sides
    if not isinstance(left, Scalar) or not isinstance(right, Scalar) or _unknowns(right):
        return None
    middle = _middle(left.node[1]) if left.node[0] == "abs" else None
    if middle is None:
        return None
    low = Scalar(f"-{right.text}", ("-", right.node), None)
    if middle:
        centre = ("number", middle)
        low = Scalar(low.text, ("+", centre, low.node), None)
        right = Scalar(right.text, ("+", centre, right.node), None)
    if operator in "<≤":
        return Group("()" if operator == "<" else "[]", (low, right))
    open_ends = operator == ">"
    below = Group("()" if open_ends else "(]", (INFINITE_LOW, low))
    return Union((below, Group("()" if open_ends else "[)", (right, INFINITE))))


def _middle(node: Node) -> Fraction | None:
    """``m`` of ``x - m`` or ``m - x``; ``None`` of anything else."""
    names = symbols(node)
    if len(names) != 1 or kinds(node) - {"symbol", "number", "+", "-"}:
        return None
    (name,) = names
    ends = [exact(renamed(node, {name: ("number", Fraction(n))})) for n in (0, 1)]
    slope = ends[1] - ends[0]
    return -ends[0] / slope if abs(slope) == 1 else None


def _is_unknown(form: Form) -> bool:
    return isinstance(form, Scalar) and form.node[0] == "symbol"


def _is_value(form: Form) -> bool:
    """A name, or a function's value."""
    return isinstance(form, Scalar) and form.node[0] in _VALUES


def _unknowns(form: Form) -> bool:
    return isinstance(form, Scalar) and bool(symbols(form.node))
