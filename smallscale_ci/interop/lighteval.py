"""lighteval: ``details_TASK_DATE.parquet``, in ``details/MODEL/DATE/`` beside ``results/``.

A document's id is its position in the data set, because the rows are shuffled.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smallscale_ci.errors import DataError
from smallscale_ci.interop.files import Row, at, fraction, known, try_object, within
from smallscale_ci.interop.interface import Facts, Log, Sample, Wanted
from smallscale_ci.interop.rows import open_rows
from smallscale_ci.interop.values import content_hash
from smallscale_ci.records import Outcome

name = "lighteval"
about = "details_TASK_DATE.parquet, or the folder that holds details/ and results/"

_NAMED = re.compile(r"details_(?P<task>.+)_(?P<date>\d{4}-\d\d-\d\dT[\d.:-]+)\.parquet")
_NEEDED = ("doc", "metric", "model_response")
_GENERATE = ("temperature", "top_p", "top_k", "min_p")


def claims(path: Path) -> bool:
    """See ``Reader``."""
    return bool(_files(path))


def read(path: Path, wanted: Wanted) -> Log:
    """See ``Reader``."""
    files = _files(path)
    tasks: dict[str, Path] = {}
    for file in files:
        before = tasks.setdefault(_part(file, "task"), file)
        if before != file:
            raise DataError(
                f"{path} holds two runs of '{_part(file, 'task')}': {before} and {file}.",
                "Give one of the files, or the folder of one run.",
            )
    results = _results(files[0])
    config = at(results, "config_general", "model_config") or {}
    generate = config.get("generation_parameters") or {}
    of_task = at(results, "config_tasks", next(iter(tasks))) or {}
    scores = {
        task: float(value)
        for task in tasks
        if isinstance(
            value := at(results, "results", task, _metric(results, task, wanted)), (int, float)
        )
    }
    facts = Facts(
        tool=name,
        model=str(at(results, "config_general", "model_name") or ""),
        created=_part(files[0], "date"),
        settings={
            **known(
                suite__version=of_task.get("version"),
                suite__limit=at(results, "config_general", "max_samples"),
                sampling__stop=generate.get("stop_tokens") or of_task.get("stop_sequence"),
                sampling__max_tokens=generate.get("max_new_tokens")
                or of_task.get("generation_size"),
                suite__system_prompt=config.get("system_prompt"),
            ),
            **{
                f"sampling.{key}": generate[key]
                for key in _GENERATE
                if generate.get(key) is not None
            },
        },
        judges={
            task: f"lighteval {wanted.metric or _metric(results, task, wanted)}" for task in tasks
        },
        scores=scores,
    )
    return Log(path, facts, _all(tasks, wanted))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        return [f for f in within(path, "details_*.parquet", 4) if _NAMED.fullmatch(f.name)]
    return [path] if _NAMED.fullmatch(path.name) and path.is_file() else []


def _part(file: Path, part: str) -> str:
    named = _NAMED.fullmatch(file.name)
    return named[part] if named else ""


def _results(file: Path) -> Row:
    """The results for all tasks of the run, if they are beside the details."""
    date = _part(file, "date")
    file = file.absolute()
    for folder in list(file.parents)[:4]:
        found = sorted(folder.glob(f"results/**/results_{date}.json"))
        if found:
            return try_object(found[0])
    return {}


def _metric(results: Row, task: str, wanted: Wanted) -> str:
    if wanted.metric:
        return wanted.metric
    scores = at(results, "results", task) or {}
    return next((key for key in scores if not key.endswith("_stderr")), "")


def _all(tasks: dict[str, Path], wanted: Wanted) -> Iterator[Sample]:
    for task, file in tasks.items():
        rows = open_rows(file)
        if not set(_NEEDED) <= set(rows.columns):
            raise DataError(
                f"{file} has the columns {', '.join(rows.columns)}: it is of a lighteval before "
                "0.10, whose details are not read.",
                "Evaluate again with lighteval 0.10 or newer.",
            )
        for number, row in rows.rows():
            yield from _samples(row, task, f"{file}, row {number}", wanted)


def _samples(row: Row, task: str, where: str, wanted: Wanted) -> Iterator[Sample]:
    doc, response = row["doc"], row["model_response"]
    texts = [str(text) for text in response.get("text") or ()]
    tokens = [
        len(ids) if isinstance(ids, list) else None for ids in response["output_tokens"] or ()
    ]
    golds = _golds(doc)
    content = content_hash([doc.get("query"), doc.get("choices"), doc.get("gold_index")])
    outcome = _outcome(row["metric"] or {}, where, wanted)
    for place, text in enumerate(texts or [None]):
        yield Sample(
            task=task,
            problem=str(doc.get("id") or content[:16]),
            question=str(doc.get("query") or ""),
            golds=golds,
            text=text,
            # The tool scores a document once, however often it was sampled.
            outcome=outcome if place == 0 else None,
            tokens=(tokens[place] or None) if place < len(tokens) else None,
            content=content,
            prompt=content_hash([doc.get("instruction"), doc.get("query"), doc["fewshot_samples"]]),
        )


def _golds(doc: Row) -> tuple[str, ...]:
    choices: list[Any] = doc.get("choices") or []
    places = doc.get("gold_index")
    places = places if isinstance(places, list) else [places]
    return tuple(
        str(choices[place])
        for place in places
        if isinstance(place, int) and 0 <= place < len(choices)
    )


def _outcome(scores: Row, where: str, wanted: Wanted) -> Outcome | None:
    if not wanted.verdicts or not scores:
        return None
    metric = wanted.metric or next(iter(scores))
    if metric not in scores:
        raise DataError(f"{where} has no score '{metric}'.", f"It has {', '.join(scores)}.")
    return Outcome.CORRECT if fraction(scores[metric], metric, where) else Outcome.WRONG
