"""The rows of a Parquet, JSONL or CSV file as plain dictionaries."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from smallscale_ci.errors import DataError
from smallscale_ci.run import columns

_READABLE = ".parquet, .jsonl or .csv"
_OTHER = "The file is damaged or of another kind; fetch or write it again."
_BATCH = 64  # a row of a code benchmark may contain megabytes of tests
Row = dict[str, Any]


def rows(path: Path, kind: str = "") -> Iterator[Row]:
    """Stream the rows of ``path``; ``kind`` is the suffix if the name lacks it.

    Raises ``DataError`` for a file that cannot be read in the format of its suffix.
    """
    suffix = (kind or path.suffix).lower()
    readers = {".parquet": _parquet, ".jsonl": _jsonl, ".csv": _csv}
    if suffix not in readers:
        raise DataError(f"{path} is of an unknown kind.", f"A suite's files are {_READABLE}.")
    try:
        yield from readers[suffix](path)
    except (pa.ArrowException, OSError, ValueError, csv.Error) as error:
        reason = (str(error).splitlines() or ["unknown"])[0]
        raise DataError(
            f"{path} cannot be read as {suffix[1:]}: {reason}",
            _OTHER,
        ) from error


def cells(data: pa.Table | pa.RecordBatch) -> list[Row]:
    """The rows of Arrow data as plain dictionaries; columns of the logical type JSON are decoded.

    Raises ``ValueError``, which names the column, if one cannot be read.
    """
    found: dict[str, list[Any]] = {}
    for name in data.schema.names:
        column = data.column(name)
        try:
            if column.type == pa.float32():  # 0.1, not the nearest double
                texts = column.cast(pa.string()).to_pylist()
                found[name] = [None if text is None else float(text) for text in texts]
                continue
            found[name] = column.to_pylist()
            if isinstance(column.type, pa.JsonType):
                found[name] = [_decoded(value) for value in found[name]]
        except (pa.ArrowException, ValueError, KeyError, OverflowError, RecursionError) as error:
            raise ValueError(f"column '{name}' of type {column.type}: {error}") from error
    return [dict(zip(found, values, strict=True)) for values in zip(*found.values(), strict=True)]


def _decoded(text: str | None) -> Any:
    """The value of a JSON text; invalid JSON, such as the 007 of ``datasets`` 5, stays text."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def plain(table: pa.Table) -> pa.Table:
    """``table`` without view types, which few of Arrow's kernels accept."""
    fields = [field.with_type(_plain_type(field.type)) for field in table.schema]
    return table.cast(pa.schema(fields, table.schema.metadata))


def _plain_type(kind: pa.DataType) -> pa.DataType:
    if kind == pa.string_view():
        return pa.string()
    if kind == pa.binary_view():
        return pa.binary()
    if pa.types.is_list(kind) or pa.types.is_list_view(kind):
        return pa.list_(_plain_type(kind.value_type))
    if pa.types.is_large_list(kind) or pa.types.is_large_list_view(kind):
        return pa.large_list(_plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain_type(field.type)) for field in kind])
    return kind


def _parquet(path: Path) -> Iterator[Row]:
    with columns.parquet(path, str(path), _OTHER) as file:
        for batch in file.iter_batches(_BATCH):
            yield from cells(columns.checked(batch))


def _jsonl(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8-sig") as stream:
        for number, line in enumerate(stream, start=1):
            if line.strip():
                yield _json_row(line, number)


def _json_row(line: str, number: int) -> Row:
    try:
        row = json.loads(line, object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"line {number}: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"line {number} is not a JSON object")  # noqa: TRY004 - it is about data
    return row


def _once(pairs: list[tuple[str, Any]]) -> Row:
    """An object of JSON. Raises ``ValueError`` for a key that it has twice: either may be meant."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"it has the key '{twice}' more than once")
    return found


def _csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))  # the default refuses texts over 128 kB
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.DictReader(stream, strict=True)
        columns.refuse_doubled(reader.fieldnames or ())
        for number, row in enumerate(reader, start=1):
            if None in row:
                raise ValueError(f"row {number} has more values than there are columns")
            yield row
