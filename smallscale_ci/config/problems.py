"""What is wrong with a configuration, in words, with the nearest valid word where there is one."""

from __future__ import annotations

from typing import Any

from pydantic_core import ErrorDetails

from smallscale_ci import errors
from smallscale_ci.config.base import Config
from smallscale_ci.config.schema import MODELS


def schema_hint(model: type[Config]) -> str:
    """Where to read what such files may contain; empty for kinds that users do not write."""
    schema = next((name for name, known in MODELS.items() if known is model), None)
    return f"`smallscale schema {schema}` prints what such files may contain." if schema else ""


def sentence(model: type[Config], item: ErrorDetails) -> str:
    """What is wrong, in words, with the nearest valid word where there is one."""
    is_key = item["type"] == "extra_forbidden"
    return errors.sentence(item, _fields(model, item["loc"][:-1]) if is_key else ())


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


def article(noun: str) -> str:
    """``noun`` with its article."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
