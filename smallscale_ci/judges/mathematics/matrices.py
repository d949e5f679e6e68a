"""Arithmetic of matrices and vectors, entry by entry, on forms."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from smallscale_ci.judges.mathematics.forms import Form, Group, Matrix
from smallscale_ci.judges.mathematics.quantity import Scalar

_LARGEST = 4  # rows of a determinant
_VECTORS = ("vector", "()", "[]", "row", "column")


def scaled(factor: Scalar, body: Matrix | Group) -> Matrix | Group | None:
    """``factor`` times ``body``; ``None`` if an entry is not a plain number."""
    rows = _plain(body)
    if rows is None or not is_plain(factor):
        return None
    return _like(body, [[_product(factor, entry) for entry in row] for row in rows])


def added(first: Matrix | Group, second: Matrix | Group) -> Matrix | Group | None:
    """The sum of two of the same shape; ``None`` of anything else."""
    left, right = _plain(first), _plain(second)
    if left is None or right is None or [len(row) for row in left] != [len(row) for row in right]:
        return None
    kinds = {form.kind if isinstance(form, Group) else "" for form in (first, second)}
    if len(kinds) > 1:
        return None
    pairs = [zip(*rows, strict=True) for rows in zip(left, right, strict=True)]
    return _like(first, [[_sum(*pair) for pair in row] for row in pairs])


def multiplied(first: Matrix | Group, second: Matrix | Group) -> Matrix | Group | None:
    """The product of matrices, rows and columns; ``None`` if they do not fit."""
    left, right = _oriented(first), _oriented(second)
    if left is None or right is None or {len(row) for row in left} != {len(right)}:
        return None
    columns = list(zip(*right, strict=True))
    rows = [[_inner(row, column) for column in columns] for row in left]
    if isinstance(first, Matrix) and isinstance(second, Matrix):
        return Matrix(tuple(tuple(row) for row in rows))
    if len(columns) == 1:
        return Group("column", tuple(row[0] for row in rows))
    return Group("row", tuple(rows[0])) if len(rows) == 1 else None


def transposed(form: Form) -> Form | None:
    """Rows as columns; what is written in a line is a row. ``None`` of anything else."""
    if isinstance(form, Matrix) and len({len(row) for row in form.rows}) == 1:
        return Matrix(tuple(zip(*form.rows, strict=True)))
    if not isinstance(form, Group) or form.kind not in _VECTORS:
        return None
    return Group("row" if form.kind == "column" else "column", form.items)


def determinant(form: Form) -> Scalar | None:
    """Of a square matrix of plain entries, up to ``_LARGEST`` rows; ``None`` of anything else."""
    rows = _plain(form) if isinstance(form, Matrix) else None
    if rows is None or len(rows) > _LARGEST or any(len(row) != len(rows) for row in rows):
        return None
    return _expanded(rows)


def _expanded(rows: list[list[Scalar]]) -> Scalar:
    """By the first row (Laplace)."""
    if len(rows) == 1:
        return rows[0][0]
    terms = []
    for at, entry in enumerate(rows[0]):
        minor = _expanded([row[:at] + row[at + 1 :] for row in rows[1:]])
        term = _product(entry, minor)
        terms.append(Scalar(f"-{term.text}", ("-", term.node), None) if at % 2 else term)
    return functools.reduce(_sum, terms)


def _rows(form: Matrix | Group) -> Sequence[Sequence[Form]]:
    return form.rows if isinstance(form, Matrix) else (form.items,)


def _plain(form: Matrix | Group) -> list[list[Scalar]] | None:
    """The rows, where all entries are plain numbers or expressions."""
    rows = [[entry for entry in row if is_plain(entry)] for row in _rows(form)]
    whole = [len(row) for row in rows] == [len(row) for row in _rows(form)]
    return rows if whole else None  # type: ignore[return-value]


def _oriented(form: Matrix | Group) -> list[list[Scalar]] | None:
    rows = _plain(form)
    if rows is None or len({len(row) for row in rows}) != 1:
        return None
    column = isinstance(form, Group) and form.kind == "column"
    return [[entry] for entry in rows[0]] if column else rows


def _inner(row: Sequence[Scalar], column: Sequence[Scalar]) -> Scalar:
    products = [_product(*pair) for pair in zip(row, column, strict=True)]
    return functools.reduce(_sum, products)


def is_plain(form: Form) -> bool:
    """Whether this is a quantity without unit, percent sign or degrees."""
    return isinstance(form, Scalar) and not (form.unit or form.percent or form.degrees)


def _like(form: Matrix | Group, rows: list[list[Scalar]]) -> Matrix | Group:
    if isinstance(form, Matrix):
        return Matrix(tuple(tuple(row) for row in rows))
    return Group(form.kind, tuple(rows[0]))


def _product(factor: Scalar, entry: Scalar) -> Scalar:
    return Scalar(f"{factor.text}*{entry.text}", ("*", factor.node, entry.node), None)


def _sum(first: Scalar, second: Scalar) -> Scalar:
    return Scalar(f"{first.text}+{second.text}", ("+", first.node, second.node), None)
