"""A run in lm-eval's format: ``results_DATE.json``, and a ``samples_TASK_DATE.jsonl`` per task."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from smallscale_ci.files import whole, write_json
from smallscale_ci.interop.exported import Exported, Source, samples, sampling
from smallscale_ci.records import Outcome
from smallscale_ci.run.run import Run

_METRIC, _FILTER = "exact_match", "none"


def write(source: Source, target: Path) -> list[Path]:
    """Write the files into ``target``. ERRORED samples cannot be expressed and are left out."""
    run, suite = source.run, source.suite
    assert run.manifest is not None  # noqa: S101 - of a run folder
    manifest = run.manifest
    date = manifest.created[:19].replace(":", "-") or "1970-01-01T00-00-00"
    results: dict[str, Any] = {key: {} for key in ("results", "configs", "versions", "n-shot")}
    results |= {key: {} for key in ("higher_is_better", "n-samples", "task_hashes")}
    written = []
    for config in suite.tasks:
        task = config.name
        path = target / f"samples_{task}_{date}.jsonl"
        right, count, digest = _rows(source, task, path)
        if not count:
            path.unlink()
            continue
        written.append(path)
        rate = right / count
        error = math.sqrt(rate * (1 - rate) / (count - 1)) if count > 1 else "N/A"
        results["results"][task] = {
            "name": task,
            "alias": task,
            "sample_len": count,
            f"{_METRIC},{_FILTER}": rate,
            f"{_METRIC}_stderr,{_FILTER}": error,
        }
        results["configs"][task] = {
            "task": task,
            "output_type": "generate_until",
            "num_fewshot": len(config.prompt.examples),
            "generation_kwargs": _generation(run),
            "repeats": 1,
            "filter_list": [{"name": _FILTER}],
        }
        results["versions"][task] = manifest.suite.hash[:12]
        results["n-shot"][task] = len(config.prompt.examples)
        results["higher_is_better"][task] = {_METRIC: True}
        results["n-samples"][task] = {"original": count, "effective": count}
        results["task_hashes"][task] = digest
    summary = target / f"results_{date}.json"
    write_json(
        summary,
        {
            **results,
            "group_subtasks": {},
            "model_name": manifest.checkpoint.name,
            "model_source": manifest.engine.name,
            "config": {
                "model": manifest.engine.name,
                "model_args": {"dtype": manifest.engine.dtype},
                "gen_kwargs": {},
                "limit": None,
            },
            "date": manifest.created,
        },
    )
    return [summary, *written]


def _generation(run: Run) -> dict[str, Any]:
    asked = sampling(run)
    if "max_tokens" in asked:
        asked["max_gen_toks"] = asked.pop("max_tokens")
    spec = run.manifest.sampling if run.manifest else None
    return {
        **asked,
        "do_sample": bool(asked.get("temperature")),
        "until": list(spec.stop) if spec else [],
    }


def _rows(source: Source, task: str, path: Path) -> tuple[int, int, str]:
    """The numbers of right and of written samples, and the hash of all of them."""
    digest, right, count = hashlib.sha256(), 0, 0
    with whole(path) as stream:
        for sample in samples(source, task):
            if sample.judgement.outcome is Outcome.ERRORED:
                continue
            row = _row(sample, count)
            digest.update(f"{row['doc_hash']}{row['prompt_hash']}{row['target_hash']}".encode())
            stream.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode())
            count, right = count + 1, right + sample.is_right
    return right, count, digest.hexdigest()


def _row(sample: Exported, number: int) -> dict[str, Any]:
    problem, judgement = sample.problem, sample.judgement
    doc = {"id": problem.id, "question": problem.question, "choices": list(problem.choices)}
    prompt = json.dumps(list(sample.messages), ensure_ascii=False)
    text = sample.generation.text.encode("utf-8", "replace").decode()
    extracted = judgement.extracted
    return {
        "doc_id": number,
        "doc": doc,
        "target": problem.gold,
        "arguments": {"gen_args_0": {"arg_0": [prompt], "arg_1": {}}},
        "resps": [[text]],
        "filtered_resps": ["[invalid]" if extracted is None else extracted],
        "filter": _FILTER,
        "metrics": [_METRIC],
        "doc_hash": _hash(json.dumps(doc, indent=2, ensure_ascii=False)),
        "prompt_hash": _hash(prompt),
        "target_hash": _hash(problem.gold),
        _METRIC: float(sample.is_right),
    }


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
