"""Other tools' files: JSON lines and objects, with errors that name the location."""

from __future__ import annotations

import codecs
import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

from smallscale_ci.errors import DataError

Row = dict[str, Any]

WRONG_FILE = "Is this the right file?"
_SNIFFED = 1 << 22  # bytes of a first line that are looked at
MANY = 1 << 31  # larger than any number of tokens or epochs
_PACKED = ".gz"
UNREADABLE = (OSError, EOFError, zlib.error)  # of plain and of packed files


def kind_of(path: Path) -> str:
    """The suffix that tells the format of ``path``, in lower case: ``.jsonl`` of ``x.jsonl.gz``."""
    return Path(bare_name(path)).suffix.lower()


def bare_name(path: Path) -> str:
    """The name of ``path`` without ``.gz``."""
    return path.name.removesuffix(_PACKED)


def opened(path: Path) -> BinaryIO:
    """The bytes of ``path``, decompressed while reading if it is gzipped."""
    return cast("BinaryIO", gzip.open(path)) if path.suffix == _PACKED else path.open("rb")


def unreadable(path: Path, error: Exception) -> DataError:
    """The error for a file whose bytes cannot be read."""
    if isinstance(error, EOFError | zlib.error):
        return DataError(f"{path} is damaged or was cut off: {error}.", "Copy the file again.")
    return DataError(f"{path} cannot be read: {error}.", WRONG_FILE)


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
        with opened(path) as stream:
            content = stream.read()
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    return json_object(content, str(path))


def json_lines(path: Path) -> Iterator[tuple[int, Row]]:
    """The number, from 1, and the object of each non-blank line, one at a time."""
    from pydantic_core import from_json  # twice as fast as json, and called a million times

    try:
        with opened(path) as stream:
            for number, line in enumerate(stream, 1):
                try:
                    row = from_json(line)
                except (ValueError, RecursionError) as error:
                    if not line.strip():
                        continue
                    if number == 1 and line.strip() == b"[":  # as lm-eval 0.4.2 and older write
                        yield from enumerate(_array(path, line + stream.read()), 1)
                        return
                    row = _odd_line(path, number, line, error)
                if number == 1 and row.__class__ is list and row and isinstance(row[0], dict):
                    yield from enumerate(_array(path, line + stream.read()), 1)
                    return
                if row.__class__ is not dict:
                    raise DataError(f"{path}, line {number} is not a JSON object.", WRONG_FILE)
                yield number, row
    except UNREADABLE as error:
        raise unreadable(path, error) from error


def _array(path: Path, content: bytes) -> list[Row]:
    """The objects of a file that is one JSON array, whatever its suffix."""
    try:
        rows = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not JSON: {error}.", "The file is damaged.") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise DataError(f"{path} is not a JSON array of objects.", WRONG_FILE)
    return rows


def _odd_line(path: Path, number: int, line: bytes, error: Exception) -> Any:
    """Parse what the strict parser refuses and JSON allows: a byte order mark, lone surrogates."""
    if number == 1:
        line = line.removeprefix(codecs.BOM_UTF8)
    try:
        return json.loads(json.dumps(json.loads(line), ensure_ascii=False).encode(errors="replace"))
    except (ValueError, RecursionError):
        raise _bad_line(path, number, line, error) from error


def _bad_line(path: Path, number: int, line: bytes, error: Exception) -> DataError:
    remedy = "The file is damaged."
    if not line.endswith(b"\n"):
        remedy += " The file ends in the middle of a line: copy it again."
    elif number == 1 and line.strip() == b"{":
        remedy = "JSON Lines has one object a line: write each row on a line of its own."
    return DataError(f"{path}, line {number} is not JSON: {error}.", remedy)


def first_object(path: Path) -> Row:
    """The first JSON line of ``path``, or an empty object if there is none. Never raises."""
    try:
        with opened(path) as stream:
            for line in stream:
                if line.strip() == b"[" or line.startswith((b"[{", b"[ {")):
                    return next(iter(_array(path, line + stream.read())), {})
                if line.strip():
                    value = json.loads(line[:_SNIFFED].removeprefix(codecs.BOM_UTF8))
                    return value if isinstance(value, dict) else {}
    except (*UNREADABLE, DataError, ValueError, RecursionError):
        pass
    return {}


def within(folder: Path, pattern: str, depth: int) -> list[Path]:
    """The files that match in ``folder`` and its subfolders, ``depth`` levels down, sorted."""
    levels = ("*/" * level for level in range(depth + 1))
    return sorted(file for level in levels for file in folder.glob(level + pattern))


def try_object(path: Path) -> Row:
    """The object in ``path``, or an empty one if it cannot be read. Never raises."""
    try:
        return read_object(path)
    except DataError:
        return {}


def at(value: Any, *keys: str) -> Any:
    """``value[key][key]…`` of nested objects, or ``None`` if one of them is missing."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def known(**settings: Any) -> Row:
    """``settings`` without unknown (``None``) ones, with ``a__b`` as ``a.b``."""
    return {
        key.replace("__", "."): value for key, value in settings.items() if value not in (None, "")
    }


def whole_number(value: Any) -> int | None:
    """``value`` as a count, or ``None`` if it is not one."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if 0 <= value < MANY and value == int(value) else None


def fraction(value: Any, what: str, where: str) -> bool:
    """Whether a score of 0 or 1 means right. Raises ``DataError`` for any other score."""
    if value in (0, 1):  # true, 1, 1.0
        return bool(value)
    raise DataError(
        f"{where}: the score '{what}' is {value!r}, neither right (1) nor wrong (0).",
        "Compare by a score that is: name it with --metric, or judge again with --rejudge.",
    )
