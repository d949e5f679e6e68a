"""Values by case: branches in any order, and expressions that have the same values."""

import pytest

from smallscale_ci.judges.mathematics import piecewise
from smallscale_ci.judges.mathematics.equal import equal
from smallscale_ci.judges.mathematics.forms import Cases, Form
from smallscale_ci.judges.mathematics.normal import clean
from smallscale_ci.judges.mathematics.quantity import Scalar
from smallscale_ci.judges.mathematics.reader import read


def cases(*branches: str) -> Cases:
    body = r" \\ ".join(branches)
    found = read(clean(rf"\begin{{cases}} {body} \end{{cases}}"))
    assert isinstance(found, Cases)
    return found


def same(gold: Form, answer: Form) -> bool:
    return equal(gold, answer, deep=True)


ABS = cases(r"x & x \ge 0", r"-x & x < 0")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (cases(r"-x & x < 0", r"x & x \ge 0"), True),
        (cases(r"x & 0 \le x", r"-x & \text{otherwise}"), True),
        (cases(r"x & x > 0", r"-x & x < 0"), False),  # nothing is said of zero
        (cases(r"-x & x \ge 0", r"x & x < 0"), False),
        (cases(r"x & x \ge 0", r"-x & x < 0", r"0 & x = 5"), False),
    ],
)
def test_each_branch_has_its_partner(answer: Cases, expected: bool) -> None:
    assert piecewise.same_cases(ABS, answer, same) is expected
    assert piecewise.same_cases(answer, ABS, same) is expected


@pytest.mark.parametrize(
    ("made", "text", "expected"),
    [
        (ABS, "|x|", True),
        (ABS, r"\sqrt{x^2}", True),
        (ABS, "x", False),
        (ABS, "|y|", False),
        (ABS, "5", False),
        (cases("1 & n \\text{ even}", "-1 & n \\text{ odd}"), "(-1)^n", True),
        (cases("1 & n \\text{ even}", "-1 & n \\text{ odd}"), "(-1)^{n+1}", False),
        (cases(r"x & x \ge 3", r"3 & x < 3"), r"\max(x,3)", True),
        (cases(r"x & x \ge 3", r"3 & x < 3"), r"\min(x,3)", False),
        (cases(r"x & x > 0", r"-x & x < 0"), "|x|", False),  # zero is left out
    ],
)
def test_an_expression_has_the_value_of_each_branch(made: Cases, text: str, expected: bool) -> None:
    other = read(clean(text))
    assert isinstance(other, Scalar)
    assert piecewise.as_expression(made, other, deep=True) is expected
