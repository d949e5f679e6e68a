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
from smallscale_ci.files import from_json
from smallscale_ci.records import (
    Accounting,
    Advice,
    Check,
    Difference,
    Estimate,
    Flip,
    Metric,
    Reason,
    ReasonKind,
    Summary,
    TaskSummary,
    Verdict,
    VerdictKind,
)

SUMMARY_VERSION = 1
VERDICT_VERSION = 2  # 1 had sentences in the place of reasons and advice
_METRICS = {metric.value: metric for metric in Metric}
_T = TypeVar("_T", Summary, Verdict)


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
    value["tasks"] = [{**task.pop("levels"), **task} for task in value["tasks"]]
    return {"schema_version": SUMMARY_VERSION, **value}


def verdict_schema() -> dict[str, Any]:
    """JSON Schema (draft 2020-12) of ``verdict.json``, where reasons and advice have sentences."""
    from pydantic import TypeAdapter  # needed for this alone

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
    return _read(value, "verdict", {1: _verdict_of_1, VERDICT_VERSION: _verdict})


def summary_from_json(value: Mapping[str, Any]) -> Summary:
    """The summary that ``summary_json`` wrote; ``null`` becomes NaN.

    Raises ``DataError`` for another schema version, and for missing, unknown or wrong fields.
    """
    return _read(value, "summary", {SUMMARY_VERSION: _summary})


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


def _read(
    value: Mapping[str, Any], name: str, readers: Mapping[int, Callable[[dict[str, Any]], _T]]
) -> _T:
    hint = "Run `smallscale compare` again: it rewrites the file."
    if not isinstance(value, Mapping):
        raise DataError(f"The {name} is not a JSON object.", hint)
    version = value.get("schema_version")
    if not isinstance(version, int) or version not in readers:
        known = " and ".join(map(str, readers))
        raise DataError(
            f"The {name} has schema version {version!r}; this version reads {known}.", hint
        )
    try:
        found = readers[version](
            {key: item for key, item in value.items() if key != "schema_version"}
        )
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise DataError(f"The {name} cannot be read: {error}.", hint) from error
    # The parts are in place; each must be of its field's type.
    return from_json(type(found), asdict(found), f"The {name}", hint)


def _verdict(value: dict[str, Any]) -> Verdict:
    found = Verdict(
        **{
            **value,
            "kind": VerdictKind(value["kind"]),
            "reasons": tuple(_reason(reason) for reason in value["reasons"]),
            "checks": tuple(_check(check) for check in value["checks"]),
            "accounting": Accounting(**value["accounting"]),
            "differences": tuple(Difference(**item) for item in value["differences"]),
            "flips": tuple(Flip(**_numbers(Flip, item)) for item in value["flips"]),
            "flipped": tuple(value["flipped"]) if value.get("flipped") else None,
            "notes": tuple(_reason(note) for note in value["notes"]),
            "ends": tuple(value.get("ends", ())),
            "grown": tuple(Flip(**_numbers(Flip, item)) for item in value.get("grown", ())),
        }
    )
    _refuse_dangling(found)
    return found


def _refuse_dangling(verdict: Verdict) -> None:
    """Raise ``LookupError`` where a reason names what the verdict does not hold."""
    checks = {(check.task, check.metric) for check in verdict.checks}
    keys = {difference.key for difference in verdict.differences}
    for reason in (*verdict.reasons, *verdict.notes):
        of_check = reason.metric is not None and reason.kind is not ReasonKind.UNKNOWN_METRIC
        if of_check and (reason.task, reason.metric) not in checks:
            raise LookupError(f"there is no check of {reason.metric} in {reason.task}")
        if reason.kind is ReasonKind.INCOMPARABLE and not keys.issuperset(reason.names or ("",)):
            raise LookupError(f"{', '.join(reason.names) or 'nothing'} is not among what differs")


def _verdict_of_1(value: dict[str, Any]) -> Verdict:
    """Its reasons and notes are sentences; what it advised is left out."""
    stated = {
        key: [{"kind": ReasonKind.STATED, "text": text} for text in value[key]]
        for key in ("reasons", "notes")
    }
    checks = [{**check, "advice": None} for check in value["checks"]]
    return _verdict({**value, **stated, "checks": checks})


def _reason(value: dict[str, Any]) -> Reason:
    typed = {
        "kind": ReasonKind(value["kind"]),
        "metric": _METRICS[value["metric"]] if value.get("metric") else None,
        "names": tuple(value.get("names", ())),
    }
    return Reason(**{**_without_sentence(value), **typed})


def _without_sentence(value: dict[str, Any]) -> dict[str, Any]:
    return {key: item for key, item in value.items() if key != "sentence"}


def _check(value: dict[str, Any]) -> Check:
    typed = {
        "metric": _METRICS[value["metric"]],
        "kind": VerdictKind(value["kind"]),
        "estimate": _estimate(value["estimate"]),
        "advice": Advice(**_without_sentence(value["advice"])) if value["advice"] else None,
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
