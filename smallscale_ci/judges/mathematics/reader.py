"""Cleaned text → its form (see ``forms``), taken apart down to its expressions.

``read`` never fails: what it cannot read becomes ``Opaque``. Nesting and numbers of parts are
bounded.
"""

from __future__ import annotations

import re
from fractions import Fraction

from smallscale_ci.judges.mathematics.brackets import OPENERS, closes_at_end, split
from smallscale_ci.judges.mathematics.builders import described, taken_apart
from smallscale_ci.judges.mathematics.forms import (
    INFINITE,
    INFINITE_LOW,
    Cases,
    Congruence,
    Difference,
    Form,
    Group,
    Matrix,
    Ratio,
    Relation,
    Union,
)
from smallscale_ci.judges.mathematics.literals import read_based, read_time
from smallscale_ci.judges.mathematics.matrices import (
    added,
    determinant,
    multiplied,
    scaled,
    transposed,
)
from smallscale_ci.judges.mathematics.normal import PLAIN_NUMBER
from smallscale_ci.judges.mathematics.numerals import number_in_words, out_of
from smallscale_ci.judges.mathematics.quantity import (
    Opaque,
    Scalar,
    read_compound,
    read_date,
    read_quantity,
)
from smallscale_ci.judges.mathematics.series import MAX_PARTS, filled

_MAX_DEPTH = 8

_RELATIONS = "=<>≤≥≠≈∈"
_THOUSANDS = re.compile(
    r"(?<![\d,.])\d{1,3}(?:,\d{3})+(?![\d,])|(?<![\d,.])\d{1,2}(?:,\d\d)+,\d{3}(?![\d,])"
)
_WORD_SEPARATOR = re.compile(r"(?<![\w\"])(and|or)(?![\w\"])")
_RATIO = re.compile(r"\s*:\s*|(?<=\d)\s*\"?\bto\b\"?\s*(?=\d)")
_INTERVAL = re.compile(r"([\[\]])([^\[\],;]+)[,;]([^\[\],;]+)([\[\]])")  # ]0, 1] as in French
_REALS = frozenset({"all real numbers", "all reals", "real numbers", "all real numbers x"})
_EXCEPT = re.compile(
    r'"?(?:all )?real(?: number)?s?(?: x)?,? (?:except|other than|but)(?: for)?\s*"?\s*([^"]+?)"?'
)
_HALF_LINE = re.compile(r"ℝ\s*[\^_]\s*\{?\s*([<>≥≤]\s*0|[-+])\s*\}?")
_HALF_LINES = {"+": "()", "-": "()", ">": "()", "<": "()", "≥": "[)", "≤": "(]"}
_SPELT = re.compile(r'(-?\d[\d,.]*)\s*"?\s*\(\s*"?([a-z][a-z -]*)"?\s*\)"?')
_TRANSPOSED = re.compile(r"(.*[)⟫\]])\s*\^\s*\{?\s*\"?(?:T|\\top)\"?\s*\}?", re.DOTALL)
_DETERMINANT = re.compile(r"(?:\\det\s*\(?|\|)\s*⟪([^⟪⟫]*)⟫\s*[)|]?")
_WHEN = re.compile(r'"\s*,?\s*(?:if|for|when|whenever)\b\s*:?\s*("?)', re.IGNORECASE)
_OTHERWISE = re.compile(r'"?\s*(?:otherwise|else|elsewhere|in all other cases)\s*"?', re.IGNORECASE)
_CONGRUENCE = re.compile(r'(?:([^≡]+?)\s*≡)?([^≡",]+)"(mod|rem)"([^≡",]+)')
_EMPTY = re.compile(
    r"none|(?:the )?empty set|(?:there (?:is|are) )?no (?:(?:real|such|valid|possible) )?"
    r"(?:solution|root|value|number|integer|pair|triple|point)s?(?: of \w)?(?: exists?)?"
    r"|(?:it |the equation )?has no (?:real )?(?:solution|root)s?|no such (?:\w+ )?exists?"
)
_MINUS_ONE = Scalar("-1", ("number", Fraction(-1)), None)


