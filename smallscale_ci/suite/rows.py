"""One row of a suite's file → one ``Problem``, or a sentence about what is wrong with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from smallscale_ci.config.seams import JUDGES
from smallscale_ci.records import CodeTest, Problem
from smallscale_ci.suite import gold as golds
from smallscale_ci.suite.gold import LETTERS, GoldError
from smallscale_ci.suite.model import problem_id

COLUMNS = ("question", "gold", "choices", "tests", "cluster", "meta")
_TEST = pa.struct([("input", pa.string()), ("output", pa.string()), ("function", pa.string())])
SCHEMA = pa.schema(  # of the Parquet files that this package writes; meta is JSON
    [
        ("question", pa.string()),
        ("gold", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("tests", pa.list_(_TEST)),
        ("cluster", pa.string()),
        ("meta", pa.string()),
    ]
)

# Of pulled files; older ones lack the alternative golds in ``also``.
PULLED = SCHEMA.append(pa.field("also", pa.list_(pa.string())))


class RowError(ValueError):
    """A problem of a row, as a clause: "has no gold answer"."""


def problem(row: Mapping[str, Any], task: str, judge: str, base: int | None = None) -> Problem:
    """Check one row for ``judge`` and make it a problem. Raises ``RowError``.

    ``base`` is the base of golds that are positions, see ``gold``.
    """
    try:
        return _problem(row, task, judge, base)
    except GoldError as error:
        raise RowError(str(error)) from error


def _problem(row: Mapping[str, Any], task: str, judge: str, base: int | None) -> Problem:
    question = _text(row, "question")
    if not question.strip():
        raise RowError("has no question")
    right = [*golds.accepted(row.get("gold")), *(row.get("also") or ())]
    options = golds.choices(row.get("choices"))
    choices = _checked(options.texts)
    tests = _tests(row)
    needs = JUDGES[judge].needs
    if needs == "tests":
        if not tests:
            raise RowError(f"has no tests, which the judge '{judge}' runs")
    elif not right:
        raise RowError("has no gold answer")
    if needs == "option":
        right = list(golds.named(right, options, base))
        for gold in right:
            _check_option(gold, choices)
    meta = _json(row, "meta")
    if meta is None:
        meta = {}
    if not isinstance(meta, dict):
        raise RowError("has a meta that is not a JSON object")
    first, *also = right or [""]
    try:
        own_id = problem_id(task, question, choices, (first, *also), tests)
    except UnicodeEncodeError as error:
        raise RowError("holds half a Unicode character (a lone surrogate)") from error
    cluster = _text(row, "cluster")
    return Problem(own_id, task, question, first, choices, tests, cluster, meta, tuple(also))


def _text(row: Mapping[str, Any], column: str) -> str:
    """A column that holds one text, or a number or date written out. Raises ``GoldError``."""
    return golds.scalar(row.get(column), column)


def _json(row: Mapping[str, Any], column: str) -> Any:
    """The value of a column that may hold JSON text instead of a nested value."""
    value = row.get(column)
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise RowError(
            f"has a value of '{column}' that is not valid JSON: {value!r:.60}"
        ) from error


def _checked(texts: tuple[str, ...]) -> tuple[str, ...]:
    if texts and not 2 <= len(texts) <= len(LETTERS):
        raise RowError(f"has {len(texts)} choices; 2 to {len(LETTERS)} have letters")
    if len(set(texts)) != len(texts):
        raise RowError("has the same choice twice")
    return texts


def _check_option(gold: str, choices: tuple[str, ...]) -> None:
    label = gold.strip().strip("().").upper()
    if choices:
        usable = (len(label) == 1 and label in LETTERS[: len(choices)]) or golds.is_one(
            gold, choices
        )
    else:  # the options are part of the question, with letters or digits before them
        usable = len(label) == 1 and label.isalnum()
    if not usable:
        raise RowError(f"has the gold answer {gold!r:.60}, which is none of its choices")


def _tests(row: Mapping[str, Any]) -> tuple[CodeTest, ...]:
    values = _json(row, "tests")
    if values is None:
        return ()
    if not isinstance(values, list):
        raise RowError("has tests that are not a list")
    found = []
    for value in values:
        if not isinstance(value, dict) or not {"input", "output"} <= value.keys():
            raise RowError("has a test without 'input' and 'output'")
        given, expected, function = value["input"], value["output"], value.get("function")
        if not (isinstance(given, str) and isinstance(expected, str)):
            raise RowError("has a test whose input or output is not a text")
        if function is not None and not (isinstance(function, str) and function.isidentifier()):
            raise RowError(f"has a test of {function!r:.60}, which is not a name of a function")
        found.append(CodeTest(given, expected, function))
    return tuple(found)
