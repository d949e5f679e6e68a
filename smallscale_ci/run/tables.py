"""The parquet files of a run: streamed out, streamed in, each naming its predecessor's hash."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.files import whole
from smallscale_ci.records import FinishReason, Generation, Judgement, Outcome

SCHEMA_VERSION = "1"
_BATCH = 4096  # rows in memory at a time
_BATCH_ITEMS = 2_000_000  # and their characters and token ids: a long chain of thought is one row

GENERATIONS = pa.schema(
    [
        ("problem_id", pa.string()),
        ("sample_index", pa.int32()),
        ("text", pa.string()),
        ("token_ids", pa.list_(pa.int32())),
        ("prompt_tokens", pa.int32()),
        ("completion_tokens", pa.int32()),
        ("finish_reason", pa.string()),
        ("rank", pa.int32()),
        ("seconds", pa.float64()),
        ("error", pa.string()),
        ("thinking", pa.bool_()),  # absent in older files: false
        ("logprobs", pa.list_(pa.float32())),  # of each token id; null where not asked for
        ("thinking_tokens", pa.int32()),  # absent in older files, null behind most endpoints
        ("looping", pa.bool_()),  # absent in older files
    ],
    metadata={"kind": "generations"},
)
JUDGEMENTS = pa.schema(
    [
        ("problem_id", pa.string()),
        ("sample_index", pa.int32()),
        ("task", pa.string()),
        ("outcome", pa.string()),
        ("extracted", pa.string()),
        ("judge", pa.string()),
        ("reason", pa.string()),
        ("cluster", pa.string()),
    ],
    metadata={"kind": "judgements"},
)


def write(
    path: Path, schema: pa.Schema, rows: Iterable[Mapping[str, Any]], predecessor: str
) -> str:
    """Write ``rows`` as zstd parquet in bounded memory and return the file's SHA-256.

    ``predecessor`` is the hash of the file this one was made from. The file appears complete, by
    rename; what was there before stays until then. Raises ``OSError``.
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


def open_file(path: Path, kind: str | None = None) -> pq.ParquetFile:
    """Open a parquet file, checking that it is one of ours of that ``kind``.

    Raises ``DataError`` for a missing or damaged file, ``InvalidError`` for another kind or an
    unknown schema version.
    """
    with _damage(path):
        file = pq.ParquetFile(path, memory_map=True)
    if kind is None:
        return file
    found = metadata_of(file)
    if found.get("kind") != kind or found.get("schema_version") != SCHEMA_VERSION:
        raise InvalidError(
            f"{path} is not a {kind} file of schema version {SCHEMA_VERSION}.",
            "It was written by another version of smallscale: run that stage again.",
        )
    return file


def read(path: Path, kind: str | None = None, columns: list[str] | None = None) -> pa.Table:
    """A whole file as a table. Raises what ``open_file`` raises."""
    file = open_file(path, kind)
    with _damage(path):
        return file.read(columns=columns)


def read_problems(
    path: Path, kind: str, problems: Iterable[str], epochs: int, columns: list[str]
) -> Iterator[dict[str, Any]]:
    """Rows of the first ``epochs`` samples of some problems, in bounded memory.

    A column that the file lacks is ``None``. Raises what ``open_file`` raises.
    """
    file = open_file(path, kind)
    keys = {"problem_id", "sample_index"}
    known = [name for name in file.schema_arrow.names if name in {*columns, *keys}]
    wanted = pa.array(list(problems), pa.string())
    empty = dict.fromkeys(columns)
    for batch in _batches(path, file, known):
        few = pc.and_(
            pc.is_in(batch["problem_id"], value_set=wanted),
            pc.less(batch["sample_index"], epochs),
        )
        for row in batch.filter(few).to_pylist():
            yield {**empty, **{name: row[name] for name in columns if name in row}}


def metadata_of(file: pq.ParquetFile) -> dict[str, str]:
    """The file's own key-value metadata as text."""
    metadata = file.schema_arrow.metadata or {}
    return {key.decode(): value.decode("utf-8", "replace") for key, value in metadata.items()}


def predecessor_of(path: Path, kind: str) -> str:
    """The hash of the file that ``path`` was made from."""
    return metadata_of(open_file(path, kind)).get("predecessor", "")


def rows(path: Path, kind: str | None = None) -> Iterator[dict[str, Any]]:
    """The rows of a file, in bounded memory."""
    for batch in _batches(path, open_file(path, kind)):
        yield from batch.to_pylist()


def _batches(
    path: Path, file: pq.ParquetFile, columns: list[str] | None = None
) -> Iterator[pa.RecordBatch]:
    """Batches of about ``_BATCH_ITEMS`` characters and token ids."""
    count = max(file.metadata.num_rows, 1)
    groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
    size = sum(group.total_byte_size for group in groups) / count  # of a row, about
    rows = max(1, min(_BATCH, int(4 * _BATCH_ITEMS / max(size, 1))))
    batches = file.iter_batches(rows, columns=columns)
    while True:
        with _damage(path):
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def generations(path: Path) -> Iterator[Generation]:
    """The generations in ``generations.parquet``, in its order."""
    for row in rows(path, "generations"):
        row["finish_reason"] = FinishReason(row["finish_reason"])
        row["token_ids"] = tuple(row["token_ids"])
        row["thinking"] = bool(row.get("thinking"))
        row.pop("logprobs", None)
        yield Generation(**row)


@contextmanager
def _damage(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"there is no {path}.", "Run the stage before it first.") from error
    except (pa.ArrowException, OSError) as error:
        raise DataError(
            f"{path} is damaged or no parquet file: {str(error).splitlines()[0]}",
            "Run the stage that writes it again.",
        ) from error


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
    """The judgements in ``judgements.parquet``, in its order."""
    for row in rows(path, "judgements"):
        row.pop("cluster")
        yield Judgement(**{**row, "outcome": Outcome(row["outcome"])})
