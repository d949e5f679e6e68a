"""The output of ``judge`` for another tool's file: its samples with their judgements.

Columnar files keep all their columns; a row with several texts becomes several rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from smallscale_ci.errors import BadSamplesError, UsageError
from smallscale_ci.files import storage_errors, whole
from smallscale_ci.interop.interface import Sample
from smallscale_ci.records import Judgement

_INDEX, _OUTPUT = "sample_index", "model_output"
_SAMPLE = pa.schema(
    [
        ("task", pa.string()),
        ("id", pa.string()),
        ("problem_id", pa.string()),
        (_INDEX, pa.int32()),
        ("ground_truth", pa.string()),
        (_OUTPUT, pa.string()),
        ("completion_tokens", pa.int64()),
        ("thinking_tokens", pa.int64()),
        ("finish_reason", pa.string()),
    ]
)
_JUDGEMENT = pa.schema(
    [(name, pa.string()) for name in ("outcome", "extracted", "judge", "reason")]
)


def refuse_target(source: Path, target: Path) -> None:
    """Raise ``UsageError`` if ``target`` is the original, or where no Parquet file can be."""
    if source.resolve() == target.resolve():
        raise UsageError(f"{target} is the original.", "Name another file with --output.")
    if target.is_dir():
        raise UsageError(f"{target} is a folder.", "Name a file with --output.")
    if target.exists() and not target.is_file():
        raise UsageError(
            f"{target} is a pipe or a device, and Parquet needs a file.",
            "Name a file with --output.",
        )
    folder = target.resolve().parent if target.is_symlink() else target.parent
    if not folder.is_dir():
        raise UsageError(f"The folder {folder} does not exist.", "Make it, or change --output.")


def numbered(samples: Iterator[Sample]) -> Iterator[tuple[int, Sample]]:
    """Each sample with its epoch: the tool's own, or its position among those of its problem.

    Raises ``BadSamplesError`` for a sample that appears twice, and for an id with two questions.
    """
    seen: Counter[tuple[str, str]] = Counter()
    contents: dict[tuple[str, str], str] = {}
    numbers: set[int] = set()  # hashes of samples with an epoch of their own
    for sample in samples:
        key = (sample.task, sample.problem)
        if sample.content and contents.setdefault(key, sample.content) != sample.content:
            raise two_contents(f"Row {sample.row or sum(seen.values()) + 1}", sample.problem)
        if sample.epoch is not None:
            number = hash((*key, sample.epoch))
            if number in numbers:
                raise BadSamplesError(
                    f"Problem {sample.problem} of {sample.task} has the sample {sample.epoch} "
                    "twice.",
                    "Two runs were joined into one file: give them apart.",
                )
            numbers.add(number)
        yield (seen[key] if sample.epoch is None else sample.epoch), sample
        seen[key] += 1


def two_contents(where: str, problem: str) -> BadSamplesError:
    """The error for one id with two contents: two tasks were joined without saying so."""
    return BadSamplesError(
        f"{where}: the id {problem} stands for two questions of one task.",
        "Two tasks were joined: give them apart, or add a column that names the task.",
    )


class JudgedFile:
    """A Parquet file that grows batch by batch and appears complete when it is closed."""

    def __init__(self, target: Path, source: pa.Schema | None) -> None:
        """``source`` is the schema of a columnar file, whose columns are kept."""
        self._target = target.resolve()  # a link stays one
        self._text = ""
        kept = _SAMPLE if source is None else self._kept(source)
        fields = [field for field in kept if field.name not in _JUDGEMENT.names]
        self._source = source
        self._schema = pa.schema([*fields, *_JUDGEMENT])
        self._writer: pq.ParquetWriter | None = None
        self._opened = ExitStack()

    def _kept(self, source: pa.Schema) -> list[pa.Field]:
        """The source's columns; a column of several texts becomes one of a text and its number."""
        fields: list[pa.Field] = list(source.remove_metadata())
        for place, field in enumerate(fields):
            if pa.types.is_list(field.type) and field.name == _OUTPUT:
                fields[place] = pa.field(_OUTPUT, pa.string())
                self._text = _OUTPUT
        names = [field.name for field in fields]
        if self._text and _INDEX not in names:
            fields.append(pa.field(_INDEX, pa.int32()))
        return fields

    def __enter__(self) -> Self:
        with self._storage_errors(), ExitStack() as opened:
            stream = opened.enter_context(whole(self._target))
            self._writer = opened.enter_context(
                pq.ParquetWriter(stream, self._schema, compression="zstd")
            )
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._storage_errors():
            self._opened.__exit__(kind, error, trace)

    def _storage_errors(self) -> AbstractContextManager[None]:
        hint = "Free disk space or correct its rights, or name another place with --output."
        return storage_errors(str(self._target), hint)

    def write(self, samples: Sequence[tuple[int, Sample]], judgements: Sequence[Judgement]) -> None:
        """Write a batch of samples, each with its epoch, and their judgements."""
        assert self._writer is not None  # noqa: S101 - used as a context manager
        rows = [
            {**self._row(epoch, sample), **_judged(judgement)}
            for (epoch, sample), judgement in zip(samples, judgements, strict=True)
        ]
        table = pa.Table.from_pylist(rows, schema=self._schema)
        with self._storage_errors():
            self._writer.write_table(table)

    def _row(self, epoch: int, sample: Sample) -> dict[str, Any]:
        if self._source is not None:
            if not self._text:
                return dict(sample.kept)
            return {**sample.kept, self._text: _valid(sample.text), _INDEX: epoch}
        return {
            "task": sample.task,
            "id": sample.name or sample.problem,
            "problem_id": sample.problem,
            _INDEX: epoch,
            "ground_truth": _valid(" | ".join(sample.golds)),
            _OUTPUT: _valid(sample.text),
            "completion_tokens": sample.tokens,
            "thinking_tokens": sample.thinking_tokens,
            "finish_reason": sample.finish.value if sample.finish else None,
        }


def _judged(judgement: Judgement) -> dict[str, Any]:
    return {
        "outcome": judgement.outcome.value,
        "extracted": _valid(judgement.extracted),
        "judge": judgement.judge,
        "reason": _valid(judgement.reason),
    }


def _valid(text: str | None) -> str | None:
    """``text`` without lone surrogates, which UTF-8 cannot encode."""
    return None if text is None else text.encode("utf-8", "replace").decode()
