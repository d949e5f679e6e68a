"""The rows of JSON Lines, JSON, CSV, Parquet and Arrow files, a batch in memory at a time."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import pyarrow as pa
from pyarrow import ipc

from smallscale_ci.errors import DataError
from smallscale_ci.interop.files import (
    UNREADABLE,
    WRONG_FILE,
    Row,
    first_object,
    json_lines,
    kind_of,
    opened,
    unreadable,
)
from smallscale_ci.run import columns, tables
from smallscale_ci.suite import files

SUFFIXES = (".parquet", ".arrow", ".feather", ".jsonl", ".ndjson", ".json", ".csv", ".tsv")
_PARQUET, _ARROW, _CSV = (".parquet",), (".arrow", ".feather"), (".csv", ".tsv")
_MAGIC = b"ARROW1"  # of Arrow's file format; the stream format, used in data set caches, has none
_DIALECTS = ",;\t|"
_SEPARATOR = "sep="  # first line in which Excel names the separator
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_LOOKED_AT = 100  # untyped rows whose keys name the columns
_BATCH = 1024  # rows in memory at a time


@dataclass(frozen=True, slots=True)
class RowFile:
    """A file of rows. ``schema`` is a columnar file's; ``None`` if rows are untyped."""

    path: Path
    columns: tuple[str, ...]
    schema: pa.Schema | None
    metadata: dict[str, str]
    packed: tuple[str, ...] = ()  # columns that hold JSON as text, which ``rows`` decodes

    def kept(self, row: Row) -> Row:
        """``row`` in the types of ``schema``."""
        return {**row, **{name: json.dumps(row[name]) for name in self.packed}}

    def rows(self) -> Iterator[tuple[int, Row]]:
        """Each row with its number, from 1. Raises ``DataError`` if the file is damaged."""
        kind = kind_of(self.path)
        if kind in _PARQUET:
            yield from enumerate(_cells(self.path, _parquet_batches(self.path)), 1)
        elif kind in _ARROW:
            yield from enumerate(_cells(self.path, _arrow_batches(self.path)), 1)
        elif kind in _CSV:
            yield from _csv_rows(self.path)
        elif kind == ".json":
            yield from _json_rows(self.path)
        else:
            yield from json_lines(self.path)


def open_rows(path: Path) -> RowFile:
    """Open ``path`` by its suffix. Raises ``DataError`` if it cannot be read."""
    kind = kind_of(path)
    if kind in (*_PARQUET, *_ARROW) and kind != path.suffix.lower():
        raise DataError(f"{path} is packed.", f"Unpack it: gunzip {path.name}")
    if kind in _PARQUET:
        try:
            file = tables.open_file(path)
        except DataError as error:
            raise DataError(error.message, "Copy the file again.") from error
        schema = file.schema_arrow
        return _columnar(path, schema, tables.metadata_of(file))
    if kind in _ARROW:
        schema = next(_arrow_batches(path, schema_only=True)).schema
        return _columnar(path, schema, {})
    if kind in _CSV:
        with columns.damage(str(path), WRONG_FILE, "a table"):
            columns.refuse_doubled(names := _header(_csv_lines(path)))
        return RowFile(path, tuple(names), None, {})
    if kind in SUFFIXES:
        lines = _json_rows(path) if kind == ".json" else json_lines(path)
        keys = dict.fromkeys(key for _, row in islice(lines, _LOOKED_AT) for key in row)
        return RowFile(path, tuple(keys), None, {})
    raise DataError(
        f"{path} is not of a known kind.", f"Files of rows end in {', '.join(SUFFIXES)}."
    )


def _cells(path: Path, batches: Iterator[pa.RecordBatch]) -> Iterator[Row]:
    for batch in batches:
        try:
            yield from files.cells(batch)
        except ValueError as error:
            raise DataError(f"{path}: {error}.", "Write the column in another type.") from error


def _parquet_batches(path: Path) -> Iterator[pa.RecordBatch]:
    with columns.damage(str(path), WRONG_FILE):
        for batch in tables.open_file(path).iter_batches(_BATCH):
            yield columns.checked(batch)


