"""evalscope: a work folder with ``reviews/`` and ``predictions/``, or one of their files.

A review's ``index`` numbers samples, not problems: with repeats ``group_id`` is the problem. Finish
reasons and tokens are in the predictions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml

from smallscale_ci.errors import DataError
from smallscale_ci.interop import chat
from smallscale_ci.interop.files import (
    Row,
    at,
    first_object,
    fraction,
    json_lines,
    kind_of,
    known,
    try_object,
    whole_number,
)
from smallscale_ci.interop.interface import Facts, Log, Sample, Wanted
from smallscale_ci.interop.values import content_hash, finish_of, right, scored
from smallscale_ci.records import FinishReason, Outcome
from smallscale_ci.suite.gold import Choices

name = "evalscope"
about = "a work folder with reviews/ and predictions/, or a file of reviews"

_REVIEWS, _PREDICTIONS, _REPORTS = "reviews", "predictions", "reports"
_CONFIG = "configs/task_config.yaml"
_GENERATE = ("temperature", "top_p", "top_k", "max_tokens", "reasoning_effort")
_SUCCESS = "success"


def claims(path: Path) -> bool:
    """See ``Reader``."""
    if path.is_dir():
        return (path / _REVIEWS).is_dir()
    row = first_object(path) if kind_of(path) == ".jsonl" else {}
    return isinstance(row.get("sample_score"), dict) or _is_old(row)


def _is_old(row: Row) -> bool:
    """Whether a review is from evalscope before 1.0: it stands beside each choice."""
    choice = next(iter(row.get("choices") or ()), None) if "index" in row else None
    return isinstance(choice, dict) and "review" in choice


def read(path: Path, wanted: Wanted) -> Log:
    """See ``Reader``."""
    place = path.absolute()  # files beside it are found from the folders above
    files = sorted((place / _REVIEWS).glob("*/*.jsonl")) if path.is_dir() else [place]
    if not files:
        raise DataError(f"{path / _REVIEWS} holds no reviews.", "Was the evaluation finished?")
    models = sorted({_model(file) for file in files})
    if len(models) > 1:
        raise DataError(
            f"{path} holds reviews of {len(models)} models: {', '.join(models)}.",
            "Give the reviews of one of them, file by file.",
        )
    root = files[0].parents[2] if len(files[0].parents) > 2 else files[0].parent
    config = _config(root / _CONFIG)
    generate = config.get("generation_config") or {}
    reports = [
        report for report in map(try_object, (root / _REPORTS / models[0]).glob("*.json")) if report
    ]
    tasks = [file.stem for file in files]
    facts = Facts(
        tool=name,
        version=str(config.get("evalscope_version") or ""),
        model=str(config.get("model_id") or config.get("model") or models[0]),
        settings={
            **known(
                engine__version=config.get("evalscope_version"),
                suite__limit=config.get("limit"),
                suite__version=_versions(config),
                sampling__stop=generate.get("stop_seqs"),
            ),
            **{
                f"sampling.{key}": generate[key]
                for key in _GENERATE
                if generate.get(key) is not None
            },
        },
        judges=dict.fromkeys(tasks, f"evalscope {wanted.metric or 'main score'}"),
        scores={task: score for task, score in _scores(reports).items() if task in tasks},
        planned=_planned(reports, tasks) if path.is_dir() else None,
    )
    return Log(path, facts, _all(files, wanted))


def _model(reviews: Path) -> str:
    """The model, from the name of the reviews' folder; unknown for a file elsewhere."""
    return reviews.parent.name if reviews.parents[1].name == _REVIEWS else ""


def _config(path: Path) -> Row:
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return value if isinstance(value, dict) else {}


def _versions(config: Row) -> dict[str, str] | None:
    benchmarks = at(config, "evaluation_identity", "benchmarks") or {}
    return {str(key): str(one.get("evaluation_version")) for key, one in benchmarks.items()} or None


