"""From another tool's log to a run: samples as columns, and its records as a manifest.

Samples are read one at a time and kept as numbers, and a column is freed as soon as its next form
is there: memory is a fixed number of bytes per sample, however long the texts are.
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
from smallscale_ci.config.seams import REJUDGES
from smallscale_ci.errors import BadSamplesError, DataError, samples_have
from smallscale_ci.gate.summary import summarise
from smallscale_ci.ids import slug
from smallscale_ci.interop.files import bare_name, known
from smallscale_ci.interop.interface import Log, Sample
from smallscale_ci.interop.judged import two_contents
from smallscale_ci.records import FinishReason, Metric, Outcome
from smallscale_ci.run.columns import encode_sorted, numbers
from smallscale_ci.run.manifest import COMPLETE, Engine, Manifest, PromptsId, SuiteId
from smallscale_ci.run.run import Run
from smallscale_ci.run.samples import Samples
from smallscale_ci.run.samples_table import from_table

_OUTCOMES = {outcome: code for code, outcome in enumerate(Outcome)}
_FINISHES = {reason: code for code, reason in enumerate(FinishReason)}
_CHUNK = 1 << 16  # samples whose ids are held as texts at a time
_UNKNOWN = -1


class _Columns:
    """The columns of a log that is being read."""

    def __init__(self) -> None:
        self.tasks: dict[str, int] = {}
        self.task, self.epoch = array("i"), array("i")
        self.outcome, self.finish = array("b"), array("b")
        self.tokens, self.thinking = array("i"), array("i")
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
        # Without a hash of the content, only the golds tell one question from another.
        bare = sample.golds and not sample.content
        self.golds.append(_short(repr((sample.problem, sample.golds))) if bare else 0)
        self._ids.append(sample.problem)
        self._groups.append(sample.cluster)
        if len(self._ids) >= _CHUNK:
            self.flush()

    def flush(self) -> None:
        self.problems.append(pa.array(self._ids, pa.string()))
        named = any(self._groups)
        self.clusters.append(pa.array(self._groups) if named else pa.nulls(len(self._ids)))
        self._ids, self._groups = [], []

    def codes(self) -> pa.DictionaryArray:
        """(n,) the problems; frees their texts."""
        texts = pa.chunked_array(self.problems, pa.string())
        self.problems = []
        codes, words = encode_sorted(texts)
        return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), words)

    def cluster(self) -> pa.ChunkedArray:
        """(n,) the clusters; of the type null where there are none."""
        kinds = {part.type for part in self.clusters}
        kind = pa.string() if pa.string() in kinds else pa.null()
        return pa.chunked_array([part.cast(kind) for part in self.clusters], kind)


def gather(log: Log, samples: Iterable[Sample] | None = None, judge: str = "") -> Run:
    """The run that ``log`` records, by the tool's own verdicts.

    ``samples`` are the log's, with the verdicts of ``judge`` if it judged them again. Raises
    ``DataError`` if there are no verdicts, and its subclass ``BadSamplesError`` for samples that
    cannot be counted.
    """
    taken = _Columns()
    for sample in log.samples if samples is None else samples:
        taken.add(sample)
    taken.flush()
    if not len(taken.task):
        found = "no verdicts" if taken.skipped else "no samples"
        raise DataError(
            f"{log.path} holds {found}.",
            f"Judge its texts: --rejudge {' or '.join(REJUDGES)} (see `smallscale judge --help`)."
            if taken.skipped
            else "Is this the right file?",
        )
    count = len(taken.task)
    notes = [*log.facts.notes, *_notes(log, taken)]
    table, unknown = _table(taken, notes, str(log.path))
    held = from_table(table, str(log.path), unknown=unknown)
    del table
    content = np.frombuffer(taken.content, dtype=np.uint64)
    _refuse_two_contents(content, held, str(log.path))
    manifest = _manifest(log, taken, count, judge, notes)
    del taken, content
    pa.default_memory_pool().release_unused()
    return Run(_name_of(log.path), held, manifest, str(log.path), summarise(held))


def _table(taken: _Columns, notes: list[str], name: str) -> tuple[pa.Table, frozenset[Metric]]:
    """The columns in the form of a samples file, and the metrics that they do not record."""
    outcome = np.frombuffer(taken.outcome, dtype=np.int8)
    finish = np.frombuffer(taken.finish, dtype=np.int8)
    tokens = np.frombuffer(taken.tokens, dtype=np.int32)
    thinking = np.frombuffer(taken.thinking, dtype=np.int32)
    good = outcome != _OUTCOMES[Outcome.ERRORED]
    unknown = set()
    lacking = int(np.sum(good & (tokens < 0)))
    if lacking:
        unknown.add(Metric.TOKENS)
        if lacking < int(good.sum()):
            notes.append(f"{samples_have(lacking)} no token count: tokens are not compared.")
    if np.any(good & (finish < 0)):
        unknown.add(Metric.TRUNCATION)
    problem = taken.codes()
    columns = {
        "task": _worded(np.frombuffer(taken.task, dtype=np.int32), list(taken.tasks)),
        "problem_id": problem,
        "sample_index": pa.array(_epochs(taken, problem, name)),
        "outcome": _worded(outcome, [one.value for one in Outcome]),
        "completion_tokens": pa.nulls(len(tokens))
        if Metric.TOKENS in unknown
        else pa.array(tokens, mask=tokens < 0),
        "finish_reason": _worded(finish, [reason.value for reason in FinishReason]),
        "cluster": taken.cluster(),
    }
    # Servers that do not count thinking tokens report 0: if all are 0, nothing is known.
    if Metric.TOKENS not in unknown and np.all(thinking[good] >= 0) and np.any(thinking > 0):
        columns["thinking_tokens"] = pa.array(thinking, mask=thinking < 0)
    return pa.table(columns), frozenset(unknown)


def _worded(codes: NDArray[np.integer], words: list[str]) -> pa.Array:
    """(n,) the words of ``codes``, empty for a negative code."""
    if np.all(codes < 0):
        return pa.nulls(len(codes), pa.string())
    empty = codes < 0
    if not empty.any():
        return pa.DictionaryArray.from_arrays(pa.array(codes), words)
    found = pa.array(np.where(empty, 0, codes), mask=empty)
    return pa.DictionaryArray.from_arrays(found, words).dictionary_decode()


def _epochs(taken: _Columns, problem: pa.DictionaryArray, name: str) -> NDArray[np.int32]:
    """(n,) the tool's own epochs, or each sample's position among those of its problem."""
    epoch = np.frombuffer(taken.epoch, dtype=np.int32)
    if np.all(epoch >= 0):
        return epoch
    if np.any(epoch >= 0):
        raise BadSamplesError(f"{name}: only some samples have an epoch.", "Number all or none.")
    found = np.zeros(len(epoch), dtype=np.int32)
    if len(problem.dictionary) == len(epoch):  # each problem once
        return found
    task = np.frombuffer(taken.task, dtype=np.int32).astype(np.int64)
    key = task * len(problem.dictionary) + numbers(problem.indices)
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    first = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    found[order] = np.arange(len(key)) - np.repeat(first, np.diff(np.r_[first, len(key)]))
    return found


def _refuse_two_contents(content: NDArray[np.uint64], held: Samples, name: str) -> None:
    """Refuse an id with two contents: two tasks were joined without saying so."""
    if len(held.problem_ids) == len(content):
        return
    first = np.zeros(len(held.problem_ids), dtype=np.uint64)
    first[held.problem[::-1]] = content[::-1]
    torn = np.flatnonzero(content != first[held.problem])
    if len(torn):
        raise two_contents(name, held.problem_ids[held.problem[torn[0]]])


def _notes(log: Log, taken: _Columns) -> list[str]:
    notes = [
        f"{task}: {samples_have(count)} no verdict of {log.facts.tool}, left out."
        for task, count in taken.skipped.items()
    ]
    found = len(taken.task) + sum(taken.skipped.values())
    if log.facts.planned is not None and found < log.facts.planned:
        notes.append(
            f"{found:,} of the {log.facts.planned:,} samples that {log.facts.tool} planned are "
            "there: the others count as missing."
        )
    return notes


def _manifest(log: Log, taken: _Columns, count: int, judge: str, notes: list[str]) -> Manifest:
    facts, tasks = log.facts, list(taken.tasks)
    judges = {task: judge or facts.judges.get(task, facts.tool) for task in tasks}
    skipped = sum(taken.skipped.values())
    planned = max(count, (facts.planned or 0) - skipped)
    suite = tasks[0] if len(tasks) == 1 else f"{len(tasks)} tasks"
    model = _named(facts.model) or _name_of(log.path)
    return Manifest(
        run_id=_name_of(log.path),
        status=COMPLETE,
        checkpoint=Checkpoint(model, Path(), facts.model, "", "", "", ""),
        suite=SuiteId(suite, _combined(taken.content)),
        profile=facts.tool,
        created=facts.created,
        prompts=PromptsId(_combined(taken.prompt)),
        judges=judges,
        engine=Engine(name=facts.tool, version=facts.version),
        planned=planned,
        tool={**facts.settings, **known(suite__golds=_combined(taken.golds))},
        warnings=tuple(notes),
    )


def _name_of(path: Path) -> str:
    """A folder's name, or a file's without its suffix."""
    return path.resolve().name if path.is_dir() else Path(bare_name(path)).stem


def _named(model: str) -> str:
    """A model's name in the form of baselines: with at most one slash, as on the hub."""
    return model if model.count("/") < 2 else slug(model)


def _short(digest: str) -> int:
    """64 bits of a hash; 0 for none."""
    if not digest:
        return 0
    return int.from_bytes(hashlib.blake2b(digest.encode(), digest_size=8).digest(), "big")


def _combined(hashes: array[int]) -> str:
    """One hash over all problems' hashes, independent of order; empty if any is missing.

    ``hashes`` is sorted in place.
    """
    values = np.frombuffer(hashes, dtype=np.uint64)
    values.sort()
    if not len(values) or values[0] == 0:
        return ""
    different = values[np.r_[True, values[1:] != values[:-1]]]
    return hashlib.sha256(different.data).hexdigest()[:16]
