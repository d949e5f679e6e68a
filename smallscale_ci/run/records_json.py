"""Verdicts and summaries as JSON (``verdict.json``, ``summary.json``) and back.

JSON has no NaN and no infinity: unknown numbers are ``null``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from enum import Enum
from typing import Any

from smallscale_ci.errors import DataError
from smallscale_ci.files import from_json, refuse_schema
from smallscale_ci.records import (
    Check,
    Estimate,
    Flip,
    Metric,
    ReasonKind,
    Summary,
    TaskSummary,
    Verdict,
)

SUMMARY_VERSION = 1
VERDICT_VERSION = 2  # 1 had sentences instead of reasons and advice
_MOST = 1e15  # largest number: charts and formats overflow far above
_AGAIN = "Run `smallscale compare` again: it rewrites the file."
# In every summary of this schema; a file may be older than any other metric.
_ALWAYS = (Metric.ACCURACY, Metric.TOKENS, Metric.TRUNCATION)
_ESTIMATED = ("value", "low", "high")
# Annotations are strings because the records module postpones them.
_NUMBERS = {
    item.name
    for record in (Check, Estimate, Flip, TaskSummary)
    for item in fields(record)
    if item.type == "float"
}


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """``verdict`` as JSON values: the fields of the record, and ``schema_version``."""
    value = plain(asdict(verdict))
    for key in ("reasons", "notes"):
        value[key] = [_used(reason) for reason in value[key]]
    return {"schema_version": VERDICT_VERSION, **value}


def _used(reason: dict[str, Any]) -> dict[str, Any]:
    """``reason`` without the fields that its kind does not use."""
    return {key: value for key, value in reason.items() if value or key == "kind"}


def summary_json(summary: Summary) -> dict[str, Any]:
    """``summary`` as JSON values: the fields of the record, and ``schema_version``."""
    value = plain(asdict(summary))
    value["tasks"] = [
        {**{metric: _level(level) for metric, level in task.pop("levels").items()}, **task}
        for task in value["tasks"]
    ]
    return {"schema_version": SUMMARY_VERSION, **value}


def _level(level: dict[str, Any]) -> dict[str, Any]:
    """A level over no problems is unknown, not zero."""
    return level if level["n"] else {**level, **dict.fromkeys(_ESTIMATED)}


def verdict_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of ``verdict.json``, whose reasons and advice have sentences."""
    from pydantic import TypeAdapter  # needed only here

    found = TypeAdapter(Verdict).json_schema(mode="serialization")
    found["properties"]["schema_version"] = {"const": VERDICT_VERSION}
    found["required"] = [*found["required"], "schema_version"]
    for name, always in (
        ("Reason", ("kind",)),
        ("Advice", ("margin", "problems", "looks", "clusters")),
    ):
        record = found["$defs"][name]
        record["properties"]["sentence"] = {"type": "string"}
        record["required"] = [*always, "sentence"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_nullable(found),
        "title": "verdict.json",
    }


def _nullable(schema: Any) -> Any:
    """``schema`` with every number nullable: unknown numbers are ``null``."""
    if isinstance(schema, list):
        return [_nullable(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    changed = {key: _nullable(value) for key, value in schema.items()}
    if changed.get("type") == "number":
        changed["type"] = ["number", "null"]
    return changed


def verdict_from_json(value: Mapping[str, Any]) -> Verdict:
    """The verdict that ``verdict_json`` wrote; ``null`` becomes NaN.

    Raises ``InvalidError`` for another schema version, and ``DataError`` for missing or wrong
    fields, or for reasons that refer to something missing from the verdict.
    """
    refuse_schema(value, (1, VERDICT_VERSION), "The verdict", _AGAIN)
    if value["schema_version"] == 1:
        value = _migrated(value)
    verdict = from_json(Verdict, _known(value), "The verdict", _AGAIN)
    _refuse_dangling(verdict)
    return verdict


def summary_from_json(value: Mapping[str, Any]) -> Summary:
    """The summary that ``summary_json`` wrote; ``null`` becomes NaN.

    Raises ``InvalidError`` for another schema version, and ``DataError`` for missing or wrong
    fields.
    """
    refuse_schema(value, (SUMMARY_VERSION,), "The summary", _AGAIN)
    value = {**value, "tasks": _each(value.get("tasks"), _with_levels)}
    summary = from_json(Summary, _known(value), "The summary", _AGAIN)
    for task in summary.tasks:
        if lacking := [metric for metric in _ALWAYS if metric not in task.levels]:
            what = f"the task {task.task} lacks {', '.join(lacking)}"
            raise DataError(f"The summary is damaged: {what}.", _AGAIN)
    return summary


def plain(value: Any) -> Any:
    """``value`` with enums as their words, tuples as lists and unknown numbers as ``None``."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def _refuse_dangling(verdict: Verdict) -> None:
    """Raise ``DataError`` if a reason refers to something missing from the verdict."""
    checks = {(check.task, check.metric) for check in verdict.checks}
    keys = {difference.key for difference in verdict.differences}
    for reason in (*verdict.reasons, *verdict.notes):
        of_check = reason.metric is not None and reason.kind is not ReasonKind.UNKNOWN_METRIC
        if of_check and (reason.task, reason.metric) not in checks:
            what = f"there is no check of {reason.metric} in {reason.task}"
            raise DataError(f"The verdict is damaged: {what}.", _AGAIN)
        if reason.kind is ReasonKind.INCOMPARABLE and not keys.issuperset(reason.names or ("",)):
            what = f"{', '.join(reason.names) or 'nothing'} is not among what differs"
            raise DataError(f"The verdict is damaged: {what}.", _AGAIN)


def _migrated(value: Mapping[str, Any]) -> dict[str, Any]:
    """Migrate a verdict of schema 1, whose reasons and notes are sentences; drops its advice."""
    stated = {
        key: _each(value.get(key), lambda text: {"kind": ReasonKind.STATED, "text": text})
        for key in ("reasons", "notes")
    }
    checks = _each(value.get("checks"), lambda check: {**check, "advice": None})
    return {**value, **stated, "checks": checks}


def _with_levels(task: dict[str, Any]) -> dict[str, Any]:
    """Collect the levels, which stand beside a task's other fields under their metrics' names."""
    levels = {metric: _counted(task[metric]) for metric in Metric if metric in task}
    return {**task, "levels": levels}


def _counted(level: Any) -> Any:
    """A level in the summary's form: zeros if there was nothing to count."""
    if not isinstance(level, dict) or level.get("n") != 0:
        return level
    return {**level, **{key: level.get(key) or 0.0 for key in _ESTIMATED}}


def _each(value: Any, change: Callable[[Any], Any]) -> Any:
    """``value`` with ``change`` applied to all items; anything but a list is left to the reader."""
    try:
        return [change(item) for item in value] if isinstance(value, list) else value
    except TypeError:
        return value


def _known(value: Any) -> Any:
    """``value`` with NaN for ``null`` wherever a record requires a number.

    Raises ``DataError`` for numbers that no record can have.
    """
    if isinstance(value, list):
        return [_known(item) for item in value]
    if not isinstance(value, dict):
        return value
    for key in _NUMBERS.intersection(value):
        if isinstance(value[key], (int, float)) and abs(value[key]) > _MOST:
            raise DataError(f"The file is damaged: {key} is {value[key]:g}.", _AGAIN)
    return {
        key: math.nan if item is None and key in _NUMBERS else _known(item)
        for key, item in value.items()
    }
