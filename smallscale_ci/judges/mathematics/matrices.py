"""Arithmetic of matrices and vectors, entry by entry, on forms."""

from __future__ import annotations

from collections.abc import Sequence

from smallscale_ci.judges.mathematics.forms import Form, Group, Matrix
from smallscale_ci.judges.mathematics.quantity import Scalar

_VECTORS = ("vector", "()", "[]", "row", "column")


def scaled(factor: Scalar, body: Matrix | Group) -> Matrix | Group | None:
    """``factor`` times ``body``; ``None`` where an entry is no plain number."""
    rows = _rows(body)
    if not _are_plain([factor]) or not all(_are_plain(row) for row in rows):
        return None
    return _like(body, [[_product(factor, entry) for entry in row] for row in rows])


def added(first: Form, second: Form) -> Matrix | Group | None:
    """The sum of two of the same shape; ``None`` of anything else."""
    if not isinstance(first, Matrix | Group) or type(first) is not type(second):
        return None
    if isinstance(first, Group) and isinstance(second, Group) and first.kind != second.kind:
        return None
    left, right = _rows(first), _rows(second)  # type: ignore[arg-type]
    if [len(row) for row in left] != [len(row) for row in right]:
        return None
    if not all(_are_plain(row) for row in (*left, *right)):
        return None
    pairs = [zip(*rows, strict=True) for rows in zip(left, right, strict=True)]
    return _like(first, [[_sum(*pair) for pair in row] for row in pairs])


def transposed(form: Form) -> Form | None:
    """Rows as columns; what is written in a line is a row. ``None`` of anything else."""
    if isinstance(form, Matrix) and len({len(row) for row in form.rows}) == 1:
        return Matrix(tuple(zip(*form.rows, strict=True)))
    if not isinstance(form, Group) or form.kind not in _VECTORS:
        return None
    return Group("row" if form.kind == "column" else "column", form.items)


def _rows(form: Matrix | Group) -> Sequence[Sequence[Form]]:
    return form.rows if isinstance(form, Matrix) else (form.items,)


def _like(form: Matrix | Group, rows: list[list[Form]]) -> Matrix | Group:
    if isinstance(form, Matrix):
        return Matrix(tuple(tuple(row) for row in rows))
    return Group(form.kind, tuple(rows[0]))


def _are_plain(entries: Sequence[Form]) -> bool:
    return all(isinstance(e, Scalar) and not (e.unit or e.percent or e.degrees) for e in entries)


def _product(factor: Form, entry: Form) -> Form:
    assert isinstance(factor, Scalar)
    assert isinstance(entry, Scalar)
    return Scalar(f"{factor.text}*{entry.text}", ("*", factor.node, entry.node), None)


def _sum(first: Form, second: Form) -> Form:
    assert isinstance(first, Scalar)
    assert isinstance(second, Scalar)
    return Scalar(f"{first.text}+{second.text}", ("+", first.node, second.node), None)
