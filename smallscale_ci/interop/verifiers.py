"""verifiers: a run's ``traces.jsonl``, one episode per line, from version 0.2 on.

The reward is not in the file: it is the weighted sum of the task's scores.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from smallscale_ci.errors import DataError
from smallscale_ci.interop import chat
from smallscale_ci.interop.files import Row, at, first_object, fraction, json_lines, known
from smallscale_ci.interop.files import whole_number as count
from smallscale_ci.interop.interface import Facts, Log, Sample, Wanted
from smallscale_ci.interop.values import content_hash, finish_of, right, scored
from smallscale_ci.records import FinishReason, Outcome
from smallscale_ci.suite.gold import Choices

name = "verifiers"
about = "a run's folder, or its traces.jsonl"

_TRACES = "traces.jsonl"
_VERSION = 1  # of a trace
_DIGITS = 9  # of a reward: weights such as 0.7, 0.1 and 0.2 do not add up to 1 in floats
_GENERATE = ("temperature", "top_p", "max_tokens", "reasoning_effort")


def claims(path: Path) -> bool:
    """See ``Reader``."""
    row = first_object(_file(path))
    return isinstance(row.get("traces"), list) and isinstance(row.get("task"), dict)


def read(path: Path, wanted: Wanted) -> Log:
    """See ``Reader``."""
    file = _file(path)
    first = first_object(file)
    task = _task(first)
    trace = _trace(first, f"{file}, line 1")
    config = at(trace, "agent", "config") or {}
    sampling = config.get("sampling") or {}
    version = str(at(trace, "verifiers", "version") or "")
    facts = Facts(
        tool=name,
        version=version,
        model=str(config.get("model") or ""),
        settings={
            **known(engine__version=version, plan=at(config, "harness", "id")),
            **{
                f"sampling.{key}": sampling[key]
                for key in _GENERATE
                if sampling.get(key) is not None
            },
        },
        judges={task: f"verifiers {wanted.metric or 'reward'}"},
    )
    return Log(path, facts, _samples(file, str(config.get("model") or ""), wanted))


def _file(path: Path) -> Path:
    return path / _TRACES if path.is_dir() else path


def _task(episode: Row) -> str:
    return str(at(episode, "env", "id") or "samples")


def _trace(episode: Row, where: str) -> Row:
    """The only trace of an episode."""
    traces = episode.get("traces") or []
    if len(traces) != 1 or not isinstance(traces[0], dict):
        raise DataError(
            f"{where} has {len(traces)} traces: episodes of several agents have no single answer.",
            "Compare environments with one agent.",
        )
    if traces[0].get("version") != _VERSION:
        raise DataError(
            f"{where} is a trace of version {traces[0].get('version')!r}; version 1 can be read.",
            "Update smallscale, or convert the file with the verifiers that wrote it.",
        )
    trace: Row = traces[0]
    return trace


def _samples(file: Path, model: str, wanted: Wanted) -> Iterator[Sample]:
    seen: set[int] = set()
    for number, episode in json_lines(file):
        where = f"{file}, line {number}"
        if episode.get("id") is not None:
            key = hash(str(episode["id"]))
            if key in seen:
                raise DataError(
                    f"{where}: the episode {episode['id']} is there twice.",
                    "Two files were joined, or a line was copied: give each run separately.",
                )
            seen.add(key)
        trace = _trace(episode, where)
        other = str(at(trace, "agent", "config", "model") or "")
        if other != model:
            raise DataError(f"{file} holds traces of two models: '{model}' and '{other}'.")
        yield _sample(episode, trace, where, wanted)


def _sample(episode: Row, trace: Row, where: str, wanted: Wanted) -> Sample:
    data = at(trace, "task", "data") or {}
    calls = trace.get("calls") or []
    errors = [*(trace.get("errors") or []), *(episode.get("errors") or [])]
    finish = finish_of(calls[-1].get("finish_reason")) if calls else None
    if errors:
        finish = FinishReason.ERROR
    said = [
        node["message"]
        for node in trace.get("nodes") or ()
        if node.get("sampled") and at(node, "message", "role") == "assistant"
    ]
    thinking = [count(at(call, "usage", "reasoning_tokens")) for call in calls]
    return Sample(
        task=_task(episode),
        problem=str(at(trace, "task", "key") or content_hash(data))[:16],
        name=str(data.get("name") or data.get("idx") or ""),
        question=chat.asked(data.get("prompt")),
        golds=right(data.get("answer"), Choices(), None, where),
        text=chat.content(said[-1].get("content")) if said else "",
        outcome=Outcome.ERRORED if errors else _outcome(trace, finish, where, wanted),
        finish=finish,
        tokens=count(trace.get("num_output_tokens")) if said else None,
        thinking_tokens=None if None in thinking else sum(filter(None, thinking)),
        error=str(errors[0].get("message") or errors[0].get("type")) if errors else "",
        content=str(at(trace, "task", "hash") or content_hash(data)),
        prompt=content_hash(data.get("prompt")),
    )


def _outcome(trace: Row, finish: FinishReason | None, where: str, wanted: Wanted) -> Outcome | None:
    rewards = trace.get("rewards") or {}
    if not rewards or not wanted.verdicts:
        return None
    value: Any
    if wanted.metric:
        value = at(rewards, wanted.metric, "score")
    else:
        whole = sum(one["score"] * one.get("weight", 1.0) for one in rewards.values())
        value = round(whole, _DIGITS)
    is_right = fraction(value, wanted.metric or "reward", where)
    return scored(Outcome.CORRECT if is_right else Outcome.WRONG, finish)
