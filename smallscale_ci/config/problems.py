"""What is wrong with a configuration, in words, with the nearest valid word where there is one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smallscale_ci.config.base import Config
from smallscale_ci.config.schema import MODELS
from smallscale_ci.errors import did_you_mean

_WORDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a string (quote it)",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def own_problems(error: ValidationError) -> Iterator[ErrorDetails]:
    """The problems that are not consequences of other ones.

    An invalid item is missing from its list, which then seems too short, and from whatever a
    default is computed from.
    """
    for item in error.errors(include_url=False):
        is_left = item["type"] == "too_short" and bool(item["input"])
        if not is_left and item["type"] != "default_factory_not_called":
            yield item


def schema_hint(model: type[Config]) -> str:
    """Where to read what such files may contain; empty for kinds that users do not write."""
    schema = next((name for name, known in MODELS.items() if known is model), None)
    return f"`smallscale schema {schema}` prints what such files may contain." if schema else ""


def sentence(model: type[Config], item: ErrorDetails) -> str:
    """What is wrong, in words, with the nearest valid word where there is one."""
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind in _WORDS:
        return f"must be {_WORDS[kind]}, not {shown(value)}"
    match kind:
        case "missing":
            what = "is missing"
        case "extra_forbidden":
            known = _fields(model, item["loc"][:-1])
            what = f"unknown key{did_you_mean(str(item['loc'][-1]), known)}"
        case "literal_error":
            listed = context["expected"]
            words = re.findall(r"'([^']+)'", listed)
            near = did_you_mean(str(value), words)
            words = words or re.split(", | or ", listed)  # numbers
            what = f"{shown(value)} is not one of {', '.join(words)}{near}"
        case "too_short":
            what = "must not be empty"
        case "string_pattern_mismatch":
            what = f"{shown(value)} may hold letters, digits, '.', '_' and '-' only"
        case "value_error":
            what = str(context["error"])
        case _:
            rule = item["msg"].removeprefix("Input should be ").removeprefix("Input should ")
            what = f"must be {rule}, not {shown(value)}"
    return what


def _fields(model: type[Config], location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys that are known at ``location``, read from the JSON schema of ``model``."""
    schema = model.model_json_schema()
    here: dict[str, Any] = schema
    for part in location:
        here = here.get("properties", {}).get(part) or here.get("additionalProperties") or here
        here = here.get("items", here) if isinstance(part, int) else here
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rsplit("/", 1)[-1]]
    return tuple(here.get("properties", ()))


def shown(value: Any) -> str:
    """A value from a file as messages quote it, shortened."""
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False)
    text = text.encode("utf-8", "backslashreplace").decode()  # of half a surrogate
    return text if len(text) <= 60 else text[:57] + "…"


def article(noun: str) -> str:
    """``noun`` with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
