"""Arithmetic of matrices and vectors, against whole numbers worked out by the definition."""

import itertools
import math
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.mathematics import matrices
from smallscale_ci.judges.mathematics.expression import exact
from smallscale_ci.judges.mathematics.forms import Form, Group, Matrix
from smallscale_ci.judges.mathematics.quantity import Scalar

Rows = list[list[int]]


def number(value: int) -> Scalar:
    node = ("number", Fraction(abs(value)))
    return Scalar(str(value), node if value >= 0 else ("-", node), None)


def matrix(rows: Rows) -> Matrix:
    return Matrix(tuple(tuple(map(number, row)) for row in rows))


def values(form: Form | None) -> list[list[Fraction]]:
    rows = form.rows if isinstance(form, Matrix) else (form.items,)  # type: ignore[union-attr]
    return [[exact(entry.node) for entry in row] for row in rows]  # type: ignore[union-attr]


def by_definition(rows: Rows) -> int:
    """The determinant by Leibniz' formula."""
    total = 0
    for order in itertools.permutations(range(len(rows))):
        turned = sum(a > b for a, b in itertools.combinations(order, 2))
        total += (-1) ** turned * math.prod(row[at] for row, at in zip(rows, order, strict=True))
    return total


def square(size: int) -> st.SearchStrategy[Rows]:
    row = st.lists(st.integers(-9, 9), min_size=size, max_size=size)
    return st.lists(row, min_size=size, max_size=size)


@settings(max_examples=30)
@given(st.integers(2, 4).flatmap(square))
def test_determinants_are_those_of_the_definition(rows: Rows) -> None:
    found = matrices.determinant(matrix(rows))
    assert found is not None
    assert exact(found.node) == by_definition(rows)
    assert values(matrices.transposed(matrix(rows))) == [
        list(row) for row in zip(*rows, strict=True)
    ]


@settings(max_examples=20)
@given(square(2), square(2), st.integers(-9, 9))
def test_sums_products_and_multiples(left: Rows, right: Rows, factor: int) -> None:
    one, two = matrix(left), matrix(right)
    columns = [*zip(*right, strict=True)]
    assert values(matrices.multiplied(one, two)) == [
        [sum(a * b for a, b in zip(row, column, strict=True)) for column in columns] for row in left
    ]
    sums = [[a + b for a, b in zip(*rows, strict=True)] for rows in zip(left, right, strict=True)]
    assert values(matrices.added(one, two)) == sums
    assert values(matrices.scaled(number(factor), one)) == [
        [factor * a for a in row] for row in left
    ]


def test_a_row_times_a_column_and_a_matrix_times_one() -> None:
    row, column = (Group(kind, (number(1), number(2))) for kind in ("row", "column"))
    assert values(matrices.multiplied(row, column)) == [[5]]
    found = matrices.multiplied(matrix([[1, 2], [3, 4]]), column)
    assert isinstance(found, Group)
    assert (found.kind, values(found)) == ("column", [[5, 11]])
    assert matrices.transposed(row) == column


def test_what_does_not_fit_or_is_no_number_is_none() -> None:
    one, wide = matrix([[1, 2], [3, 4]]), matrix([[1, 2, 3], [4, 5, 6]])
    metres = Matrix(((Scalar("5 m", ("number", Fraction(5)), None, percent=True),) * 2,) * 2)
    assert matrices.added(one, wide) is None
    assert matrices.multiplied(wide, wide) is None
    assert matrices.determinant(wide) is None
    assert matrices.determinant(matrix([[0] * 5] * 5)) is None
    assert matrices.added(Group("()", (number(1),) * 2), Group("column", (number(1),) * 2)) is None
    assert matrices.scaled(number(2), metres) is None
    assert matrices.transposed(Group("set", (number(1),))) is None


@pytest.mark.parametrize("form", [number(1), Group("()", (number(1),)), matrix([[1, 2], [3, 4]])])
def test_only_numbers_are_plain(form: Form) -> None:
    assert matrices.is_plain(form) == isinstance(form, Scalar)
