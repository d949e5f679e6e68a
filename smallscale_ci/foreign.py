"""Generation files of other tools: a parquet with the model's output and the gold answer.

The old toolkit writes ``model_output`` beside the data set's own columns (``problem``, ``answer``);
its judge reads ``ground_truth`` where there is one. The file is read, never changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from smallscale_ci import tables
from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.judges.interface import Ruling
from smallscale_ci.records import Problem

_OUTPUT = "model_output"
_GOLD = ("ground_truth", "answer")
_QUESTION = ("problem", "question", "prompt")


@dataclass(frozen=True, slots=True)
class ForeignRow:
    """One generation of another tool."""

    question: str
    gold: str
    text: str

    def problem(self, task: str) -> Problem:
        """The problem that it answers."""
        return Problem(id="", task=task, question=self.question, gold=self.gold)


def read(path: Path) -> list[ForeignRow]:
    """All rows of ``path``. Raises ``DataError`` for a file without the columns."""
    table = tables.read(path)
    gold = next((name for name in _GOLD if name in table.column_names), None)
    if _OUTPUT not in table.column_names or gold is None:
        raise DataError(
            f"{path} has no columns to judge by: it has {', '.join(table.column_names)}.",
            f"It needs '{_OUTPUT}' and one of {', '.join(_GOLD)}.",
        )
    question = next((name for name in _QUESTION if name in table.column_names), None)
    golds, texts = table[gold].to_pylist(), table[_OUTPUT].to_pylist()
    questions = table[question].to_pylist() if question else [""] * table.num_rows
    rows = []
    for number, (asked, answer, text) in enumerate(zip(questions, golds, texts, strict=True), 1):
        if answer is None:
            raise DataError(f"{path}, row {number}: '{gold}' is empty.", "Every row needs a gold.")
        rows.append(ForeignRow(str(asked or ""), str(answer), _first(text)))
    return rows


def write(source: Path, target: Path, rulings: Sequence[Ruling], judge: str) -> None:
    """Write ``source``'s columns with outcome, extracted, judge and reason to ``target``."""
    if source.resolve() == target.resolve():
        raise UsageError(f"{target} is the original.", "Name another file with --output.")
    table = tables.read(source)
    added = {
        "outcome": [ruling.outcome.value for ruling in rulings],
        "extracted": [ruling.extracted for ruling in rulings],
        "judge": [judge] * len(rulings),
        "reason": [ruling.reason for ruling in rulings],
    }
    for name, values in added.items():
        if name in table.column_names:
            table = table.drop_columns(name)
        table = table.append_column(name, pa.array(values, pa.string()))
    pq.write_table(table, target, compression="zstd")


def _first(value: object) -> str:
    """The text of one generation; a list of several gives its first."""
    if isinstance(value, list):
        return str(value[0]) if value else ""
    return "" if value is None else str(value)
