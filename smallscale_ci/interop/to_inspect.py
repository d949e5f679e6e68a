"""A run as inspect logs, one per task, for inspect's own viewer and reader."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smallscale_ci.files import whole
from smallscale_ci.interop.exported import Exported, Source, samples, sampling
from smallscale_ci.records import FinishReason, Outcome
from smallscale_ci.run.run import Run
from smallscale_ci.run.samples import OUTCOMES, Samples

_SCORER = "smallscale"
_STOPS = {FinishReason.STOP: "stop", FinishReason.LENGTH: "max_tokens"}
_VALUES = {Outcome.CORRECT: "C", Outcome.UNPARSED: "N"}  # any other outcome is "I"


def write(source: Source, target: Path) -> list[Path]:
    """Write the logs into ``target``, sample by sample."""
    run = source.run
    assert run.manifest is not None  # noqa: S101 - of a run folder
    written = []
    for config in source.suite.tasks:
        if config.name not in run.samples.tasks:
            continue
        stamp = run.manifest.created[:19].replace(":", "-") or "1970-01-01T00-00-00"
        path = target / f"{stamp}_{config.name}_{run.manifest.run_id}.json"
        head = json.dumps(_head(run, config.name), ensure_ascii=False)
        with whole(path) as stream:
            stream.write(f'{head[:-1]}, "samples": ['.encode())
            for number, sample in enumerate(samples(source, config.name)):
                row = json.dumps(_sample(sample, run.manifest.checkpoint.name), ensure_ascii=False)
                stream.write((",\n" if number else "\n").encode() + row.encode("utf-8", "replace"))
            stream.write(b"\n]}\n")
        written.append(path)
    return written


def _head(run: Run, task: str) -> dict[str, Any]:
    """Everything in a log except its samples."""
    assert run.manifest is not None  # noqa: S101 - of a run folder
    manifest = run.manifest
    mine = _of_task(run.samples, task)
    names = sorted(set(run.samples.problem_ids[mine.problem]))
    good = int((~mine.errored).sum())
    metric = {"name": "accuracy", "value": _accuracy(mine), "params": {}}
    created = manifest.created or "1970-01-01T00:00:00+00:00"
    return {
        "version": 2,
        "status": "success",
        "eval": {
            "eval_id": f"{manifest.run_id}-{task}",
            "run_id": manifest.run_id,
            "created": created,
            "task": task,
            "task_id": f"{manifest.run_id}-{task}",
            "task_version": manifest.suite.hash[:12],
            "dataset": {
                "name": manifest.suite.name,
                "samples": len(names),
                "sample_ids": names,
                "shuffled": False,
            },
            "model": f"{manifest.engine.name}/{manifest.checkpoint.name}",
            "model_generate_config": sampling(run),
            "model_args": {},
            "config": {"epochs": int(mine.sample_index.max()) + 1},
            "packages": {"smallscale_ci": manifest.package.version},
            "scorers": [
                {"name": _SCORER, "metrics": [{"name": "accuracy", "options": {}}], "metadata": {}}
            ],
            "metadata": {"judge": manifest.judges.get(task, ""), "engine": manifest.engine.version},
        },
        "plan": {"name": "plan", "steps": [{"solver": "generate", "params": {}}], "config": {}},
        "results": {
            "total_samples": len(mine),
            "completed_samples": good,
            "scores": [
                {
                    "name": _SCORER,
                    "scorer": _SCORER,
                    "scored_samples": len(names),
                    "unscored_samples": 0,
                    "params": {},
                    "metrics": {"accuracy": metric},
                }
            ],
        },
        "stats": {
            "started_at": created,
            "completed_at": manifest.updated or created,
            "model_usage": {},
        },
    }


def _of_task(held: Samples, task: str) -> Samples:
    return held.select(held.problem_task[held.problem] == held.tasks.index(task))


def _accuracy(held: Samples) -> float:
    """The mean over problems of the share of right samples, without ERRORED ones."""
    shares: dict[int, list[bool]] = {}
    for code, outcome in zip(held.problem.tolist(), held.outcome.tolist(), strict=True):
        if OUTCOMES[outcome] is not Outcome.ERRORED:
            shares.setdefault(code, []).append(OUTCOMES[outcome] is Outcome.CORRECT)
    means = [sum(one) / len(one) for one in shares.values()]
    return sum(means) / len(means) if means else 0.0


def _sample(sample: Exported, model: str) -> dict[str, Any]:
    generation, judgement = sample.generation, sample.judgement
    usage = {
        "input_tokens": generation.prompt_tokens,
        "output_tokens": generation.completion_tokens,
        "total_tokens": generation.prompt_tokens + generation.completion_tokens,
    }
    asked = [_message(turn) for turn in sample.messages]
    said = {"role": "assistant", "content": generation.text, "source": "generate", "model": model}
    failed = judgement.outcome is Outcome.ERRORED
    golds = list(sample.problem.golds)
    choice = {"message": said, "stop_reason": _STOPS.get(generation.finish_reason, "unknown")}
    score = {
        "value": _VALUES.get(judgement.outcome, "I"),
        "answer": judgement.extracted or "",
        "explanation": judgement.reason,
        "metadata": {"outcome": judgement.outcome.value, "judge": judgement.judge},
    }
    error = {"message": judgement.reason, "traceback": "", "traceback_ansi": ""}
    return {
        "id": judgement.problem_id,
        "epoch": judgement.sample_index + 1,
        "input": asked,
        "choices": list(sample.problem.choices) or None,
        "target": golds if len(golds) > 1 else golds[0],
        "messages": [*asked, said],
        "output": {"model": model, "choices": [choice], "usage": usage},
        "scores": None if failed else {_SCORER: score},
        "metadata": {"cluster": sample.problem.cluster} if sample.problem.cluster else {},
        "error": error if failed else None,
    }


def _message(turn: Mapping[str, str]) -> dict[str, str]:
    return {"role": turn["role"], "content": turn["content"], "source": "input"}
