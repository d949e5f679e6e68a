"""Files as a whole: what a reader finds is the old one or the new one, never half of one.

JSON files hold records: frozen dataclasses, checked field by field where they are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from smallscale_ci.errors import DataError
from smallscale_ci.ids import pretty_json

if TYPE_CHECKING:
    from pydantic import ConfigDict, TypeAdapter
    from pydantic_core import ErrorDetails

T = TypeVar("T")
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}  # made once: 50 ms each
_WORDS = {
    **dict.fromkeys(("dataclass_type", "dict_type", "mapping_type"), "must be a JSON object"),
    "tuple_type": "must be a list",
}


class Record:
    """Base of the frozen dataclasses that JSON files hold; unknown keys of a file are left out."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = {
        "allow_inf_nan": False,
        "use_attribute_docstrings": True,
    }


def from_json(kind: type[T], value: Any, where: str, hint: str) -> T:
    """``value`` as a record; ``where`` is what errors call it, ``hint`` what to do about them.

    Raises ``DataError`` that names the missing fields, or the first wrong one.
    """
    from pydantic import ValidationError

    try:
        found: T = _adapter(kind).validate_python(value)
    except (ValidationError, RecursionError) as error:
        raise DataError(f"{where} is damaged: {_fault(error)}.", hint) from error
    return found


def to_json(record: Any) -> dict[str, Any]:
    """``record`` as JSON values: the fields under their names, tuples as lists."""
    found: dict[str, Any] = _adapter(type(record)).dump_python(record, mode="json")
    return found


def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # not needed by those who only write texts

    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _fault(error: Exception) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return "it is nested too deeply"
    items = error.errors(include_url=False, include_input=False)
    missing = [_place(item) for item in items if item["type"] == "missing"]
    if missing:
        return f"it lacks {', '.join(missing)}"
    item = items[0]
    what = _WORDS.get(item["type"], item["msg"].replace("Input should", "must", 1))
    return f"{_place(item)} {what}"


def _place(item: ErrorDetails) -> str:
    return ".".join(str(part) for part in item["loc"]) or "it"


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from ``path``. Raises ``DataError``, also for NaN and half surrogates."""
    import pydantic_core

    try:
        value = pydantic_core.from_json(path.read_bytes(), allow_inf_nan=False)
    except FileNotFoundError as error:
        raise DataError(f"there is no {path}.", "Run the stage that writes it.") from error
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read: {error}.", "Run that stage again.") from error
    if not isinstance(value, dict):
        raise DataError(f"{path} does not hold a JSON object.", "Run that stage again.")
    return value


def write_json(path: Path, value: Any) -> None:
    """Write a record or JSON values for people and machines, as a whole. Raises ``OSError``."""
    write_text(path, pretty_json(value if isinstance(value, Mapping | list) else to_json(value)))


def write_text(path: Path, text: str) -> None:
    """Write ``text``; whatever happens there is the old file or the new one."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, encoding="utf-8")
    part.replace(path)
