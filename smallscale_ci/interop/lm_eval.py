"""lm-eval: one ``samples_TASK_DATE.jsonl`` of ``--log_samples``, or a folder of them.

A document is identified by its hash: the same document twice is two epochs, and documents of two
tasks in one file stay distinct although their numbers are the same. Beside the samples is
``results_DATE.json``, with what applies to all of them.

Up to 0.4.2 files are called ``MODEL_TASK.jsonl`` beside ``results.json``; up to 0.4.7 rows name
neither their filter nor their scores: all rows of the first filter come before those of the next.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from smallscale_ci.errors import DataError
from smallscale_ci.interop import chat
from smallscale_ci.interop.files import (
    Row,
    at,
    first_object,
    fraction,
    json_lines,
    kind_of,
    try_object,
    within,
)
from smallscale_ci.interop.interface import Facts, Log, Sample, Wanted
from smallscale_ci.interop.lm_eval_files import (
    date_of,
    files_in,
    is_results,
    refuse_two_runs,
    results_name,
    task_of,
)
from smallscale_ci.interop.lm_eval_results import model, own_score, preferred, settings
from smallscale_ci.interop.seen import Seen
from smallscale_ci.interop.values import asked, content_hash, options_of, right
from smallscale_ci.judges.options import has_options
from smallscale_ci.records import Outcome
from smallscale_ci.suite import gold
from smallscale_ci.suite.option_columns import options_in

name = "lm-eval"
about = "samples_TASK_DATE.jsonl of --log_samples, or the folder that holds them"

_NEEDED = ("doc_id", "resps", "target")
_NO_SCORES = (  # what else rows hold
    *("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"),
    *("doc_hash", "prompt_hash", "target_hash"),
)
_NO_ANSWER = "[invalid]"  # the regex filter's result if it finds nothing
_RIGHT, _WRONG = Outcome.CORRECT, Outcome.WRONG


def claims(path: Path) -> bool:
    """See ``Reader``."""
    if path.is_dir():
        return bool(files_in(path) or any(map(is_results, within(path, "results_*.json", 2))))
    if kind_of(path) == ".json" and is_results(path):
        return True
    if kind_of(path) not in (".json", ".jsonl"):
        return False
    row = first_object(path)
    return "doc_id" in row and ("resps" in row or "filtered_resps" in row)


def read(path: Path, wanted: Wanted) -> Log:
    """See ``Reader``."""
    files = files_in(path) if path.is_dir() else [path]
    if not files or (kind_of(path) == ".json" and is_results(path)):
        raise DataError(
            f"{path} holds scores of lm-eval, and no samples.",
            "Run lm_eval again with --log_samples, and give the folder that it writes.",
        )
    refuse_two_runs(files)
    tasks = {file: task_of(file) for file in files}
    results = {file: try_object(file.with_name(results_name(file))) for file in files}
    models = sorted(set(filter(None, map(model, results.values()))))
    if len(models) > 1:
        raise DataError(
            f"{path} holds results of {len(models)} models: {', '.join(models)}.",
            "Give the folder, or the file, of one of them.",
        )
    first = next(iter(results.values()))
    facts = Facts(
        tool=name,
        version=str(first.get("lm_eval_version") or ""),
        model=models[0] if models else "",
        created=date_of(files[0]),
        settings=settings(first, tasks[files[0]]),
        judges={tasks[file]: _scored(file, wanted) for file in files},
        scores={
            tasks[file]: score
            for file in files
            if (score := own_score(results[file], tasks[file], wanted)) is not None
        },
    )
    return Log(path, facts, _all(files, tasks, results, wanted))


def _scored(file: Path, wanted: Wanted) -> str:
    row = first_object(file)
    return f"lm-eval {preferred(_names(row), wanted)},{wanted.filter or row.get('filter', '')}"


def _names(row: Row) -> list[str]:
    """The scores of a row; older versions do not list them."""
    listed = row.get("metrics") or [key for key in row if key not in _NO_SCORES]
    return [name for name in listed if isinstance(name, str) and name in row and name != "bypass"]


def _all(
    files: list[Path], tasks: Mapping[Path, str], results: Mapping[Path, Row], wanted: Wanted
) -> Iterator[Sample]:
    for file in files:
        yield from _samples(file, tasks[file], results[file], wanted)


def _samples(path: Path, task: str, results: Row, wanted: Wanted) -> Iterator[Sample]:
    """Each document once, by its first filter or the one requested."""
    seen = Seen()
    unnamed: dict[int, int] = {}  # document → hash of its responses, if rows name no filter
    passes: dict[int, int] = {}
    named = [str(one.get("name")) for one in at(results, "configs", task, "filter_list") or ()]
    digest = hashlib.sha256()
    filters = set()
    for number, row in json_lines(path):
        if any(key not in row for key in _NEEDED):
            raise DataError(
                f"{path}, line {number} is not a sample of lm-eval: it lacks doc_id, resps or "
                "target.",
                "Give the samples_….jsonl that lm-eval writes with --log_samples.",
            )
        document = row.get("doc_hash") or _hash_of(row["doc"] if "doc" in row else row["doc_id"])
        key = hash((str(row["doc_id"]), document, row.get("prompt_hash"), row.get("target_hash")))
        if "filter" in row:
            used = str(row["filter"])
        else:
            # The same responses again are from another filter; others are from another run.
            again = unnamed.setdefault(key, said := hash(repr(row["resps"]))) == said
            count = passes[key] = passes.get(key, -1) + 1
            used = named[count] if count < len(named) else f"filter {count + 1}"
            before = seen.first(key)  # rows that name no filter are looked up one by one
            used = used if again else before or used
        filters.add(used)
        digest.update(f"{document}{row.get('prompt_hash')}{row.get('target_hash')}".encode())
        if wanted.filter and used != wanted.filter:
            continue
        before = seen.filter_of(key, used)
        if before == used:
            raise _twice(path, number, row)
        if before is not None:
            continue
        yield from _sample(row, task, document, number, f"{path}, line {number}", wanted)
    if (place := seen.twice()) is not None:
        taken = (one for one in json_lines(path) if wanted.filter in ("", one[1].get("filter")))
        raise _twice(path, *next(islice(taken, place, None)))
    if wanted.filter and wanted.filter not in filters:
        raise DataError(
            f"{path} has no filter '{wanted.filter}'.",
            f"It has {', '.join(sorted(filters))}.",
        )
    stated = at(results, "task_hashes", task)
    if stated and stated != digest.hexdigest():
        raise DataError(
            f"{path} is not the file that {results_name(path)} was written with: lines are "
            "missing, added or changed.",
            "Copy both files again from where lm-eval wrote them.",
        )


def _twice(path: Path, number: int, row: Row) -> DataError:
    return DataError(
        f"{path}, line {number}: document {row['doc_id']} is there twice with the filter "
        f"'{row.get('filter', '')}'.",
        "Two runs were joined into one file. Give them apart, or ask for several samples of a "
        "document by the task's repeats.",
    )


def _sample(
    row: Row, task: str, document: str, number: int, where: str, wanted: Wanted
) -> Iterator[Sample]:
    texts = _responses(row["resps"])
    sample = Sample(
        task=task,
        problem=document[:16],
        name=str(row["doc_id"]),
        outcome=_outcome(row, where, wanted),
        text=texts[0] if texts else None,
        content=f"{document}{row.get('target_hash') or row['target']}",
        prompt=str(row.get("prompt_hash") or ""),
        row=number,
    )
    if wanted.texts and texts:
        question = _asked(row)
        golds, choices = _target(row, question, where)
        sample = replace(sample, question=question, golds=golds, choices=choices)
    yield sample
    # The tool scores a document once, however often it was sampled: the others have no verdict.
    for text in texts[1:]:
        yield replace(sample, text=text, outcome=None)


def _responses(resps: Any) -> list[str]:
    """The texts of ``resps``: one list per request, with one text per repetition.

    Empty if the task compares log-likelihoods.
    """
    requests = resps if isinstance(resps, list) else []
    texts = requests[0] if len(requests) == 1 and isinstance(requests[0], list) else requests
    return texts if texts and all(isinstance(text, str) for text in texts) else []


def _outcome(row: Row, where: str, wanted: Wanted) -> Outcome | None:
    if not wanted.verdicts:
        return None
    names = _names(row)
    metric = preferred(names, wanted)
    if wanted.metric and not metric:
        raise DataError(
            f"{where} has no score '{wanted.metric}'.", f"It has {', '.join(names) or 'none'}."
        )
    if not metric:
        return None
    if row[metric] in (0, 1):
        if row[metric]:
            return _RIGHT
        return Outcome.UNPARSED if row.get("filtered_resps") == [_NO_ANSWER] else _WRONG
    fraction(row[metric], metric, where)
    return None


def _asked(row: Row) -> str:
    """The rendered prompt, or else the document's question."""
    arguments = row.get("arguments")
    prompt: Any = None
    if isinstance(arguments, dict):  # {"gen_args_0": {"arg_0": prompt, "arg_1": settings}}
        prompt = at(next(iter(arguments.values()), None), "arg_0")
    elif isinstance(arguments, list) and arguments:  # [[prompt, settings]]
        prompt = arguments[0][0] if isinstance(arguments[0], list) and arguments[0] else None
    if isinstance(prompt, list) and prompt and isinstance(prompt[0], str):
        prompt = prompt[0]
    if question := chat.asked(prompt):
        return question
    doc = row.get("doc")
    return asked(doc) if isinstance(doc, dict) else ""


def _target(row: Row, question: str, where: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Golds and options; options in the prompt take precedence over the document's."""
    doc, options = row.get("doc"), gold.Choices()
    if isinstance(doc, dict) and not has_options(question):
        options = options_of(options_in(doc), where)
    return right(row["target"], options, None, where), options.texts


def _hash_of(doc: Any) -> str:
    """The hash of a document as lm-eval computes it: older versions record none."""
    if not isinstance(doc, dict):
        return content_hash(doc)
    return hashlib.sha256(json.dumps(doc, indent=2, ensure_ascii=False).encode()).hexdigest()
