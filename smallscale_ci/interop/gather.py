"""From another tool's log to a run: its samples as columns, and what it records as a manifest.

Samples are taken one at a time and kept as numbers, so that a file of any size is read in about a
hundred bytes a sample.
"""

from __future__ import annotations

import hashlib
from array import array
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.errors import BadSamplesError, DataError
from smallscale_ci.gate.summary import summarise
from smallscale_ci.ids import slug
from smallscale_ci.interop.files import bare_name, known
from smallscale_ci.interop.interface import Log, Sample
from smallscale_ci.interop.judged import two_contents
from smallscale_ci.records import FinishReason, Metric, Outcome
from smallscale_ci.run.manifest import COMPLETE, Engine, Manifest, PromptsId, SuiteId
from smallscale_ci.run.run import Run
from smallscale_ci.run.samples import Samples
from smallscale_ci.run.samples_table import from_table

_OUTCOMES = {outcome: code for code, outcome in enumerate(Outcome)}
_FINISHES = {reason: code for code, reason in enumerate(FinishReason)}
_CHUNK = 1 << 16  # samples whose ids are texts at a time
_UNKNOWN = -1


class _Columns:
    """The columns of a log while it is read."""

    def __init__(self) -> None:
        self.tasks: dict[str, int] = {}
        self.task, self.epoch = array("i"), array("q")
        self.outcome, self.finish = array("b"), array("b")
        self.tokens, self.thinking = array("q"), array("q")
        self.content, self.prompt, self.golds = array("Q"), array("Q"), array("Q")
        self.problems: list[pa.Array] = []
        self.clusters: list[pa.Array] = []
        self._ids: list[str] = []
        self._groups: list[str] = []
        self.skipped: Counter[str] = Counter()

    def add(self, sample: Sample) -> None:
        if sample.outcome is None:
            self.skipped[sample.task] += 1
            return
        self.task.append(self.tasks.setdefault(sample.task, len(self.tasks)))
        self.epoch.append(_UNKNOWN if sample.epoch is None else sample.epoch)
        self.outcome.append(_OUTCOMES[sample.outcome])
        self.finish.append(_UNKNOWN if sample.finish is None else _FINISHES[sample.finish])
        self.tokens.append(_UNKNOWN if sample.tokens is None else sample.tokens)
        self.thinking.append(_UNKNOWN if sample.thinking_tokens is None else sample.thinking_tokens)
        self.content.append(_short(sample.content))
        self.prompt.append(_short(sample.prompt))
        # Without a hash of the content the golds alone tell one question from another.
        bare = sample.golds and not sample.content
        self.golds.append(_short(repr((sample.problem, sample.golds))) if bare else 0)
        self._ids.append(sample.problem)
        self._groups.append(sample.cluster)
        if len(self._ids) >= _CHUNK:
            self.flush()

    def flush(self) -> None:
        self.problems.append(pa.array(self._ids, pa.string()))
        self.clusters.append(pa.array(self._groups, pa.string()))
        self._ids, self._groups = [], []


