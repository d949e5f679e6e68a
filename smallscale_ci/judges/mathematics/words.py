"""What the reader made of an answer, in words for people."""

from __future__ import annotations

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
from smallscale_ci.judges.mathematics.quantity import Opaque, Scalar, Words

_GROUPS = {"list": "list", "set": "set", "vector": "vector", "row": "row", "column": "column"}


def in_words(form: Form) -> str:  # noqa: PLR0911, PLR0912 - form by form
    """``the quantity 12 cm``, ``a set of 2: 1; 2``, ``an equation: x = 3``."""
    match form:
        case Scalar():
            return f"the quantity {_value(form)}"
        case Words():
            return f"the words “{' '.join(form.words)}”"
        case Opaque():
            return f"text that cannot be read as mathematics: {form.text}"
        case Group():
            kind = _GROUPS.get(form.kind, f"group {form.kind}")
            return f"a {kind} of {len(form.items)}: {'; '.join(map(_value, form.items))}"
        case Union():
            return " or ".join(map(in_words, form.parts))
        case Difference():
            return f"{in_words(form.whole)} without {in_words(form.removed)}"
        case Matrix():
            rows = " | ".join(", ".join(map(_value, row)) for row in form.rows)
            return f"a matrix of {len(form.rows)} rows: {rows}"
        case Relation():
            joined = form.texts[0] + "".join(
                f" {sign} {side}"
                for sign, side in zip(form.operators, form.texts[1:], strict=False)
            )
            return f"a relation: {joined}"
        case Cases():
            return "values by case: " + "; ".join(
                f"{_value(value)} {'otherwise' if when is None else f'if {_value(when)}'}"
                for value, when in form.branches
            )
        case Ratio():
            return f"a ratio: {' : '.join(map(_value, form.parts))}"
        case Time():
            return f"a time of day, {form.seconds} s after midnight or noon {form.half}".strip()
        case Based():
            return f"the digits {form.digits} in base {form.base}"
        case Congruence():
            return f"a congruence: {_value(form.value)} modulo {_value(form.modulus)}"
        case _:
            return repr(form)


def _value(form: Form) -> str:
    """A form inside another one: its text alone where it has one."""
    if isinstance(form, Scalar):
        unit = "%" if form.percent else "°" if form.degrees else ""
        return f"{form.text}{unit}{' with a unit' if form.unit else ''}"
    if isinstance(form, Words):
        return " ".join(form.words)
    return form.text if isinstance(form, Opaque) else in_words(form)
