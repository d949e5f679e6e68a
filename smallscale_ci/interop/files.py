"""Files of other tools: lines and objects of JSON, with errors that name the place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smallscale_ci.errors import DataError

Row = dict[str, Any]

WRONG_FILE = "Is this the right file?"
_SNIFFED = 1 << 22  # bytes of a first line that are looked at
_MANY = 1 << 31  # no number of tokens or epochs is as large


def json_object(text: str | bytes, where: str) -> Row:
    """A JSON object. Raises ``DataError`` that names ``where``."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where} is not JSON: {error}.", "The file is damaged.") from error
    if not isinstance(value, dict):
        raise DataError(f"{where} is not a JSON object.", WRONG_FILE)
    return value


def read_object(path: Path) -> Row:
    """The JSON object in ``path``. Raises ``DataError``."""
    try:
        return json_object(path.read_bytes(), str(path))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.", WRONG_FILE) from error


def json_lines(path: Path) -> Iterator[tuple[int, Row]]:
    """The number, from 1 on, and the object of each line that is not blank, one at a time."""
    from pydantic_core import from_json  # twice as fast as json, and asked a million times

    try:
        with path.open("rb") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    row = from_json(line)
                except (ValueError, RecursionError) as error:
                    if not line.strip():
                        continue
                    raise _bad_line(path, number, line, error) from error
                if row.__class__ is not dict:
                    raise DataError(f"{path}, line {number} is not a JSON object.", WRONG_FILE)
                yield number, row
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.", WRONG_FILE) from error


def _bad_line(path: Path, number: int, line: bytes, error: Exception) -> DataError:
    cut = "" if line.endswith(b"\n") else " The file ends in the middle of a line: copy it again."
    return DataError(f"{path}, line {number} is not JSON: {error}.", f"The file is damaged.{cut}")


def first_object(path: Path) -> Row:
    """The first JSON line of ``path``, or an empty object where there is none. Never raises."""
    try:
        with path.open("rb") as stream:
            for line in stream:
                if line.strip():
                    value = json.loads(line[:_SNIFFED])
                    return value if isinstance(value, dict) else {}
    except (OSError, ValueError, RecursionError):
        pass
    return {}


def within(folder: Path, pattern: str, depth: int) -> list[Path]:
    """The files of that name in ``folder`` and its folders, ``depth`` levels down, sorted."""
    levels = ("*/" * level for level in range(depth + 1))
    return sorted(file for level in levels for file in folder.glob(level + pattern))


def try_object(path: Path) -> Row:
    """The object in ``path``, or an empty one where it cannot be read. Never raises."""
    try:
        return read_object(path)
    except DataError:
        return {}


def at(value: Any, *keys: str) -> Any:
    """``value[key][key]…`` of nested objects, or ``None`` where one of them is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def known(**settings: Any) -> Row:
    """``settings`` without those that are unknown, ``a__b`` written as ``a.b``."""
    return {
        key.replace("__", "."): value for key, value in settings.items() if value not in (None, "")
    }


def whole_number(value: Any) -> int | None:
    """``value`` as a count, or ``None`` where it is none."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 <= value < _MANY and value == int(value) else None


def fraction(value: Any, what: str, where: str) -> bool:
    """Whether a score of 0 or 1 says right. Raises ``DataError`` for one between or beside them."""
    if value in (0, 1):  # true, 1, 1.0
        return bool(value)
    raise DataError(
        f"{where}: the score '{what}' is {value!r}, neither right (1) nor wrong (0).",
        "Compare by a score that is: name it with --metric, or judge again with --rejudge.",
    )
