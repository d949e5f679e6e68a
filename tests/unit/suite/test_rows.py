"""One row as a problem, or a sentence about what is wrong with it."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.config.suite import JudgeConfig, TaskConfig
from smallscale_ci.errors import DataError
from smallscale_ci.records import CodeTest, Problem
from smallscale_ci.suite.normal import normal
from smallscale_ci.suite.rows import RowError, problem

CALL = {"input": "[1]", "output": "2", "function": "f"}


@pytest.mark.parametrize(
    ("judge", "row", "message"),
    [
        ("math", {"question": " ", "gold": "1"}, "has no question"),
        ("math", {"question": None, "gold": "1"}, "has no question"),
        ("math", {"question": "q", "gold": ""}, "has no gold answer"),
        ("math", {"question": "q", "gold": None}, "has no gold answer"),
        ("math", {"question": "q", "gold": [["1"]]}, "has a gold that is a list of lists"),
        ("math", {"question": "q", "gold": {"a": 1}}, "has a gold that is not a text"),
        ("mcq", {"question": "q", "gold": 1, "choices": ["x", "y"]}, "gold_index"),
        ("math", {"question": "q", "gold": True}, "has a gold that is not a text"),
        ("math", {"question": "\ud800", "gold": "1"}, "holds half a Unicode character"),
        ("math", {"question": "q", "gold": "1", "meta": "{"}, "'meta' that is not valid JSON"),
        (
            "math",
            {"question": "q", "gold": "1", "meta": "[]"},
            "has a meta that is not a JSON",
        ),
        ("mcq", {"question": "q", "gold": "C", "choices": ["x", "y"]}, "none of its choices"),
        ("mcq", {"question": "q", "gold": "AB"}, "none of its choices"),
        ("mcq", {"question": "q", "gold": "A", "choices": ["x", "x"]}, "the same choice twice"),
        ("mcq", {"question": "q", "gold": "A", "choices": ["x"]}, "has 1 choices"),
        ("mcq", {"question": "q", "gold": "A", "choices": "x"}, "not valid JSON"),
        ("mcq", {"question": "q", "gold": "A", "choices": [1, [2]]}, "not a list of texts"),
        ("code", {"question": "q"}, "has no tests"),
        ("code", {"question": "q", "tests": {"input": ""}}, "tests that are not a list"),
        ("code", {"question": "q", "tests": [{"input": ""}]}, "without 'input' and 'output'"),
        ("code", {"question": "q", "tests": [{"input": 1, "output": ""}]}, "output is not a text"),
        (
            "code",
            {"question": "q", "tests": [{"input": "", "output": "", "function": "a b"}]},
            "not a name of a function",
        ),
    ],
)
def test_unusable_rows_are_errors(judge: str, row: dict[str, Any], message: str) -> None:
    with pytest.raises(RowError) as caught:
        problem(row, "t", judge)
    assert message in str(caught.value)


def test_a_row_as_a_problem() -> None:
    row = {"question": "q", "gold": ["4", "four"], "cluster": 7, "meta": '{"k": 1}'}
    found = problem(row, "t", "math")
    assert (found.gold, found.also, found.golds) == ("4", ("four",), ("4", "four"))
    assert (found.task, found.cluster, found.meta) == ("t", "7", {"k": 1})
    called = problem({"question": "q", "tests": [CALL], "meta": " "}, "t", "code")
    assert (called.tests, called.gold, called.meta) == ((CodeTest("[1]", "2", "f"),), "", {})


def test_an_option_is_named_by_letter_or_text_and_a_position_by_its_base() -> None:
    row = {"question": "q", "choices": ["x", "y"]}
    assert [problem({**row, "gold": gold}, "t", "mcq").gold for gold in ("B", "y")] == ["B", "y"]
    assert problem({**row, "gold": 1}, "t", "mcq", 0).gold == "B"
    assert problem({**row, "gold": 1}, "t", "mcq", 1).gold == "A"
    # Without options they are in the question, after letters or digits.
    assert problem({"question": "q", "gold": "(b)."}, "t", "mcq").gold == "(b)."


_LEAF = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.decimals(),
    st.sampled_from(["A", "#### 3", r"\boxed{", "['a', 'b']", "null", "1e999", "[" * 3000]),
)
_VALUE = st.recursive(
    _LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=4,
)
_ROW = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("question", "gold", "choices", "tests", "cluster", "meta", "options", "A", "B"), _VALUE
    ),
)


@settings(max_examples=30)
@given(_ROW, st.sampled_from(["math", "mcq", "code"]), st.sampled_from([None, 0, 1]))
def test_whatever_a_row_holds_it_is_a_problem_or_refused(
    row: dict[str, Any], judge: str, base: int | None
) -> None:
    task = TaskConfig(name="t", source="x", judge=JudgeConfig(name=judge))
    try:
        ((_, made),) = normal([{"question": "q", "gold": "1", **row}], task, "file")
        found = problem(made, "t", judge, base)
    except (RowError, DataError):
        return
    assert isinstance(found, Problem)
    assert found.question.strip()
    assert found.tests if judge == "code" else found.gold.strip()
    if judge == "mcq" and found.choices:
        assert found.gold.strip("(). ").upper() in "ABCDEFGH" or found.gold in found.choices
