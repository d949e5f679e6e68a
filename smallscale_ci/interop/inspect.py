"""inspect: its logs, ``.eval`` (a zip archive, read sample by sample) and ``.json``."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smallscale_ci.errors import DataError
from smallscale_ci.interop import chat
from smallscale_ci.interop.archive import archive
from smallscale_ci.interop.files import (
    Row,
    at,
    fraction,
    json_object,
    known,
    read_object,
    whole_number,
)
from smallscale_ci.interop.interface import Facts, Log, Sample, Wanted
from smallscale_ci.interop.values import content_hash, finish_of, right, scored
from smallscale_ci.records import FinishReason, Outcome
from smallscale_ci.suite.gold import Choices

name = "inspect"
about = "a log, .eval or .json"

_VERSION = 2  # of the log's format
_HEADER, _STARTED, _SAMPLES = "header.json", "_journal/start.json", "samples/"
_OUTCOMES = {"C": Outcome.CORRECT, "I": Outcome.WRONG, "N": Outcome.UNPARSED}
_WORDS = {"yes": 1, "true": 1, "no": 0, "false": 0}
_UNFINISHED = "Only logs of finished evaluations can be judged."
_GENERATE = ("temperature", "top_p", "top_k", "max_tokens")


def claims(path: Path) -> bool:
    """See ``Reader``."""
    if path.is_dir():
        return any(path.glob("*.eval"))
    if path.suffix == ".eval":
        return True
    if path.suffix != ".json":
        return False
    try:
        with path.open("rb") as stream:
            start = stream.read(4096)
    except OSError:
        return False
    return b'"eval"' in start and (b'"eval_id"' in start or b'"task"' in start)


def read(path: Path, wanted: Wanted) -> Log:
    """See ``Reader``. Of a folder: its only log."""
    if path.is_dir():
        logs = sorted(path.glob("*.eval"))
        if len(logs) > 1:
            raise DataError(
                f"{path} holds {len(logs)} logs: "
                f"{', '.join(log.name for log in logs[:4])}{' …' if len(logs) > 4 else ''}.",
                "Give one of them.",
            )
        path = logs[0]
    if path.suffix == ".eval":
        with archive(path) as packed:
            member = _HEADER if _HEADER in packed.members else _STARTED
            if member not in packed.members:
                raise DataError(f"{path} is not a log of inspect: it has no {_HEADER}.")
            header = json_object(packed.read(member), f"{path}: {member}")
        samples = _packed(path, header, wanted)
        return Log(path, _facts(header, path, wanted), _complete(samples, header, path))
    log = read_object(path)
    if not isinstance(log.get("samples"), list):
        raise DataError(
            f"{path} is not a log of inspect with samples.",
            "Log them: inspect eval … --log-format json, without --no-log-samples.",
        )
    return Log(path, _facts(log, path, wanted), _complete(_listed(path, log, wanted), log, path))


def _facts(log: Row, path: Path, wanted: Wanted) -> Facts:
    version = log.get("version", _VERSION)
    if not isinstance(version, int) or version > _VERSION or version < 1:
        raise DataError(
            f"{path} is a log of version {version!r}; versions 1 and 2 can be read.",
            "Convert it with the inspect that wrote it, or update smallscale.",
        )
    made = log.get("eval") or {}
    generate = {**(at(log, "plan", "config") or {}), **(made.get("model_generate_config") or {})}
    config = made.get("config") or {}
    limits = {key: value for key, value in config.items() if key.endswith("_limit") and value}
    results = log.get("results") or {}
    status = str(log.get("status", "success"))
    notes = [f"The evaluation ended with the status {status}."] if status != "success" else []
    if log.get("invalidated"):
        notes.append("Samples of the log were marked as invalid: they count as ERRORED.")
    scorer = _scorer(log, wanted)
    ids = at(made, "dataset", "sample_ids")
    expected = len(ids) * (whole_number(config.get("epochs")) or 1) if ids else None
    return Facts(
        tool=name,
        version=str(at(made, "packages", "inspect_ai") or ""),
        model=str(made.get("model") or ""),
        created=str(made.get("created") or ""),
        settings={
            **known(
                engine__version=at(made, "packages", "inspect_ai"),
                suite__version=made.get("task_version"),
                suite__arguments=made.get("task_args_passed") or None,
                sampling__stop=generate.get("stop_seqs"),
                sampling__reasoning_effort=generate.get("reasoning_effort"),
                plan=[step.get("solver") for step in at(log, "plan", "steps") or ()] or None,
            ),
            **{f"sampling.{key}": generate[key] for key in _GENERATE if key in generate},
            **{f"limits.{key}": value for key, value in limits.items()},
        },
        judges={_task(log): f"inspect {scorer}".strip()},
        scores=_own_scores(log, scorer),
        planned=whole_number(results.get("total_samples")) or expected,
        notes=tuple(notes),
    )


def _task(log: Row) -> str:
    return str(at(log, "eval", "task") or "task")


def _scorer(log: Row, wanted: Wanted) -> str:
    """The scorer that decides: the one requested, the log's headline scorer, or the first."""
    named = [str(one.get("name")) for one in at(log, "results", "scores") or ()]
    named += [str(one.get("name")) for one in at(log, "eval", "scorers") or ()]
    if wanted.metric:
        return wanted.metric
    return str(at(log, "results", "headline", "score") or "") or (named[0] if named else "")


