"""Pulled data: fetched once, checked against its pin, normalised, and kept in the user's cache.

An unpinned source is pinned at its first pull: the sha256 is written to ``pins.lock.json``
beside the suite, which belongs in git. A pin is never rewritten.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from smallscale_ci import ids
from smallscale_ci.config.suite import TaskConfig
from smallscale_ci.errors import DataError, StorageError
from smallscale_ci.files import whole
from smallscale_ci.records import Problem
from smallscale_ci.suite import files, source
from smallscale_ci.suite.fetch import fetch
from smallscale_ci.suite.normal import VERSION, Numbered, normal, refusal
from smallscale_ci.suite.pins import checked, pin_of, record
from smallscale_ci.suite.rows import PULLED, RowError, problem

_KEPT = b"smallscale.pulled"
_BATCH_ROWS, _BATCH_BYTES = 4096, 64 << 20  # one problem of a code benchmark may take megabytes
Tell = Callable[[str, int, int | None], None]  # task, bytes so far, bytes in all if known


@dataclass(frozen=True, slots=True)
class Pulled:
    """The result of a pull. ``pinned`` is what the file was checked by; ``recorded``: a new pin."""

    task: str
    source: str
    taken_from: str
    sha256: str  # of the file as published
    pinned: str  # "sha256", "blob", "lock" or "recorded"
    rows: int  # of the file as published
    problems: int
    path: str  # of the normalised file; of the file itself if it is local
    fresh: bool  # False: it was in the cache already


def pull(
    task: TaskConfig, base: Path, cache: Path, origin: str | None = None, tell: Tell | None = None
) -> Pulled:
    """Make the data of ``task`` loadable, and return a description of them.

    ``base`` is the folder of the suite, ``origin`` a folder, file or URL that has a copy of the
    source. Raises ``DataError`` for a file that is not the pinned one or cannot be used,
    ``UsageError`` for a copy that lacks it, ``DownloadError`` and ``StorageError``.
    """
    found = source.parse(task.source, base)
    if isinstance(found, Path):
        return _here(task, found, base)
    known = cached(task, base, cache)
    if known is not None and origin is None and _is_whole(known):
        return Pulled(**{**_kept(known), "task": task.name, "path": str(known), "fresh": False})
    try:
        return _pull(task, found, base, cache / "suites", origin, tell)
    except OSError as error:
        raise StorageError(
            f"{error.filename or cache} cannot be used: {error.strerror or error}.",
            "Is the disk full, or the folder read-only?",
        ) from error


def _pull(
    task: TaskConfig,
    found: source.Remote | source.Hub,
    base: Path,
    folder: Path,
    origin: str | None,
    tell: Tell | None,
) -> Pulled:
    folder.mkdir(parents=True, exist_ok=True)
    pin = pin_of(task, base)
    part = folder / f"{ids.content_hash([task.source, origin], 16)}.part"
    if pin is None:
        part.unlink(missing_ok=True)  # nothing would distinguish two versions in one file

    def progress(done: int, total: int | None) -> None:
        if tell is not None:
            tell(task.name, done, total)

    raw = fetch(found, origin, part, progress)
    try:
        sha256, how = checked(task, raw, pin)
    except DataError:
        part.unlink(missing_ok=True)
        raise
    about = {
        "task": task.name,
        "source": task.source,
        "taken_from": origin or task.source,
        "sha256": sha256,
        "pinned": how,
    }
    path = folder / _name(task, pin[1] if pin else sha256)
    made = _normalised(task, raw, found.path.name, path, about)
    if pin is None:
        record(base, task.source, sha256)
    part.unlink(missing_ok=True)
    return made


def cached(task: TaskConfig, base: Path, cache: Path) -> Path | None:
    """The normalised file of a task, or ``None`` if it was not pulled in its current form."""
    pin = pin_of(task, base)
    if pin is None:
        return None
    path = cache / "suites" / _name(task, pin[1])
    return path if path.is_file() else None


def _here(task: TaskConfig, path: Path, base: Path) -> Pulled:
    """Check or record the pin of a local file."""
    if not path.is_file():
        raise DataError(
            f"Task {task.name}: there is no file {path}.", "Correct 'source' in the suite's YAML."
        )
    shipped = path.parent == source.SHIPPED
    pin = pin_of(task, base)
    sha256, how = checked(task, path, pin)
    if pin is None and not shipped:
        record(base, task.source, sha256)
    seen = _Counted(files.rows(path))
    problems = sum(1 for _ in normal(seen, task, str(path)))
    how = "shipped" if shipped and pin is None else how
    return Pulled(
        task.name, task.source, str(path), sha256, how, seen.count, problems, str(path), fresh=False
    )


def _normalised(
    task: TaskConfig, raw: Path, name: str, path: Path, about: Mapping[str, str]
) -> Pulled:
    """Write the problems of ``raw`` to ``path``, which appears only when complete."""
    seen = _Counted(files.rows(raw, PurePosixPath(name).suffix))
    problems = 0
    with (
        whole(path) as stream,
        pq.ParquetWriter(stream, PULLED, compression="zstd", write_page_checksum=True) as writer,
    ):
        for batch in _batches(_stored(normal(seen, task, name), task, name)):
            writer.write_table(pa.Table.from_pylist(batch, schema=PULLED))
            problems += len(batch)
        if not problems:
            raise DataError(f"Task {task.name}: {name} holds no problems.", "Is it the right file?")
        made = Pulled(**about, rows=seen.count, problems=problems, path=str(path), fresh=True)
        writer.add_key_value_metadata({_KEPT: ids.canonical_json(asdict(made))})
    return made


def _stored(rows: Iterable[Numbered], task: TaskConfig, name: str) -> Iterator[dict[str, Any]]:
    """Rows in their stored form: checked as at loading, with normalised values."""
    wrong: list[tuple[int, str]] = []
    for number, row in rows:
        try:
            found = problem(row, task.name, task.judge.name, task.gold_index)
        except RowError as error:
            wrong.append((number, str(error)))
            continue
        yield _kept_row(found)
    if wrong:
        raise refusal(task, name, wrong)


def _kept_row(found: Problem) -> dict[str, Any]:
    return {
        "question": found.question,
        "gold": found.gold,
        "also": list(found.also),
        "choices": list(found.choices),
        "tests": [asdict(test) for test in found.tests],
        "cluster": found.cluster,
        "meta": json.dumps(found.meta, ensure_ascii=False, sort_keys=True, default=str),
    }


def _batches(rows: Iterable[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += len(row["question"]) + sum(len(t["input"]) + len(t["output"]) for t in row["tests"])
        if len(batch) == _BATCH_ROWS or size >= _BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Counted:
    """An iterable that counts the items it has yielded."""

    def __init__(self, rows: Iterable[files.Row]) -> None:
        self._rows, self.count = rows, 0

    def __iter__(self) -> Iterator[files.Row]:
        for row in self._rows:
            self.count += 1
            yield row


def _kept(path: Path) -> dict[str, Any]:
    """A normalised file's record of its pull."""
    found: dict[str, Any] = json.loads(pq.read_metadata(path).metadata[_KEPT])
    return found


def _is_whole(path: Path) -> bool:
    """Whether a normalised file can be read to its end: its pages have checksums."""
    try:
        return bool(_kept(path)["problems"] == sum(1 for _ in files.rows(path)))
    except (DataError, pa.ArrowException, OSError, KeyError, TypeError, ValueError, RecursionError):
        return False


def _name(task: TaskConfig, pin: str) -> str:
    """The name of the normalised file: the source, and a hash of everything it was made by."""
    made_by: list[Any] = [task.source, pin, task.format, task.columns, task.repeats, VERSION]
    if task.gold_index is not None:  # keeps the names of other tasks' files unchanged
        made_by.append(task.gold_index)
    if task.skip:
        made_by.append([skipped.row for skipped in task.skip])
    stem = re.sub(r"[^\w-]+", "-", PurePosixPath(task.source).stem.rpartition(":")[2])[:40]
    return f"{stem}-{ids.content_hash(made_by, 12)}.parquet"