def _arrow_batches(path: Path, *, schema_only: bool = False) -> Iterator[pa.RecordBatch]:
    """Batches of either Arrow format; with ``schema_only``, one without rows."""
    with (
        columns.damage(str(path), WRONG_FILE, "an Arrow file"),
        pa.memory_map(str(path)) as source,
    ):
        is_file = source.read(len(_MAGIC)) == _MAGIC
        source.seek(0)
        reader = ipc.open_file(source) if is_file else ipc.open_stream(source)
        columns.refuse_doubled(reader.schema.names)
        if schema_only:
            yield pa.RecordBatch.from_pylist([], schema=reader.schema)
            return
        numbers = range(reader.num_record_batches) if is_file else ()
        for batch in map(reader.get_batch, numbers) if is_file else reader:
            yield columns.checked(batch)


def _columnar(path: Path, schema: pa.Schema, metadata: dict[str, str]) -> RowFile:
    """A file whose schema can be written: without views, and with JSON as text."""
    packed = tuple(field.name for field in schema if isinstance(field.type, pa.JsonType))
    fields = [field.with_type(pa.string()) if field.name in packed else field for field in schema]
    plain = files.plain(pa.schema(fields).empty_table()).schema
    return RowFile(path, tuple(schema.names), plain, metadata, packed)


def _csv_rows(path: Path) -> Iterator[tuple[int, Row]]:
    lines = _csv_lines(path)
    header = _header(lines)
    for number, line in enumerate(lines, 1):
        if len(line) != len(header):
            raise DataError(
                f"{path}, row {number} has {len(line)} values, and the header {len(header)}.",
                "Quote values that hold the separator or line breaks.",
            )
        yield number, dict(zip(header, line, strict=True))


def _header(lines: Iterator[list[str]]) -> list[str]:
    """The names of the columns, stripped."""
    return [name.strip() for name in next(lines, [])]


def _csv_lines(path: Path) -> Iterator[list[str]]:
    """Lines as text: numbers such as 007 and 0,5 stay as they are written."""
    csv.field_size_limit(1 << 30)
    try:
        with opened(path) as packed:
            coding = "utf-16" if packed.read(2) in _UTF16 else "utf-8-sig"
            packed.seek(0)
            stream = io.TextIOWrapper(packed, encoding=coding, newline="")
            header = stream.readline()
            delimiter = max(_DIALECTS, key=header.count)
            if header.lower().startswith(_SEPARATOR):
                delimiter = header[len(_SEPARATOR) :].rstrip("\r\n")[:1] or delimiter
            else:
                stream.seek(0)
            yield from (line for line in csv.reader(stream, delimiter=delimiter) if line)
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8: {error}.", f"Convert it: iconv -f LATIN1 -t UTF-8 {path.name}"
        ) from error
    except csv.Error as error:
        raise DataError(f"{path} cannot be read: {error}.", WRONG_FILE) from error
    except UNREADABLE as error:
        raise unreadable(path, error) from error


def _json_rows(path: Path) -> Iterator[tuple[int, Row]]:
    """The objects of a JSON array, of an object that holds a single array, or of JSON Lines."""
    try:
        with opened(path) as stream:
            content = stream.read()
        value = json.loads(content)
    except UNREADABLE as error:
        raise unreadable(path, error) from error
    except (ValueError, RecursionError) as error:
        if first_object(path):  # a whole object on the first line, followed by more
            yield from json_lines(path)
            return
        raise DataError(f"{path} is not JSON: {error}.", "The file is damaged.") from error
    if isinstance(value, dict):
        lists = [part for part in value.values() if _are_rows(part) and part]
        value = lists[0] if len(lists) == 1 else _by_ids(value)
    if not _are_rows(value):
        raise DataError(
            f"{path} is not a JSON array of objects, and does not hold just one.",
            "Write the rows as a JSON array, or as JSON Lines.",
        )
    yield from enumerate(value, 1)


def _by_ids(value: Row) -> list[Row] | None:
    """The rows of an object that maps ids to rows; ``None`` if it holds anything else."""
    rows = list(value.values())
    if not rows or not all(isinstance(row, dict) and row.keys() == rows[0].keys() for row in rows):
        return None
    return [{"id": key, **row} for key, row in value.items()]


def _are_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(row, dict) for row in value)