def _own_scores(log: Row, scorer: str) -> dict[str, float]:
    for one in at(log, "results", "scores") or ():
        value = at(one, "metrics", "accuracy", "value")
        if one.get("name") == scorer and isinstance(value, (int, float)):
            return {_task(log): float(value)}
    return {}


# -- samples --------------------------------------------------------------------------------------


def _complete(samples: Iterator[Sample], log: Row, path: Path) -> Iterator[Sample]:
    """``samples``. Raises ``DataError`` if there are fewer than inspect counted."""
    found = 0
    for sample in samples:
        found += 1
        yield sample
    counted = whole_number(at(log, "results", "completed_samples")) or 0
    if found < counted:
        raise DataError(
            f"{path} holds {found:,} samples, and inspect completed {counted:,}.",
            "Copy the log again from where inspect wrote it.",
        )


def _packed(path: Path, header: Row, wanted: Wanted) -> Iterator[Sample]:
    with archive(path) as packed:
        for member in packed.members:
            if member.startswith(_SAMPLES):
                where = f"{path}: {member}"
                yield _checked(json_object(packed.read(member), where), header, where, 0, wanted)


def _listed(path: Path, log: Row, wanted: Wanted) -> Iterator[Sample]:
    for number, row in enumerate(log["samples"], 1):
        yield _checked(row, log, f"{path}, sample {number}", number, wanted)


def _checked(row: Any, log: Row, where: str, number: int, wanted: Wanted) -> Sample:
    try:
        return _sample(row, log, where, number, wanted)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(
            f"{where} has no target or no output as inspect writes them.", _UNFINISHED
        ) from error


def _sample(row: Row, log: Row, where: str, number: int, wanted: Wanted) -> Sample:
    output, error = row["output"], row.get("error") or _invalid(row)
    choice = (output.get("choices") or [{}])[0]
    attached = row.get("attachments") or {}
    finish = finish_of(choice.get("stop_reason"))
    if row.get("limit"):  # inspect ended the sample: at its tokens, messages, time or cost
        finish = FinishReason.LENGTH
    if error:
        finish = FinishReason.ERROR
    tokens, thinking = _usage(row, str(at(log, "eval", "model")))
    asked = row.get("input", "")
    choices = tuple(str(option) for option in row.get("choices") or ())
    return Sample(
        task=_task(log),
        problem=str(row.get("id", number)),
        epoch=int(row.get("epoch", 1)) - 1,
        question=_resolved(chat.asked(asked), attached),
        golds=right(row["target"], Choices(choices), None, where),
        text=_resolved(chat.content((choice.get("message") or {}).get("content")), attached),
        choices=choices,
        outcome=Outcome.ERRORED if error else _outcome(row, log, finish, where, wanted),
        finish=finish,
        tokens=tokens,
        thinking_tokens=thinking,
        error=str(error.get("message", error) if isinstance(error, dict) else error or ""),
        content=content_hash([_plain(asked), row["target"], list(choices)]),
        prompt=content_hash(_prompt(row)),
        row=number,
    )


def _outcome(
    row: Row, log: Row, finish: FinishReason | None, where: str, wanted: Wanted
) -> Outcome | None:
    scores = row.get("scores")
    if scores is None and row.get("score") is not None:  # as in logs before 0.3.38
        scores = {"": row["score"]}
    scorer = _scorer(log, wanted)
    if not scores or not wanted.verdicts:
        return None
    values = _values(scores)
    if wanted.metric and wanted.metric not in values:
        raise DataError(f"{where} has no score '{scorer}'.", f"It has {', '.join(values)}.")
    value = values.get(scorer, next(iter(values.values())))
    if isinstance(value, str) and value in _OUTCOMES:
        return scored(_OUTCOMES[value], finish)
    value = _WORDS.get(value.lower(), value) if isinstance(value, str) else value
    if isinstance(value, float) and math.isnan(value):
        return None  # the scorer gave no score
    right = fraction(value, scorer, where)
    return scored(Outcome.CORRECT if right else Outcome.WRONG, finish)


def _values(scores: Row) -> Row:
    """The values by name: those of a scorer with several values have names of their own."""
    values: Row = {}
    for scorer, score in scores.items():
        value = score["value"]
        values |= value if isinstance(value, dict) and value else {scorer: value}
    return values


def _invalid(row: Row) -> str:
    """Why the sample was marked as invalid, or an empty text."""
    mark = row.get("invalidation")
    return f"marked as invalid: {at(mark, 'reason') or 'no reason given'}" if mark else ""


def _usage(row: Row, model: str) -> tuple[int | None, int | None]:
    """Completion and thinking tokens of the model under test, without a grader's."""
    usage = at(row, "model_usage", model) or at(row, "output", "usage") or {}
    return whole_number(usage.get("output_tokens")), whole_number(usage.get("reasoning_tokens"))


def _prompt(row: Row) -> list[list[str]]:
    """The (role, text) pairs before the model's first answer."""
    said = []
    for message in row.get("messages") or ():
        if message.get("role") == "assistant" and message.get("source") != "input":
            break
        said.append([str(message.get("role")), chat.content(message.get("content"))])
    return said


def _plain(asked: Any) -> Any:
    """An input without ids that differ from run to run."""
    if not isinstance(asked, list):
        return asked
    return [[turn.get("role"), chat.content(turn.get("content"))] for turn in asked]


def _resolved(text: str, attached: Row) -> str:
    """``text``, looked up if it is an attachment of the sample, as long texts are."""
    return (
        "\n".join(
            str(attached.get(line.removeprefix("attachment://"), line)) for line in text.split("\n")
        )
        if "attachment://" in text
        else text
    )
