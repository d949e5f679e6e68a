"""NeMo evaluator: a bundle ``eval-*.json`` beside ``results.jsonl`` and ``inference_log.jsonl``.

In ``results.jsonl`` the column ``tokens`` counts prompt and completion together: the completion
tokens, and the finish reason, are in the log of the requests.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from smallscale_ci.errors import DataError
from smallscale_ci.interop.files import (
    Row,
    at,
    fraction,
    json_lines,
    known,
    read_object,
    try_object,
    whole_number,
)
from smallscale_ci.interop.interface import Facts, Log, Sample, Wanted
from smallscale_ci.interop.values import content_hash, finish_of, right, scored
from smallscale_ci.records import FinishReason, Outcome
from smallscale_ci.suite.gold import Choices

name = "nemo-evaluator"
about = "a bundle eval-….json, or the folder of one or several"

_RESULTS, _REQUESTS = "results.jsonl", "inference_log.jsonl"
_GENERATE = ("temperature", "top_p", "max_tokens")
Ended = tuple[FinishReason | None, int | None, int | None]  # finish, tokens, thinking tokens


def claims(path: Path) -> bool:
    """See ``Reader``."""
    return bool(_bundles(path))


def read(path: Path, wanted: Wanted) -> Log:
    """See ``Reader``."""
    files = _bundles(path)
    bundles = {file: read_object(file) for file in files}
    names: dict[str, Path] = {}
    for file, bundle in bundles.items():
        before = names.setdefault(_task(bundle), file)
        if before != file:
            raise DataError(
                f"{path} holds two runs of '{_task(bundle)}': {before} and {file}.",
                "Give one of the bundles.",
            )
    models = sorted({str(at(one, "config", "model")) for one in bundles.values()})
    if len(models) > 1:
        raise DataError(f"{path} holds results of {len(models)} models: {', '.join(models)}.")
    first = bundles[files[0]]
    config = first.get("config") or {}
    counts = [whole_number(one.get("n_results")) for one in bundles.values()]
    facts = Facts(
        tool=name,
        version=str(first.get("sdk_version") or ""),
        model=models[0],
        created=str(first.get("timestamp") or ""),
        settings={
            **known(
                engine__version=first.get("sdk_version"),
                suite__limit=config.get("max_problems"),
                suite__system_prompt=config.get("system_prompt"),
            ),
            **{f"sampling.{key}": config[key] for key in _GENERATE if config.get(key) is not None},
        },
        judges=dict.fromkeys(names, f"nemo-evaluator {wanted.metric or 'reward'}"),
        scores={
            _task(one): float(score)
            for one in bundles.values()
            if isinstance(score := at(one, "benchmark", "scores", "pass@1", "value"), (int, float))
        },
        planned=None if None in counts else sum(count or 0 for count in counts),
    )
    return Log(path, facts, _all(bundles, wanted))


def _bundles(path: Path) -> list[Path]:
    if path.is_dir():
        found = sorted([*path.glob("eval-*.json"), *path.glob("*/eval-*.json")])
    else:
        found = [path] if path.name.startswith("eval-") and path.suffix == ".json" else []
    return [file for file in found if "sdk_version" in try_object(file)]


def _task(bundle: Row) -> str:
    return str(at(bundle, "benchmark", "name") or "samples")


def _all(bundles: dict[Path, Row], wanted: Wanted) -> Iterator[Sample]:
    for file, bundle in bundles.items():
        ends = _ends(file.with_name(_REQUESTS))
        results = file.with_name(_RESULTS)
        count = 0
        for number, row in json_lines(results):
            count += 1
            yield _sample(row, _task(bundle), ends, f"{results}, line {number}", wanted)
        if count != bundle.get("n_results", count):
            raise DataError(
                f"{results} has {count:,} results, and its bundle {bundle['n_results']:,}.",
                "Copy the folder again.",
            )


def _ends(path: Path) -> dict[tuple[int, int], Ended]:
    """How each request ended, if their log exists."""
    if not path.is_file():
        return {}
    return {
        (row["problem_idx"], row["repeat"]): (
            finish_of(row.get("finish_reason")),
            whole_number(row.get("completion_tokens")),
            whole_number(row.get("reasoning_tokens")),
        )
        for _, row in json_lines(path)
        if "problem_idx" in row
    }


def _sample(
    row: Row, task: str, ends: dict[tuple[int, int], Ended], where: str, wanted: Wanted
) -> Sample:
    if "problem_idx" not in row or "reward" not in row:
        raise DataError(f"{where} is not a result of NeMo evaluator: it lacks problem_idx, reward.")
    finish, tokens, thinking = ends.get((row["problem_idx"], row["repeat"]), (None, None, None))
    error = str(row.get("error") or at(row, "scoring_details", "error") or "")
    return Sample(
        task=task,
        problem=str(row["problem_idx"]),
        epoch=int(row["repeat"]),
        question=str(row.get("prompt") or ""),
        golds=right(row.get("expected_answer"), Choices(), None, where),
        text=str(row.get("model_response") or ""),
        outcome=_outcome(row, finish, error, where, wanted),
        finish=FinishReason.ERROR if error else finish,
        tokens=tokens,
        thinking_tokens=thinking,
        error=error,
        content=content_hash([row.get("metadata"), row.get("expected_answer")]),
        prompt=content_hash(row.get("prompt")),
    )


def _outcome(
    row: Row, finish: FinishReason | None, error: str, where: str, wanted: Wanted
) -> Outcome | None:
    if error:
        return Outcome.ERRORED
    if not wanted.verdicts:
        return None
    metric = wanted.metric or "reward"
    value = row["reward"] if metric == "reward" else at(row, "scorer_rewards", metric)
    return scored(Outcome.CORRECT if fraction(value, metric, where) else Outcome.WRONG, finish)
