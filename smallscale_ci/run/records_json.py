"""Verdicts and summaries as JSON (``verdict.json``, ``summary.json``) and back.

JSON has no NaN and no infinity: a number that is not known is ``null``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, fields
from enum import Enum
from typing import Any, TypeVar

from smallscale_ci.errors import DataError
from smallscale_ci.records import (
    Accounting,
    Check,
    Difference,
    Estimate,
    Flip,
    Metric,
    Summary,
    TaskSummary,
    Verdict,
    VerdictKind,
)

SCHEMA_VERSION = 1
_METRICS = {metric.value: metric for metric in Metric}
_T = TypeVar("_T")


def verdict_json(verdict: Verdict) -> dict[str, Any]:
    """``verdict`` as JSON values: the fields of the record, and ``schema_version``."""
    return {"schema_version": SCHEMA_VERSION, **plain(asdict(verdict))}


def summary_json(summary: Summary) -> dict[str, Any]:
    """``summary`` as JSON values: the fields of the record, and ``schema_version``."""
    value = plain(asdict(summary))
    value["tasks"] = [{**task.pop("levels"), **task} for task in value["tasks"]]
    return {"schema_version": SCHEMA_VERSION, **value}


def verdict_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of what ``verdict_json`` gives."""
    from pydantic import TypeAdapter  # needed for this alone

    found = TypeAdapter(Verdict).json_schema(mode="serialization")
    found["properties"]["schema_version"] = {"const": SCHEMA_VERSION}
    found["required"] = [*found["required"], "schema_version"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **_nullable(found),
        "title": "verdict.json",
    }


def _nullable(schema: Any) -> Any:
    """``schema`` with every number or null: a number that is not known is ``null``."""
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

    Raises ``DataError`` for another schema version, and for missing, unknown or wrong fields.
    """
    return _read(value, "verdict", _verdict)


def summary_from_json(value: Mapping[str, Any]) -> Summary:
    """The summary that ``summary_json`` wrote; ``null`` becomes NaN.

    Raises ``DataError`` for another schema version, and for missing, unknown or wrong fields.
    """
    return _read(value, "summary", _summary)


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


def _read(value: Mapping[str, Any], name: str, build: Callable[[dict[str, Any]], _T]) -> _T:
    hint = "Run `smallscale compare` again: it writes the file anew."
    if not isinstance(value, Mapping):
        raise DataError(f"The {name} is no JSON object.", hint)
    version = value.get("schema_version")
    if version != SCHEMA_VERSION:
        raise DataError(
            f"The {name} has schema version {version!r}; this version reads {SCHEMA_VERSION}.", hint
        )
    try:
        return build({key: item for key, item in value.items() if key != "schema_version"})
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"The {name} cannot be read: {error}.", hint) from error


def _verdict(value: dict[str, Any]) -> Verdict:
    return Verdict(
        **{
            **value,
            "kind": VerdictKind(value["kind"]),
            "reasons": tuple(value["reasons"]),
            "checks": tuple(_check(check) for check in value["checks"]),
            "accounting": Accounting(**value["accounting"]),
            "differences": tuple(Difference(**item) for item in value["differences"]),
            "flips": tuple(Flip(**_numbers(Flip, item)) for item in value["flips"]),
            "flipped": tuple(value["flipped"]) if value.get("flipped") else None,
            "notes": tuple(value["notes"]),
        }
    )


def _check(value: dict[str, Any]) -> Check:
    typed = {
        "metric": _METRICS[value["metric"]],
        "kind": VerdictKind(value["kind"]),
        "estimate": _estimate(value["estimate"]),
    }
    return Check(**{**_numbers(Check, value), **typed})


def _summary(value: dict[str, Any]) -> Summary:
    return Summary(**{**value, "tasks": tuple(_task(task) for task in value["tasks"])})


def _task(value: dict[str, Any]) -> TaskSummary:
    """The levels stand beside the other fields, each under its metric's name."""
    levels = {m: _estimate(value[m.value]) for m in Metric if m.value in value}
    rest = {key: item for key, item in value.items() if key not in levels}
    return TaskSummary(**_numbers(TaskSummary, rest), levels=levels)


def _estimate(value: dict[str, Any]) -> Estimate:
    return Estimate(**_numbers(Estimate, value))


def _numbers(record: type, value: dict[str, Any]) -> dict[str, Any]:
    """``value`` with NaN for ``null`` in the fields of ``record`` that are plain floats."""
    # Annotations are text because the records module postpones them.
    floats = {item.name for item in fields(record) if item.type == "float"}
    return {
        key: math.nan if item is None and key in floats else item for key, item in value.items()
    }
