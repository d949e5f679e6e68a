"""sgl-eval: a run's folder, ``metrics.json`` beside an ``output-rsN.jsonl`` for each repeat."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from smallscale_ci.errors import DataError
from smallscale_ci.interop.files import (
    Row,
    at,
    first_object,
    fraction,
    json_lines,
    known,
    try_object,
    whole_number,
)
from smallscale_ci.interop.interface import Facts, Log, Sample, Wanted
from smallscale_ci.interop.values import content_hash, finish_of, right, scored
from smallscale_ci.records import FinishReason, Outcome
from smallscale_ci.suite.gold import Choices

name = "sgl-eval"
about = "a run's folder, with output-rs0.jsonl and metrics.json"

_REPEAT = re.compile(r"output-rs(\d+)\.jsonl")
_METRICS = "metrics.json"
_SCORE = "symbolic_correct"
_GENERATE = ("temperature", "top_p", "min_p", "max_tokens", "reasoning_effort")


def claims(path: Path) -> bool:
    """See ``Reader``."""
    files = _files(path)
    return bool(files) and "num_generated_tokens" in first_object(files[0])


def read(path: Path, wanted: Wanted) -> Log:
    """See ``Reader``."""
    files = _files(path)
    metrics = try_object(files[0].with_name(_METRICS))
    task = str(metrics.get("name") or "samples")
    generate = metrics.get("gen") or {}
    repeats, problems = (whole_number(metrics.get(key)) for key in ("n_repeats", "num_examples"))
    if path.is_dir() and repeats and repeats != len(files):
        raise DataError(
            f"{path} has {len(files)} of {repeats} repeats.", "Copy the whole folder again."
        )
    score = at(metrics, "aggregate", "score")
    facts = Facts(
        tool=name,
        version=str(metrics.get("sgl_eval_version") or ""),
        model=str(metrics.get("model") or ""),
        created=str(metrics.get("timestamp") or ""),
        settings={
            **known(
                engine__version=metrics.get("sgl_eval_version"),
                suite__version=metrics.get("ns_commit_sha"),
                template=generate.get("chat_template_kwargs"),
            ),
            **{
                f"sampling.{key}": generate[key]
                for key in _GENERATE
                if generate.get(key) is not None
            },
        },
        judges={task: f"sgl-eval {_SCORE}"},
        scores={task: float(score)} if isinstance(score, (int, float)) else {},
        planned=repeats * problems if repeats and problems and path.is_dir() else None,
    )
    return Log(path, facts, _all(files, task, wanted))


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        found = [file for file in path.iterdir() if _REPEAT.fullmatch(file.name)]
        return sorted(found, key=_epoch)
    return [path] if _REPEAT.fullmatch(path.name) and path.is_file() else []


def _epoch(file: Path) -> int:
    named = _REPEAT.fullmatch(file.name)
    return int(named[1]) if named else 0


def _all(files: list[Path], task: str, wanted: Wanted) -> Iterator[Sample]:
    for epoch, file in enumerate(files):
        for number, row in json_lines(file):
            yield _sample(row, task, epoch, f"{file}, line {number}", wanted)


def _sample(row: Row, task: str, epoch: int, where: str, wanted: Wanted) -> Sample:
    if "id" not in row or "generation" not in row:
        raise DataError(f"{where} is not a prediction of sgl-eval: it lacks id or generation.")
    finish, text = finish_of(row.get("finish_reason")), str(row["generation"] or "")
    # A server that reports no usage is written as 0 tokens.
    tokens = whole_number(row.get("num_generated_tokens")) or (0 if not text else None)
    thinking = whole_number(row.get("num_reasoning_tokens"))
    question = str(row.get("problem") or "")
    return Sample(
        task=task,
        problem=str(row["id"]),
        epoch=epoch,
        question=question,
        golds=right(row.get("expected_answer"), Choices(), None, where),
        text=text,
        outcome=_outcome(row, finish, where, wanted),
        finish=finish,
        tokens=tokens,
        thinking_tokens=None if tokens is None else thinking,
        error="the request failed" if finish is FinishReason.ERROR else "",
        content=content_hash([question, row.get("expected_answer")]),
    )


def _outcome(row: Row, finish: FinishReason | None, where: str, wanted: Wanted) -> Outcome | None:
    metric = wanted.metric or _SCORE
    if not wanted.verdicts or (metric not in row and not wanted.metric):
        return None
    if fraction(row.get(metric), metric, where):
        return Outcome.CORRECT
    answered = row.get("predicted_answer") is not None
    return scored(Outcome.WRONG if answered else Outcome.UNPARSED, finish)
