"""The Parquet files of a run: streamed out and in, each naming its predecessor's hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.files import whole
from smallscale_ci.records import FinishReason, Generation, Judgement, Outcome
from smallscale_ci.run import columns

SCHEMA_VERSION = "1"
_AGAIN = "Run the stage that writes it again."
_Word = TypeVar("_Word", bound=StrEnum)
_KEYS = ("problem_id", "sample_index")
_BATCH = 4096  # rows in memory at a time
_BATCH_ITEMS = 2_000_000  # characters and token ids at a time: one row may be long


def required(name: str, kind: pa.DataType) -> pa.Field:
    """A non-nullable column."""
    return pa.field(name, kind, nullable=False)


GENERATIONS = pa.schema(
    [
        required("problem_id", pa.string()),
        required("sample_index", pa.int32()),
        required("text", pa.string()),
        required("token_ids", pa.list_(pa.int32())),
        ("prompt_tokens", pa.int32()),  # null for an endpoint that does not report it
        required("completion_tokens", pa.int32()),
        required("finish_reason", pa.string()),
        required("rank", pa.int32()),
        required("seconds", pa.float64()),
        required("error", pa.string()),
        ("thinking", pa.bool_()),  # absent in older files: false
        ("logprobs", pa.list_(pa.float32())),  # of each token id; null if not requested
        ("thinking_tokens", pa.int32()),  # absent in older files, null for most endpoints
        ("looping", pa.bool_()),  # absent in older files
    ],
    metadata={"kind": "generations"},
)
JUDGEMENTS = pa.schema(
    [
        required("problem_id", pa.string()),
        required("sample_index", pa.int32()),
        required("task", pa.string()),
        required("outcome", pa.string()),
        ("extracted", pa.string()),
        required("judge", pa.string()),
        required("reason", pa.string()),
        ("cluster", pa.string()),
    ],
    metadata={"kind": "judgements"},
)


def write(
    path: Path, schema: pa.Schema, rows: Iterable[Mapping[str, Any]], predecessor: str
) -> str:
    """Write ``rows`` as zstd Parquet in bounded memory and return the file's SHA-256.

    ``predecessor`` is the hash of the file this one was made from. The file appears complete, by
    rename; the old file stays until then. Raises ``OSError``.
    """
    metadata = {**schema.metadata, "schema_version": SCHEMA_VERSION, "predecessor": predecessor}
    schema = schema.with_metadata(metadata)
    iterator = iter(rows)
    with whole(path) as stream, pq.ParquetWriter(stream, schema, compression="zstd") as writer:
        while batch := _batch(iterator):
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
    return stream.sha256


def _batch(rows: Iterator[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    batch: list[Mapping[str, Any]] = []
    size = 0
    for row in islice(rows, _BATCH):
        batch.append(row)
        size += sum(len(value) for value in row.values() if isinstance(value, (str, list)))
        if size > _BATCH_ITEMS:
            break
    return batch


def write_table(path: Path, table: pa.Table, kind: str, predecessor: str) -> str:
    """Write a whole table at once, with the same metadata as ``write``; returns its SHA-256.

    Raises ``OSError``.
    """
    metadata = {"kind": kind, "schema_version": SCHEMA_VERSION, "predecessor": predecessor}
    with whole(path) as stream:
        pq.write_table(table.replace_schema_metadata(metadata), stream, compression="zstd")
    return stream.sha256


def open_file(
    path: Path, schema: pa.Schema | None = None, needs: Iterable[str] = ()
) -> pq.ParquetFile:
    """Open one of our Parquet files, checking that it is of ``schema``'s kind.

    Raises ``DataError`` for a missing or damaged file and for one that lacks a column in ``needs``,
    ``InvalidError`` for another kind or an unknown schema version.
    """
    file = columns.parquet(path, str(path), _AGAIN)
    if schema is None:
        return file
    found, kind = metadata_of(file), schema.metadata[b"kind"].decode()
    if found.get("kind") != kind or found.get("schema_version") != SCHEMA_VERSION:
        raise InvalidError(
            f"{path} is not a {kind} file of schema version {SCHEMA_VERSION}.",
            "It was written by another version of smallscale: run that stage again.",
        )
    for name in needs:
        if name not in file.schema_arrow.names:
            raise DataError(f"{path} is damaged: it lacks the column '{name}'.", _AGAIN)
    return file


def read(
    path: Path, schema: pa.Schema, names: list[str] | None = None, *, newer: Sequence[str] = ()
) -> pa.Table:
    """Columns of a whole file in the types of ``schema``. Raises the errors of ``open_file``.

    ``newer`` are columns that older files lack: those that this one has are read, too.
    """
    file = open_file(path, schema, names or ())
    if names is not None:
        names = [*names, *(name for name in newer if name in file.schema_arrow.names)]
    with columns.damage(str(path), _AGAIN):
        return columns.typed(file.read(columns=names), schema)


def read_problems(
    path: Path, schema: pa.Schema, problems: Iterable[str], epochs: int, names: list[str]
) -> Iterator[dict[str, Any]]:
    """Rows of the first ``epochs`` samples of ``problems``, in bounded memory.

    A column that the file lacks is ``None``. Raises the errors of ``open_file``.
    """
    wanted = pa.array(list(problems), pa.string())
    empty = dict.fromkeys(names)
    for batch in batches(path, schema, [*names, *_KEYS]):
        few = pc.and_(
            pc.is_in(batch["problem_id"], value_set=wanted),
            pc.less(batch["sample_index"], epochs),
        )
        for row in batch.filter(few).to_pylist():
            yield {**empty, **{name: row[name] for name in names if name in row}}


def metadata_of(file: pq.ParquetFile) -> dict[str, str]:
    """The file's own key-value metadata as text."""
    metadata = file.schema_arrow.metadata or {}
    return {key.decode(): value.decode("utf-8", "replace") for key, value in metadata.items()}


