"""Sets that a condition describes."""

import pytest

from smallscale_ci.judges.mathematics.builders import described, taken_apart
from smallscale_ci.judges.mathematics.expression import exact
from smallscale_ci.judges.mathematics.forms import Cases, Form, Group
from smallscale_ci.judges.mathematics.normal import clean
from smallscale_ci.judges.mathematics.reader import read


def form(text: str) -> Form:
    return read(clean(text))


@pytest.mark.parametrize(
    ("head", "condition", "parts"),
    [
        ("x ∈ Z", "x > 2", ("x", "Z", "x > 2")),
        ("x", "x>2, x ∈ N", ("x", "N", "x>2")),
        ("2n", "n ∈ Z", ("2k", "", "k ∈ Z")),  # how the name is called does not matter
        ("2m+1", "m ∈ Z", ("2k+1", "", "k ∈ Z")),
        ("x", "x > 2", ("x", "", "x > 2")),
        (r"\min n", "n ∈ Z", (r"\min k", "", "k ∈ Z")),  # and not the n of min
    ],
)
def test_shape_domain_and_condition(head: str, condition: str, parts: tuple[str, ...]) -> None:
    assert taken_apart(head, condition) == parts


@pytest.mark.parametrize(
    ("domain", "condition", "numbers"),
    [
        ("Z", r"-2 < x \le 2", [-1, 0, 1, 2]),
        ("Z", "|x| < 2", [-1, 0, 1]),
        ("Z", "0 < x < 1", []),
        ("N", "2 < x < 5", [3, 4]),
        ("Z", "1.5 < x < 3.5", [2, 3]),
    ],
)
def test_finitely_many_whole_numbers_are_listed(
    domain: str, condition: str, numbers: list[int]
) -> None:
    found = described(domain, form("x"), form(condition))
    assert isinstance(found, Group)
    assert found.kind == "set"
    assert [exact(item.node) for item in found.items] == numbers  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("domain", "condition"),
    [
        ("Z", "x > 2"),  # without an end
        ("Z", "0 < x < 1000"),
        ("N", r"0 \le x < 3"),  # whether 0 is one is not agreed on
        ("", "5"),
    ],
)
def test_what_is_not_listed_keeps_its_condition(domain: str, condition: str) -> None:
    shape, when = form("2x"), form(condition)
    assert described(domain, shape, when) == Cases(((shape, when),))


def test_what_is_said_of_one_name_is_the_condition_itself() -> None:
    assert described("", form("x"), form("x > 2")) == form("x > 2")
    assert described("", form("(x, y)"), form("y = x^2")) == form("y = x^2")
