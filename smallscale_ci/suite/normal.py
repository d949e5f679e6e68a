"""Rows of any source in one schema: question, gold, choices, tests, cluster, meta."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from smallscale_ci.config.seams import JUDGES
from smallscale_ci.config.suite import TaskConfig
from smallscale_ci.errors import DataError, did_you_mean
from smallscale_ci.suite import gold, livecodebench
from smallscale_ci.suite.files import Row
from smallscale_ci.suite.option_columns import options_in
from smallscale_ci.suite.rows import COLUMNS, RowError

VERSION = 1  # version of this normalisation: raising it makes pulled data be pulled again
TOOLKIT_COLUMNS = {"question": "problem", "gold": "answer"}
_LONGEST_META = 500  # most characters: keeps ids, subjects and levels, but not solutions
_LISTED = 50  # most rows listed in an error, ready to be copied
_KEY = ("question", "gold", "choices", "tests")  # key by which two rows are the same problem


Numbered = tuple[int, Row]  # rows count from 1, as in the source


def normal(rows: Iterable[Row], task: TaskConfig, name: str) -> Iterator[Numbered]:
    """The rows in one schema, each problem once; errors name the source ``name``.

    A problem that the source repeats (``task.repeats``) appears at its first place; rows that the
    task skips are left out. Raises ``DataError`` for a missing column, an unreadable row, and
    for other repeats or fewer rows than the task states.
    """
    found = _convert(rows, task, name)
    return found if task.repeats == 1 else iter(_once(found, task, name))


def refusal(task: TaskConfig, name: str, wrong: Sequence[tuple[int, str]]) -> DataError:
    """The error about unusable rows, given as (row, problem as a clause)."""
    row, reason = wrong[0]
    more = f" ({len(wrong)} such rows in all)" if len(wrong) > 1 else ""
    hint = "Correct or remove the row: none is ever skipped silently."
    if task.sha256 or task.blob:
        listed = ", ".join(
            f"{{row: {row}, reason: {json.dumps(why)}}}" for row, why in wrong[:_LISTED]
        )
        rest = ", …" if len(wrong) > _LISTED else ""
        hint = (
            f"The file is as published: leave them out in the suite's YAML, skip: [{listed}{rest}]"
        )
    return DataError(f"Task {task.name}: {name}: row {row} {reason}{more}.", hint)


def _convert(rows: Iterable[Row], task: TaskConfig, name: str) -> Iterator[Numbered]:
    skipped = {skipped.row for skipped in task.skip}
    for number, row in enumerate(rows, start=1):
        if number == 1:
            _check_columns(row, task, name)
        if number in skipped:
            skipped.remove(number)
            continue
        try:
            yield number, _row(row, task)
        except (RowError, gold.GoldError) as error:
            raise refusal(task, name, [(number, str(error))]) from error
    if skipped:
        raise DataError(
            f"Task {task.name}: {name} has no row {min(skipped)}, which the task skips.",
            "Correct 'skip' in the suite's YAML; rows are counted from 1.",
        )


def _row(row: Row, task: TaskConfig) -> Row:
    if task.format == "livecodebench":
        return livecodebench.row(row)
    # The toolkit's other columns have other meanings, whatever their names.
    names: Mapping[str, str] = TOOLKIT_COLUMNS
    if task.format == "rows":
        names = {column: column for column in COLUMNS} | task.columns
    taken = {column: row[name] for column, name in names.items() if name in row}
    if (
        task.format == "rows"
        and JUDGES[task.judge.name].needs == "option"
        and taken.get("choices") is None
    ):
        taken["choices"] = options_in(row)
    if "meta" not in taken:
        rest = {key: value for key, value in row.items() if key not in names.values()}
        taken["meta"] = {key: value for key, value in rest.items() if _is_short(value)}
    return taken


def _is_short(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) or (isinstance(value, str) and 0 < len(value) <= _LONGEST_META)


def _once(rows: Iterable[Numbered], task: TaskConfig, name: str) -> list[Numbered]:
    count: Counter[str] = Counter()
    first: dict[str, Numbered] = {}
    for number, row in rows:
        key = json.dumps([row.get(column) for column in _KEY], default=str)
        first.setdefault(key, (number, row))
        count[key] += 1
    for key, times in count.items():
        if task.repeats and times != task.repeats:
            raise DataError(
                f"Task {task.name}: {name} has a problem {times} times instead of {task.repeats}: "
                f"{first[key][1].get('question')!r:.80}",
                "Correct 'repeats' in the suite's YAML; 0 takes any number.",
            )
    return list(first.values())


def _check_columns(row: Row, task: TaskConfig, name: str) -> None:
    """Refuse misspelt columns, which would look like missing ones; other columns are fine."""
    if task.format == "livecodebench":
        needed = {"question_content": "question", "public_test_cases": "tests"}
    elif task.format == "toolkit":
        needed = {name: column for column, name in TOOLKIT_COLUMNS.items()}
    else:
        needed = {str(given): column for column, given in task.columns.items()}
    for given, column in needed.items():
        if given not in row:
            raise DataError(
                f"{name} has no column '{given}'{did_you_mean(given, row)}, the {column}.",
                f"It has: {', '.join(row)}. Correct 'columns' or 'format' in the suite's YAML.",
            )
    if task.format == "rows":
        _check_our_columns(row, task, name)


def _check_our_columns(row: Row, task: TaskConfig, name: str) -> None:
    extra = [column for column in row if column not in COLUMNS]
    for column in COLUMNS:
        if column in row or column in task.columns:
            continue
        near = did_you_mean(column, extra) if not task.columns else ""
        if near or column == "question":
            raise DataError(
                f"{name} has no column '{column}'{near}.",
                f"The columns are {', '.join(COLUMNS)}; 'question' and, but for code, 'gold' "
                "are needed. Give other names with 'columns' in the suite's YAML.",
            )