def gather(log: Log, samples: Iterable[Sample] | None = None, judge: str = "") -> Run:
    """The run that ``log`` records, by the tool's own verdicts.

    ``samples`` are the log's with the verdicts of ``judge``, if it judged them again. Raises
    ``DataError`` where there are no verdicts, and its ``BadSamplesError`` for samples that cannot
    be counted.
    """
    columns = _Columns()
    for sample in log.samples if samples is None else samples:
        columns.add(sample)
    columns.flush()
    if not len(columns.task):
        found = "no verdicts" if columns.skipped else "no samples"
        raise DataError(
            f"{log.path} holds {found}.",
            "Judge its texts: --rejudge math, or mcq (see `smallscale judge --help`)."
            if columns.skipped
            else "Is this the right file?",
        )
    problem = pa.chunked_array(columns.problems).dictionary_encode().combine_chunks()
    code = np.asarray(problem.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    task = np.frombuffer(columns.task, dtype=np.int32).astype(np.int64)
    key = task * len(problem.dictionary) + code
    notes = [*log.facts.notes, *_notes(log, columns)]
    table, unknown = _table(columns, problem, key, notes, str(log.path))
    held = from_table(table, str(log.path), unknown=unknown)
    _refuse_two_contents(key, np.frombuffer(columns.content, dtype=np.uint64), held, str(log.path))
    manifest = _manifest(log, columns, key, judge, notes)
    return Run(_name_of(log.path), held, manifest, str(log.path), summarise(held))


def _table(
    columns: _Columns,
    problem: pa.DictionaryArray,
    key: NDArray[np.int64],
    notes: list[str],
    name: str,
) -> tuple[pa.Table, frozenset[Metric]]:
    """The columns as a samples file has them, and the metrics that they do not tell."""
    epoch = np.frombuffer(columns.epoch, dtype=np.int64)
    outcome = np.frombuffer(columns.outcome, dtype=np.int8)
    finish = np.frombuffer(columns.finish, dtype=np.int8)
    tokens = np.frombuffer(columns.tokens, dtype=np.int64)
    good = outcome != _OUTCOMES[Outcome.ERRORED]
    unknown = set()
    if np.any(tokens[good] < 0):
        unknown.add(Metric.TOKENS)
        some = int(np.sum(tokens[good] < 0))
        if some < int(good.sum()):
            notes.append(f"{some:,} samples have no token count: tokens are not compared.")
    if np.any(finish[good] < 0):
        unknown.add(Metric.TRUNCATION)
    words = pa.array([reason.value for reason in FinishReason])
    table = pa.table(
        {
            "task": pa.DictionaryArray.from_arrays(
                pa.array(np.frombuffer(columns.task, dtype=np.int32)), pa.array(columns.tasks)
            ),
            "problem_id": problem,
            "sample_index": pa.array(_epochs(epoch, key, name)),
            "outcome": pa.DictionaryArray.from_arrays(
                pa.array(outcome.astype(np.int32)), pa.array([one.value for one in Outcome])
            ),
            "completion_tokens": pa.array(tokens, mask=tokens < 0),
            "finish_reason": pa.DictionaryArray.from_arrays(
                pa.array(finish.astype(np.int32), mask=finish < 0), words
            ).dictionary_decode(),
            "cluster": pa.chunked_array(columns.clusters),
        }
    )
    thinking = np.frombuffer(columns.thinking, dtype=np.int64)
    # Servers that tell no thinking tokens say 0: where nobody thought, nothing is known.
    if Metric.TOKENS not in unknown and np.all(thinking[good] >= 0) and np.any(thinking > 0):
        table = table.append_column("thinking_tokens", pa.array(thinking, mask=thinking < 0))
    return table, frozenset(unknown)


def _epochs(epoch: NDArray[np.int64], key: NDArray[np.int64], name: str) -> NDArray[np.int64]:
    """(n,) the tool's own epochs, or the place of each sample among those of its problem."""
    if np.all(epoch >= 0):
        return epoch
    if np.any(epoch >= 0):
        raise BadSamplesError(f"{name}: only some samples have an epoch.", "Number all or none.")
    order = np.argsort(key, kind="stable")
    first = np.flatnonzero(np.r_[True, key[order][1:] != key[order][:-1]])
    place = np.arange(len(key)) - np.repeat(first, np.diff(np.r_[first, len(key)]))
    found = np.empty(len(key), dtype=np.int64)
    found[order] = place
    return found


def _refuse_two_contents(
    key: NDArray[np.int64], content: NDArray[np.uint64], held: Samples, name: str
) -> None:
    """One id with two contents is two tasks joined without a word."""
    order = np.lexsort((content, key))
    same = key[order][1:] == key[order][:-1]
    torn = np.flatnonzero(same & (content[order][1:] != content[order][:-1]))
    if len(torn):
        row = int(order[torn[0]])
        raise two_contents(name, held.problem_ids[held.problem[row]])


def _notes(log: Log, columns: _Columns) -> list[str]:
    notes = [
        f"{task}: {count:,} samples have no verdict of {log.facts.tool} and are left out."
        for task, count in columns.skipped.items()
    ]
    found = len(columns.task) + sum(columns.skipped.values())
    if log.facts.planned is not None and found < log.facts.planned:
        notes.append(
            f"{found:,} of the {log.facts.planned:,} samples that {log.facts.tool} planned are "
            "there: the others count as missing."
        )
    return notes


def _manifest(
    log: Log, columns: _Columns, key: NDArray[np.int64], judge: str, notes: list[str]
) -> Manifest:
    facts, tasks = log.facts, list(columns.tasks)
    judges = {task: judge or facts.judges.get(task, facts.tool) for task in tasks}
    skipped = sum(columns.skipped.values())
    planned = max(len(key), (facts.planned or 0) - skipped)
    suite = tasks[0] if len(tasks) == 1 else f"{len(tasks)} tasks"
    model = _named(facts.model) or _name_of(log.path)
    return Manifest(
        run_id=_name_of(log.path),
        status=COMPLETE,
        checkpoint=Checkpoint(model, Path(), facts.model, "", "", "", ""),
        suite=SuiteId(suite, _combined(columns.content)),
        profile=facts.tool,
        created=facts.created,
        prompts=PromptsId(_combined(columns.prompt)),
        judges=judges,
        engine=Engine(name=facts.tool, version=facts.version),
        planned=planned,
        tool={**facts.settings, **known(suite__golds=_combined(columns.golds))},
        warnings=tuple(notes),
    )


def _name_of(path: Path) -> str:
    """A folder's name, or a file's without its suffix."""
    return path.resolve().name if path.is_dir() else Path(bare_name(path)).stem


def _named(model: str) -> str:
    """A model's name as baselines have it: with a slash at most, as on the hub."""
    return model if model.count("/") < 2 else slug(model)


def _short(digest: str) -> int:
    """64 bits of a hash; 0 for none."""
    if not digest:
        return 0
    return int.from_bytes(hashlib.blake2b(digest.encode(), digest_size=8).digest(), "big")


def _combined(hashes: array[int]) -> str:
    """One hash of what all problems hold, whatever their order; empty where one has none."""
    values = np.unique(np.frombuffer(hashes, dtype=np.uint64))
    if not len(values) or values[0] == 0:
        return ""
    return hashlib.sha256(values.tobytes()).hexdigest()[:16]
