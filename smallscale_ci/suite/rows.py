"""One row of a suite's file → one ``Problem``, or a sentence about what is wrong with it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import pyarrow as pa

from smallscale_ci.records import CodeTest, Problem
from smallscale_ci.suite.model import problem_id

COLUMNS = ("question", "gold", "choices", "tests", "cluster", "meta")
_TEST = pa.struct([("input", pa.string()), ("output", pa.string()), ("function", pa.string())])
SCHEMA = pa.schema(  # of the parquet files that this package writes; meta is JSON
    [
        ("question", pa.string()),
        ("gold", pa.string()),
        ("choices", pa.list_(pa.string())),
        ("tests", pa.list_(_TEST)),
        ("cluster", pa.string()),
        ("meta", pa.string()),
    ]
)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class RowError(ValueError):
    """What is wrong with a row, as a clause: "has no gold answer"."""


def problem(row: Mapping[str, Any], task: str, judge: str) -> Problem:
    """Check one row for ``judge`` and make it a problem. Raises ``RowError``."""
    question = _text(row, "question")
    if not question.strip():
        raise RowError("has no question")
    gold = _text(row, "gold")
    choices = _choices(row)
    tests = _tests(row)
    if judge == "code":
        if not tests:
            raise RowError("has no tests, which the judge 'code' runs")
    elif not gold.strip():
        raise RowError("has no gold answer")
    if judge == "mcq":
        _check_option(gold, choices)
    meta = _json(row, "meta")
    if meta is None:
        meta = {}
    if not isinstance(meta, dict):
        raise RowError("has a meta that is no JSON object")
    try:
        own_id = problem_id(task, question, choices, gold, tests)
    except UnicodeEncodeError as error:
        raise RowError("holds half a Unicode character (a lone surrogate)") from error
    return Problem(own_id, task, question, gold, choices, tests, _text(row, "cluster"), meta)


def _text(row: Mapping[str, Any], column: str) -> str:
    value = row.get(column)
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return str(int(value)) if value == int(value) else str(value)
    raise RowError(f"has a {column} that is no text: {value!r:.60}")


def _json(row: Mapping[str, Any], column: str) -> Any:
    """The value of a column that may hold JSON text instead of a nested value."""
    value = row.get(column)
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    try:
        return json.loads(value)
    except ValueError as error:
        raise RowError(f"has a value of '{column}' that is no valid JSON: {value!r:.60}") from error


def _choices(row: Mapping[str, Any]) -> tuple[str, ...]:
    values = _json(row, "choices")
    if values is None:
        return ()
    if not isinstance(values, list) or not all(isinstance(v, str) and v.strip() for v in values):
        raise RowError("has choices that are no list of texts")
    if values and not 2 <= len(values) <= len(LETTERS):
        raise RowError(f"has {len(values)} choices; 2 to {len(LETTERS)} have letters")
    if len(set(values)) != len(values):
        raise RowError("has the same choice twice")
    return tuple(values)


def _check_option(gold: str, choices: tuple[str, ...]) -> None:
    label = gold.strip().upper()
    if choices:
        usable = (len(label) == 1 and label in LETTERS[: len(choices)]) or gold in choices
    else:  # the options are part of the question, with letters or digits before them
        usable = len(label) == 1 and label.isalnum()
    if not usable:
        raise RowError(f"has the gold answer {gold!r:.60}, which is none of its choices")


def _tests(row: Mapping[str, Any]) -> tuple[CodeTest, ...]:
    values = _json(row, "tests")
    if values is None:
        return ()
    if not isinstance(values, list):
        raise RowError("has tests that are no list")
    found = []
    for value in values:
        if not isinstance(value, dict) or not {"input", "output"} <= value.keys():
            raise RowError("has a test without 'input' and 'output'")
        given, expected, function = value["input"], value["output"], value.get("function")
        if not (isinstance(given, str) and isinstance(expected, str)):
            raise RowError("has a test whose input or output is no text")
        if function is not None and not (isinstance(function, str) and function.isidentifier()):
            raise RowError(f"has a test of {function!r:.60}, which is no name of a function")
        found.append(CodeTest(given, expected, function))
    return tuple(found)