def predecessor_of(path: Path, schema: pa.Schema) -> str:
    """The hash of the file that ``path`` was made from."""
    return metadata_of(open_file(path, schema)).get("predecessor", "")


def rows(path: Path, schema: pa.Schema) -> Iterator[dict[str, Any]]:
    """The rows of a file, in bounded memory. Raises the errors of ``open_file``."""
    for batch in batches(path, schema):
        yield from batch.to_pylist()


def batches(
    path: Path, schema: pa.Schema, names: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches of about ``_BATCH_ITEMS`` characters and token ids, with the existing columns.

    Raises what ``open_file`` raises.
    """
    every = [field.name for field in schema if not field.nullable]
    file = open_file(path, schema, every if names is None else _KEYS)
    if names is not None:
        names = [name for name in file.schema_arrow.names if name in names]
    count = max(file.metadata.num_rows, 1)
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    size = sum(group.total_byte_size for group in groups) / count  # of a row, about
    rows = max(1, min(_BATCH, int(4 * _BATCH_ITEMS / max(size, 1))))
    found = file.iter_batches(rows, columns=names)
    while True:
        with columns.damage(str(path), _AGAIN):
            batch = next(found, None)
            batch = batch and columns.typed(batch, schema)
        if batch is None:
            return
        yield batch


def generations(path: Path) -> Iterator[Generation]:
    """The generations in ``generations.parquet``, in its order. Raises ``DataError``."""
    known = {item.name for item in fields(Generation)}
    for row in rows(path, GENERATIONS):
        row["finish_reason"] = word_of(FinishReason, row["finish_reason"], path)
        row["token_ids"] = tuple(row["token_ids"])
        row["thinking"] = bool(row.get("thinking"))
        yield Generation(**{name: value for name, value in row.items() if name in known})


def word_of(words: type[_Word], value: str, path: Path) -> _Word:
    """The member of ``words`` for a ``value`` in the file ``path``. Raises ``DataError``."""
    try:
        return words(value)
    except ValueError as error:
        what = f"{path} is damaged: it holds the {words.__name__} '{value}'."
        raise DataError(what, _AGAIN) from error


def judgement_row(judgement: Judgement, cluster: str) -> dict[str, Any]:
    """A judgement as a row of ``judgements.parquet``."""
    return {
        "problem_id": judgement.problem_id,
        "sample_index": judgement.sample_index,
        "task": judgement.task,
        "outcome": judgement.outcome.value,
        "extracted": judgement.extracted,
        "judge": judgement.judge,
        "reason": judgement.reason,
        "cluster": cluster,
    }


def judgements(path: Path) -> Iterator[Judgement]:
    """The judgements in ``judgements.parquet``, in its order. Raises ``DataError``."""
    for row in rows(path, JUDGEMENTS):
        row["outcome"] = word_of(Outcome, row["outcome"], path)
        known: dict[str, Any] = {item.name: row.get(item.name) for item in fields(Judgement)}
        yield Judgement(**known)
