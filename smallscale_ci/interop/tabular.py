"""Any file of rows, by the names of its columns: JSON Lines, JSON, CSV, Parquet, Arrow.

The output of ``judge`` and of the old toolkit are such files; for others, ``--columns`` says
what each column holds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from smallscale_ci.errors import DataError
from smallscale_ci.interop import chat
from smallscale_ci.interop.columns import cell, columns_of, without_verdicts
from smallscale_ci.interop.files import MANY, Row
from smallscale_ci.interop.interface import Facts, Log, Sample, Wanted
from smallscale_ci.interop.rows import SUFFIXES, RowFile, open_rows
from smallscale_ci.interop.values import content_hash, finish_of, options_of, right, scored
from smallscale_ci.records import FinishReason, Outcome
from smallscale_ci.suite import gold
from smallscale_ci.suite.option_columns import options_in

name = "rows"
about = "JSON Lines, JSON, CSV, Parquet or Arrow with the columns that --columns names"

_TASK = "samples"  # task of files that do not name one
_OUTCOMES = {outcome.value: outcome for outcome in Outcome}
_YES = frozenset({"true", "yes", "1", "correct", "right", "pass", "passed", "c"})
_NO = frozenset({"false", "no", "0", "incorrect", "wrong", "fail", "failed", "i"})
_KINDS = (*SUFFIXES, *(f"{suffix}.gz" for suffix in SUFFIXES))


def claims(path: Path) -> bool:
    """See ``Reader``: any file of rows, so it comes last."""
    return path.is_file() and path.name.lower().endswith(_KINDS)


def read(path: Path, wanted: Wanted) -> Log:
    """See ``Reader``."""
    return read_rows(open_rows(path), wanted, Facts(name))


def read_rows(file: RowFile, wanted: Wanted, facts: Facts) -> Log:
    """The rows of ``file``; rows without a task belong to a single one."""
    if not file.columns:
        raise DataError(f"{file.path} holds no rows.", "Is this the right file?")
    columns = columns_of(file, wanted.columns)
    if "text" not in columns and not {"outcome", "score"} & set(columns):
        raise DataError(
            f"{file.path} has no column with the model's text, and none with its outcome: it has "
            f"{', '.join(file.columns)}.",
            "Say which is which: --columns text=COLUMN,gold=COLUMN (see docs/interop.md).",
        )
    scores = "outcome" if "outcome" in columns else "score" if "score" in columns else ""
    judges = {_TASK: f"column {columns[scores]}"} if scores else {}
    return Log(
        file.path,
        replace(facts, judges=facts.judges or judges),
        _samples(
            file, columns if wanted.verdicts else without_verdicts(columns), wanted.gold_index
        ),
        schema=file.schema,
    )


def _samples(file: RowFile, columns: Mapping[str, str], gold_index: int | None) -> Iterator[Sample]:
    model: str | None = None
    base = _base(file, columns) if gold_index is None else gold_index
    for number, row in file.rows():
        where = f"{file.path}, row {number}"
        cells = {ours: cell(row, theirs) for ours, theirs in columns.items()}
        said = _text(cells.get("model"))
        if said and model not in (None, said):
            raise DataError(
                f"{file.path} holds outputs of several models: '{model}' and, in row {number}, "
                f"'{said}'.",
                "Split the file by model and give the part that is meant.",
            )
        model = said or model
        scores = cells.get("score")
        if isinstance(scores, list):  # one for each text
            cells["score"] = None
        first = _sample(cells, _options(row, columns, where), columns, number, base, where)
        texts = _texts(row, cells, columns, where)
        kept = file.kept(row)
        if isinstance(scores, list):
            yield from _each(replace(first, kept=kept), texts, scores, columns, where)
            continue
        if len(texts) > 1 and (first.epoch is not None or first.outcome is not None):
            raise DataError(
                f"{where} has {len(texts)} texts, and the number or the outcome of one sample.",
                "Give each text a row of its own.",
            )
        for text in texts:
            yield replace(first, text=text, kept=kept)


def _each(
    first: Sample,
    texts: list[str | None],
    scores: list[Any],
    columns: Mapping[str, str],
    where: str,
) -> Iterator[Sample]:
    """A sample for each text with its own score; for each score if there are no texts."""
    if texts == [None]:
        texts = [None] * len(scores)
    if len(texts) != len(scores):
        raise DataError(
            f"{where} has {len(texts)} texts and {len(scores)} scores.",
            "Give each text a score.",
        )
    for text, score in zip(texts, scores, strict=True):
        outcome = _outcome({"score": score}, columns, first.finish, where)
        yield replace(first, text=text, outcome=outcome)


def _texts(row: Row, cells: Row, columns: Mapping[str, str], where: str) -> list[str | None]:
    """The texts of a row; ``[None]`` if the file has no such column."""
    if "text" not in columns:
        return [None]
    if columns["text"].partition(".")[0] not in row:  # a missing text is not an empty answer
        raise DataError(
            f"{where} has no '{columns['text']}'.",
            "Every row needs the model's text: complete the row, or write null for an empty one.",
        )
    return [*chat.answers(cells["text"], where)]


def _base(file: RowFile, columns: Mapping[str, str]) -> int | None:
    """The base of numeric golds, if rows have options; reads the file once."""
    if "gold" not in columns or not ("choices" in columns or options_in(_probe(file))):
        return None

    def pairs() -> Iterator[tuple[tuple[str, ...], gold.Choices]]:
        for number, row in file.rows():
            where = f"{file.path}, row {number}"
            options = _options(row, columns, where)
            yield right(cell(row, columns["gold"]), gold.Choices(), None, where), options

    return gold.base_of(pairs())


def _probe(file: RowFile) -> Row:
    return next(file.rows(), (0, {}))[1]


def _options(row: Row, columns: Mapping[str, str], where: str) -> gold.Choices:
    named = columns.get("choices")
    return options_of(cell(row, named) if named else options_in(row), where)


def _sample(
    cells: Row,
    options: gold.Choices,
    columns: Mapping[str, str],
    number: int,
    base: int | None,
    where: str,
) -> Sample:
    question = chat.asked(cells.get("question"))
    golds: tuple[str, ...] = ()
    if "gold" in columns:
        golds = right(cells["gold"], options, base, where)
        if not golds:
            raise DataError(
                f"{where}: '{columns['gold']}' is empty.", "Every row needs a gold answer."
            )
    content = content_hash([question, golds, options.texts]) if question else ""
    error = _error(cells, columns)
    finish = FinishReason.ERROR if error else finish_of(cells.get("finish"))
    name = _text(cells.get("problem"))
    counts = {
        ours: _count(cells.get(ours), columns.get(ours, ""), where)
        for ours in ("epoch", "tokens", "thinking_tokens")
    }
    return Sample(
        task=_text(cells.get("task")) or _TASK,
        problem=name or content[:16] or str(number),
        name=name or str(number),
        epoch=counts["epoch"],
        question=question,
        golds=golds,
        choices=options.texts,
        outcome=Outcome.ERRORED if error else _outcome(cells, columns, finish, where),
        finish=finish,
        tokens=counts["tokens"],
        thinking_tokens=counts["thinking_tokens"],
        cluster=_text(cells.get("cluster")),
        error=error,
        content=content,
        row=number,
    )


def _error(cells: Row, columns: Mapping[str, str]) -> str:
    """Why a request failed, from a row with neither text nor verdict; empty otherwise."""
    said = cells.get("error")
    given = [cells.get(ours) for ours in ("text", "outcome", "score") if ours in columns]
    if not said or any(value not in (None, "") and value == value for value in given):  # noqa: PLR0124
        return ""
    return "" if _text(said).strip().lower() in _NO | {"none", "null", "nan"} else _text(said)


def _outcome(
    cells: Row, columns: Mapping[str, str], finish: FinishReason | None, where: str
) -> Outcome | None:
    if cells.get("outcome") not in (None, ""):
        word = _text(cells["outcome"]).upper()
        if word not in _OUTCOMES:
            raise DataError(
                f"{where}: unknown outcome '{cells['outcome']}'.", f"Known: {', '.join(_OUTCOMES)}."
            )
        return _OUTCOMES[word]
    value = cells.get("score")
    if value is None or value == "" or value != value:  # noqa: PLR0124 - NaN is an empty cell
        return None
    if isinstance(value, str):
        word = value.strip().lower()
        value = word in _YES if word in _YES | _NO else _number(word)
    if value not in (0, 1):
        raise DataError(
            f"{where}: '{columns['score']}' is {cells['score']!r}, which is neither right (1) nor "
            "wrong (0).",
            "Say which column is: --columns score=COLUMN, or judge the texts: --rejudge math.",
        )
    return scored(Outcome.CORRECT if value else Outcome.WRONG, finish)


def _number(word: str) -> Any:
    """A number with a decimal point or comma, else the word itself."""
    try:
        return float(word.replace(",", ".") if word.count(",") == 1 and "." not in word else word)
    except ValueError:
        return word


def _count(value: Any, column: str, where: str) -> int | None:
    """A non-negative whole number from a cell; ``None`` for an empty one."""
    if value is None or value == "" or value != value:  # noqa: PLR0124 - NaN is an empty cell
        return None
    number = _number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        number = -1
    if number < 0 or number != int(number):
        raise DataError(f"{where}: '{column}' is {value!r}, not a whole number.")
    if number >= MANY:
        raise DataError(f"{where}: '{column}' is {value!r}, over {MANY - 1:,}.")
    return int(number)


def _text(value: Any) -> str:
    """A cell as text: whole floats lose their fraction, so that 7.0 is 7."""
    if isinstance(value, float):
        return "" if math.isnan(value) else str(int(value)) if value.is_integer() else str(value)
    return "" if value is None else str(value)