def read(text: str, *, thousands: bool = True, depth: int = 0) -> Form:
    """The form of cleaned ``text``. ``thousands``: commas may separate groups of three digits."""
    text = text.strip()
    if PLAIN_NUMBER.fullmatch(text):
        return read_quantity(text)
    if depth > _MAX_DEPTH or not text:
        return Opaque(text)
    if text.startswith('"') and text.endswith('"') and text.count('"') == 2:
        return read(text[1:-1], thousands=thousands, depth=depth + 1)
    if thousands and depth <= 1:
        text = _join_thousands(text)
    for reader in _READERS:
        form = reader(text, depth)
        if form is not None:
            return form
    return read_quantity(text)


def _join_thousands(text: str) -> str:
    """Without the commas of ``1,234``, but inside brackets, where they separate."""
    pieces, level, start = [], 0, 0
    for match in _THOUSANDS.finditer(text):
        between = text[start : match.start()]
        level += sum(between.count(c) for c in "([⦃⟨⟪") - sum(between.count(c) for c in ")]⦄⟩⟫")
        pieces += [between, match[0] if level else match[0].replace(",", "")]
        start = match.end()
    return "".join([*pieces, text[start:]])


def _special(text: str, depth: int) -> Form | None:  # noqa: PLR0911 - one for each kind
    if (literal := read_time(text) or read_based(text)) is not None:
        return literal
    if (compound := read_compound(text)) is not None:
        return compound
    if ":" in text or " to " in text or '"to"' in text:
        parts = _RATIO.split(text)
        if 2 <= len(parts) <= 6 and all(parts) and not any(c in text for c in _RELATIONS + ","):
            forms = tuple(read(part, depth=depth + 1) for part in parts)
            if all(isinstance(form, Scalar) for form in forms):
                return Ratio(forms)
    word = text.strip('"').lower()
    if text in ("∅", "⦃⦄", "⦃ ⦄") or _EMPTY.fullmatch(word):
        return Group("set", ())
    if (date := read_date(word)) is not None:
        return date
    if '"mod"' in text or '"rem"' in text:
        return _congruence(text, depth)
    return None


def _real_line(text: str, depth: int) -> Form | None:
    """All real numbers, the positive ones, all but some."""
    if "ℝ" not in text and "real" not in text.lower():
        return None
    if match := _HALF_LINE.fullmatch(text):
        return _half_line(match[1][0])
    if match := _EXCEPT.fullmatch(text):
        removed = read(match[1], depth=depth + 1)
        points = removed.items if isinstance(removed, Group) else (removed,)
        return Difference(Group("()", (INFINITE_LOW, INFINITE)), Group("set", points))
    is_line = text == "ℝ" or text.strip('"').lower() in _REALS
    return Group("()", (INFINITE_LOW, INFINITE)) if is_line else None


def _spelt(text: str, depth: int) -> Form | None:
    """``one hundred and twenty``, which is not a list, ``8 (eight)``, ``1 out of 6``."""
    word = text.strip('"').lower()
    value = number_in_words(word) if " and " in word else out_of(word)
    if value is not None:
        return Scalar(str(value), ("number", value), None)
    if "(" in text and (match := _SPELT.fullmatch(text)) and number_in_words(match[2]) is not None:
        number = read(match[1], depth=depth + 1)
        said = read(match[2], depth=depth + 1)
        same = isinstance(number, Scalar) and isinstance(said, Scalar) and number.node == said.node
        return number if same else Opaque(text)
    return None


def _half_line(sign: str) -> Group:
    zero = Scalar("0", ("number", Fraction(0)), None)
    ends = (zero, INFINITE) if sign in "+>≥" else (INFINITE_LOW, zero)
    return Group(_HALF_LINES[sign], ends)


def _congruence(text: str, depth: int) -> Form | None:
    match = _CONGRUENCE.fullmatch(text)
    if match is None:
        return None
    value, modulus = (read(match[n], depth=depth + 1) for n in (2, 4))
    if not isinstance(value, Scalar) or not isinstance(modulus, Scalar):
        return Opaque(text)
    return Congruence(match[1] or "", value, modulus, match[3] == "rem")


def _sequence(text: str, depth: int) -> Form | None:
    """A list: parts between semicolons, else commas, "and", "or"."""
    pieces = split(text, ";")
    either = False
    if len(pieces) == 1:
        marked = _WORD_SEPARATOR.sub(lambda match: "," if match[1] == "and" else "⋁", text)
        if not re.search("[⟪⧼]", text):  # 2 & 3
            marked = marked.replace("&", ",")
        pieces = split(marked, ",⋁")
        either = "⋁" in marked and len(split(marked, "⋁")) > 1
    pieces = [piece.strip() for piece in pieces if piece.strip()]
    if len(pieces) < 2:
        return read(pieces[0], depth=depth + 1) if pieces and pieces[0] != text else None
    if len(pieces) > MAX_PARTS:
        return Opaque(text)
    items = _spread(_solution(piece, depth) for piece in pieces)
    sets = all(isinstance(i, Relation) and set(i.operators) & set("<>≤≥∈") for i in items)
    return Union(items) if (either and sets) or _intervals(items) else Group("list", items)