def _scores(reports: list[Row]) -> dict[str, float]:
    """The tool's own score for each subset, by its primary metric."""
    found = {}
    for report in reports:
        primary = at(report, "primary_metric_identity", "name")
        for metric in report.get("metrics") or ():
            if at(metric, "identity", "name") != primary:
                continue
            for category in metric.get("categories") or ():
                for subset in category.get("subsets") or ():
                    task = f"{report.get('dataset_name')}_{subset.get('name')}"
                    found[task] = float(subset["score"])
    return found


def _planned(reports: list[Row], tasks: list[str]) -> int | None:
    total = 0
    for report in reports:
        subsets = at(report, "execution_summary", "subsets") or {}
        for subset, counts in subsets.items():
            if f"{report.get('dataset_name')}_{subset}" in tasks:
                total += whole_number(counts.get("requested")) or 0
    return total or None


# -- samples --------------------------------------------------------------------------------------


def _all(files: list[Path], wanted: Wanted) -> Iterator[Sample]:
    for file in files:
        ends = _ends(file)
        for number, row in json_lines(file):
            yield _sample(row, file.stem, ends, f"{file}, line {number}", wanted)


def _ends(reviews: Path) -> Mapping[int, Row]:
    """Usage and finish reason of each sample, if the predictions exist."""
    if reviews.parents[1].name != _REVIEWS:
        return {}
    path = reviews.parents[2] / _PREDICTIONS / reviews.parent.name / reviews.name
    if not path.is_file():
        return {}
    return {
        row["index"]: {
            "usage": at(row, "model_output", "usage"),
            "stop_reason": ((at(row, "model_output", "choices") or [{}])[0]).get("stop_reason"),
            "error": at(row, "model_output", "error"),
        }
        for _, row in json_lines(path)
    }


def _sample(row: Row, task: str, ends: Mapping[int, Row], where: str, wanted: Wanted) -> Sample:
    score = row.get("sample_score")
    if not isinstance(score, dict) or "index" not in row:
        raise DataError(
            f"{where} is not a review of evalscope 1.x: it lacks index or sample_score.",
            "Files of evalscope before 1.0 are not read: review them again with a newer one.",
        )
    end = ends.get(row["index"], {})
    messages = row.get("messages") or []
    error = str(end.get("error") or "")
    finish = FinishReason.ERROR if error else finish_of(end.get("stop_reason"))
    asked = [turn for turn in messages if turn.get("role") != "assistant"]
    group = score.get("group_id")
    epoch = whole_number(score.get("generation_index"))
    return Sample(
        task=task,
        problem=str(row["index"] if group is None else group),
        epoch=(epoch or 0) if group is not None else None,
        question=chat.asked(messages),
        golds=right(row.get("target"), Choices(), None, where),
        text=str(at(score, "score", "prediction") or ""),
        outcome=Outcome.ERRORED if error else _outcome(score, finish, where, wanted),
        finish=finish,
        tokens=whole_number(at(end, "usage", "output_tokens")),
        thinking_tokens=whole_number(at(end, "usage", "reasoning_tokens")),
        error=error,
        content=content_hash([score.get("sample_metadata"), chat.asked(messages), row["target"]]),
        prompt=content_hash([[t.get("role"), chat.content(t.get("content"))] for t in asked]),
    )


def _outcome(score: Row, finish: FinishReason | None, where: str, wanted: Wanted) -> Outcome | None:
    found = score.get("score") or {}
    if found.get("status", _SUCCESS) != _SUCCESS:
        return Outcome.ERRORED  # the scorer failed
    if not wanted.verdicts:
        return None
    values = found.get("value") or {}
    metric = wanted.metric or found.get("main_score_name") or next(iter(values), "")
    if metric not in values:
        raise DataError(f"{where} has no score '{metric}'.", f"It has {', '.join(values)}.")
    is_right = fraction(values[metric], metric, where)
    answered = found.get("extracted_prediction") not in (None, "")
    wrong = Outcome.WRONG if answered else Outcome.UNPARSED
    return scored(Outcome.CORRECT if is_right else wrong, finish)
