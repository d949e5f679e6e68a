"""Suites from local files: parquet, JSONL or CSV, pinned by hash, every row checked."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from smallscale_ci import ids
from smallscale_ci.config.models import SuiteConfig, TaskConfig
from smallscale_ci.errors import DataError, did_you_mean
from smallscale_ci.records import Problem
from smallscale_ci.suite.model import Suite, suite_hash
from smallscale_ci.suite.rows import COLUMNS, RowError, problem

SHIPPED = Path(__file__).resolve().parent / "data"
_PACKAGE = "package:"
_READABLE = ".parquet, .jsonl or .csv"


def load_suite(config: SuiteConfig, base: Path) -> Suite:
    """Read the problems of every task; ``base`` is the folder that relative sources start from.

    Raises ``DataError`` for a file that is missing, changed, empty or corrupt, for a row that
    cannot be used, and for a problem that appears twice.
    """
    problems = tuple(found for task in config.tasks for found in load_task(task, base))
    return Suite(config.name, config.tasks, problems, suite_hash(config.tasks, problems))


def load_task(task: TaskConfig, base: Path) -> tuple[Problem, ...]:
    """The problems of one task in the order of its file. Raises ``DataError``."""
    path = source_path(task.source, base)
    if not path.is_file():
        raise DataError(
            f"Task {task.name}: there is no file {path}.",
            "Correct 'source' in the suite's YAML; relative paths start beside that YAML.",
        )
    _check_pin(task, path)
    rows = _read_rows(path)
    if not rows:
        raise DataError(
            f"Task {task.name}: {path} holds no problems.", "Is it the file that was meant?"
        )
    _check_columns(rows[0], path)
    problems: list[Problem] = []
    wrong: list[str] = []
    for number, row in enumerate(rows, start=1):
        try:
            problems.append(problem(row, task.name, task.judge.name))
        except RowError as error:
            wrong.append(f"row {number} {error}")
    if wrong:
        more = f" ({len(wrong)} such rows in all)" if len(wrong) > 1 else ""
        raise DataError(
            f"Task {task.name}: {path}: {wrong[0]}{more}.",
            "Correct or remove the row: none is ever skipped.",
        )
    _refuse_duplicates(problems, task.name, path)
    return tuple(problems)


def source_path(source: str, base: Path) -> Path:
    """The file that a task's ``source`` names. Raises ``DataError`` for an unknown shipped one."""
    if not source.startswith(_PACKAGE):
        return base / source
    name = source.removeprefix(_PACKAGE)
    known = sorted(path.name for path in SHIPPED.iterdir() if path.suffix == ".parquet")
    if name not in known:
        raise DataError(
            f"The package ships no file '{name}'{did_you_mean(name, known)}.",
            f"It ships: {', '.join(known)}.",
        )
    return SHIPPED / name


def _check_pin(task: TaskConfig, path: Path) -> None:
    if task.sha256 is None:
        return
    actual = ids.file_hash(path)
    if actual != task.sha256.lower():
        raise DataError(
            f"Task {task.name}: {path} is not the pinned file: its sha256 is {actual}, "
            f"the suite says {task.sha256}.",
            "Restore the file; if it was changed on purpose, put the new sha256 into the suite "
            "and record new baselines.",
        )


def _read_rows(path: Path) -> list[dict[str, Any]]:
    """All rows as plain dictionaries. Raises ``DataError`` for a file that cannot be read."""
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path).to_pylist()  # type: ignore[no-any-return]
        if path.suffix == ".jsonl":
            lines = path.read_text(encoding="utf-8").splitlines()
            return [_json_row(line, number) for number, line in enumerate(lines, 1) if line.strip()]
        if path.suffix == ".csv":
            return _csv_rows(path)
    except (pa.ArrowException, OSError, ValueError, csv.Error) as error:
        reason = (str(error).splitlines() or ["unknown"])[0]
        raise DataError(
            f"{path} cannot be read as {path.suffix[1:]}: {reason}",
            "The file is damaged or of another kind; fetch or write it again.",
        ) from error
    raise DataError(f"{path} is of an unknown kind.", f"A suite's files are {_READABLE}.")


def _csv_rows(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream, strict=True))
    for number, row in enumerate(rows, start=1):
        if None in row:
            raise ValueError(f"row {number} has more values than there are columns")
    return rows


def _json_row(line: str, number: int) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise ValueError(f"line {number}: {error}") from error
    if not isinstance(row, dict):
        raise ValueError(f"line {number} is no JSON object")  # noqa: TRY004 - it is about data
    return row


def _check_columns(row: dict[str, Any], path: Path) -> None:
    """Other columns are fine, but a misspelt one must not be taken for a missing one."""
    extra = [column for column in row if column not in COLUMNS]
    for column in COLUMNS:
        if column in row:
            continue
        near = did_you_mean(column, extra)
        if near or column == "question":
            raise DataError(
                f"{path} has no column '{column}'{near}.",
                f"The columns are {', '.join(COLUMNS)}; 'question' and, but for code, 'gold' "
                "are needed.",
            )


def _refuse_duplicates(problems: Sequence[Problem], task: str, path: Path) -> None:
    first: dict[str, int] = {}
    for number, found in enumerate(problems, start=1):
        earlier = first.setdefault(found.id, number)
        if earlier != number:
            raise DataError(
                f"Task {task}: {path}: rows {earlier} and {number} are the same problem.",
                "Remove one: to sample a problem more often, ask for more epochs.",
            )