def _solution(piece: str, depth: int) -> Form:
    """A part of a list; where parts are lists of equations themselves, each is a point."""
    form = read(piece, thousands=False, depth=depth + 1)
    relations = isinstance(form, Group) and all(isinstance(i, Relation) for i in form.items)
    return Group("()", form.items) if relations and form.kind == "list" else form  # type: ignore[union-attr]


def _intervals(items: tuple[Form, ...]) -> bool:
    """Whether these are intervals or sets of numbers, and not points and lists."""
    groups = [item for item in items if isinstance(item, Group) and len(item.items) == 2]
    return len(groups) == len(items) and any(
        item.kind in ("(]", "[)") or INFINITE in item.items or INFINITE_LOW in item.items
        for item in groups
    )


def _spread(items: object) -> tuple[Form, ...]:
    """The items; a list among them (of ``3 ± 1``) gives its own items."""
    spread: list[Form] = []
    for item in items:  # type: ignore[attr-defined]
        spread.extend(item.items if isinstance(item, Group) and item.kind == "list" else [item])
    return filled(tuple(spread))


def _set_operation(text: str, depth: int) -> Form | None:
    parts = split(text, "∪")
    if len(parts) > 1 and not any(c in text for c in "=∈<>≤≥"):
        if len(parts) > MAX_PARTS:
            return Opaque(text)
        return Union(tuple(read(part, depth=depth + 1) for part in parts))
    parts = split(text, "∖")
    if len(parts) == 2 and all(part.strip() for part in parts):
        return Difference(read(parts[0], depth=depth + 1), read(parts[1], depth=depth + 1))
    return None


def _relation(text: str, depth: int) -> Form | None:
    texts = [part.strip() for part in split(text, _RELATIONS)]
    if len(texts) == 1 or len(texts) > 12:
        return None
    operators, at = "", 0
    for part in split(text, _RELATIONS)[:-1]:
        at += len(part)
        operators += text[at]
        at += 1
    if not texts[-1] or not texts[0]:
        return Opaque(text)
    sides = tuple(read(part, depth=depth + 1) for part in texts)
    return Relation(sides, operators, tuple(texts))


def _bracketed(text: str, depth: int) -> Form | None:  # noqa: PLR0911 - one for each bracket
    if match := _INTERVAL.fullmatch(text) if text[0] == "]" or text[-1] == "[" else None:
        kind = "[("[match[1] == "]"] + "])"[match[4] == "["]
        return Group(kind, tuple(read(match[n], depth=depth + 1) for n in (2, 3)))
    if text[0] not in OPENERS or not closes_at_end(text):
        return None
    inside = text[1:-1].strip()
    if text[0] == "⟪":
        return _matrix(inside, depth)
    if text[0] == "{":
        return read(inside, depth=depth + 1)
    pair = text[0] + text[-1]
    if text[0] == "⦃" and text[-1] == "⦄":
        return _set(inside, depth)
    pieces = [piece.strip() for piece in split(inside, ",;")]
    if len(pieces) > MAX_PARTS:
        return Opaque(text)
    if pieces[0].startswith("⟪") and pair in ("()", "[]") and closes_at_end(inside):
        return read(inside, depth=depth + 1)
    if len(pieces) == 1 or not all(pieces):
        return read(inside, depth=depth + 1) if pair == "()" else None
    items = tuple(read(piece, thousands=False, depth=depth + 1) for piece in pieces)
    kind = {"⟨⟩": "vector"}.get(pair, pair)
    return Group(kind, items) if kind in ("vector", "()", "[]", "(]", "[)") else Opaque(text)


def _described(head: str, condition: str, depth: int) -> Form:
    head, domain, condition = taken_apart(head, condition)
    return described(domain, read(head, depth=depth + 1), read(condition, depth=depth + 1))


def _set(inside: str, depth: int) -> Form:
    head = split(inside, "|:")[0]
    if head != inside and head.strip():  # {x | condition}
        return _described(head.strip(), inside[len(head) + 1 :], depth)
    pieces = [piece.strip() for piece in split(inside, ",;") if piece.strip()]
    if len(pieces) > MAX_PARTS:
        return Opaque(inside)
    return Group("set", _spread(read(p, thousands=False, depth=depth + 1) for p in pieces))


def _cases(text: str, depth: int) -> Form | None:
    """Values by case: each line a value, then its condition or "otherwise"."""
    if text[0] != "⧼" or not closes_at_end(text):
        return None
    branches: list[tuple[Form, Form | None]] = []
    for line in split(text[1:-1], "⏎")[:MAX_PARTS]:
        if not line.strip():
            continue
        value, *rest = split(line, "&")
        condition = " ".join(rest).strip()
        if not rest:
            value, _, condition = _WHEN.sub(r"\g<1>⏎\g<1>", line, count=1).partition("⏎")
            if not condition and (end := re.search(r'"\s*(?:otherwise|else)\s*"\s*$', line)):
                value, condition = line[: end.start()], end[0]
        form = read(value.strip(" ,;"), depth=depth + 1)
        if _OTHERWISE.fullmatch(condition := condition.strip(" ,;.")):
            branches.append((form, None))
        elif condition := _WHEN.sub(r"\1", condition, count=1).strip(' "'):
            branches.append((form, read(condition, depth=depth + 1)))
        else:
            return Opaque(text)
    return Cases(tuple(branches)) if len(branches) > 1 else Opaque(text)


def _matrix_sum(text: str, depth: int) -> Form | None:
    """Matrices and vectors with numbers before them, added up."""
    if "⟪" not in text or not text.endswith("⟫"):
        return None
    total: Matrix | Group | None = None
    at = 0
    for term in split(text, "+-"):
        negative = at > 0 and text[at - 1] == "-"
        at += len(term) + 1
        if not term.strip():
            continue
        summand = _scaled(term.strip(), depth)
        if summand is None:
            return None
        summand = scaled(_MINUS_ONE, summand) if negative else summand
        total = summand if total is None or summand is None else added(total, summand)
        if total is None or summand is None:
            return None
    return total


def _scaled(text: str, depth: int) -> Matrix | Group | None:
    """A matrix or vector, or a product of some, perhaps with a number before it."""
    start = text.find("⟪")
    if start < 0 or not text.endswith("⟫"):
        return None
    body: Matrix | Group | None = None
    for inside in text[start + 1 : -1].split("⟫"):
        factor = _matrix(inside.lstrip(" *⟪"), depth)
        body = factor if body is None else multiplied(body, factor)
        if body is None:
            return None
    if body is None:
        return None
    before = text[:start].strip().removesuffix("*")
    if not before:
        return body
    number = read(before, depth=depth + 1)
    return scaled(number, body) if isinstance(number, Scalar) else None


def _determinant(text: str, depth: int) -> Form | None:
    """``det⟪…⟫``, as a matrix between bars is one."""
    match = _DETERMINANT.fullmatch(text)
    return determinant(_matrix(match[1], depth)) if match else None


def _transposed(text: str, depth: int) -> Form | None:
    """``(1, 2)^T``."""
    match = _TRANSPOSED.fullmatch(text)
    return transposed(read(match[1], depth=depth + 1)) if match else None


def _matrix(inside: str, depth: int) -> Group | Matrix:
    lines = [line for line in split(inside, "⏎") if line.strip()]
    rows = tuple(
        tuple(read(cell, depth=depth + 1) for cell in split(line, "&")[:MAX_PARTS])
        for line in lines[:MAX_PARTS]
    )
    if len(rows) == 1:
        return Group("row", rows[0])
    if rows and all(len(row) == 1 for row in rows):
        return Group("column", tuple(row[0] for row in rows))
    return Matrix(rows)


def _plus_minus(text: str, depth: int) -> Form | None:
    if "±" not in text and "∓" not in text:
        return None
    upper = read(text.replace("±", "+").replace("∓", "-"), depth=depth + 1)
    lower = read(text.replace("±", "-").replace("∓", "+"), depth=depth + 1)
    return Group("list", (upper, lower))


_READERS = (
    _cases,
    _special,
    _real_line,
    _spelt,
    _sequence,
    _set_operation,
    _relation,
    _bracketed,
    _matrix_sum,
    _determinant,
    _transposed,
    _plus_minus,
)
