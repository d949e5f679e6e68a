"""Per-sample outcomes of a run as columns: what summaries, baselines and the gate compute on.

The same five to seven columns make a baseline's ``samples.parquet`` and any bare file given to
``compare``: task, problem_id, sample_index, outcome, completion_tokens, and optionally
finish_reason and cluster.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from smallscale_ci.errors import BadSamplesError, DataError
from smallscale_ci.records import FinishReason, Metric, Outcome
from smallscale_ci.run import columns

OUTCOMES: tuple[Outcome, ...] = tuple(Outcome)
REQUIRED = ("task", "problem_id", "sample_index", "outcome", "completion_tokens")
_LARGEST = 2**31 - 1
_TELLS = {"completion_tokens": Metric.TOKENS, "finish_reason": Metric.TRUNCATION}
_HINT = f"A samples file has the columns {', '.join(REQUIRED)}."


@dataclass(frozen=True, eq=False)
class Samples:
    """Columns of n samples. Codes index the tuples; rows are in no particular order.

    ``problem`` codes a (task, problem_id) pair: the same id in two tasks is two problems.
    """

    tasks: tuple[str, ...]
    problem_ids: NDArray[np.object_]  # (problems,) str
    problem_task: NDArray[np.int64]  # (problems,) code into ``tasks``
    clusters: NDArray[np.object_]  # (problems,) str: cluster name, the problem's own id if none
    problem: NDArray[np.int64]  # (n,) code into ``problem_ids``
    sample_index: NDArray[np.int64]  # (n,)
    outcome: NDArray[np.int64]  # (n,) code into ``OUTCOMES``
    tokens: NDArray[np.float64]  # (n,) completion tokens; NaN where unknown (the engine ERRORED)
    truncated: NDArray[np.bool_]  # (n,)
    unknown: frozenset[Metric] = frozenset()  # what the samples do not tell
    thinking: NDArray[np.float64] | None = None  # (n,) of ``tokens`` those before the answer
    looping: NDArray[np.bool_] | None = None  # (n,)

    def __post_init__(self) -> None:
        columns = {
            Metric.THINKING: self.thinking,
            Metric.ANSWER: self.thinking,
            Metric.LOOPING: self.looping,
        }
        untold = {metric for metric, column in columns.items() if column is None}
        object.__setattr__(self, "unknown", self.unknown | untold)

    def __len__(self) -> int:
        return len(self.problem)

    @property
    def correct(self) -> NDArray[np.bool_]:
        """(n,) whether the sample is CORRECT."""
        return self.are(Outcome.CORRECT)

    @property
    def errored(self) -> NDArray[np.bool_]:
        """(n,) whether the sample is ERRORED."""
        return self.are(Outcome.ERRORED)

    def are(self, outcome: Outcome) -> NDArray[np.bool_]:
        """(n,) whether each sample's outcome is ``outcome``."""
        return np.asarray(self.outcome == OUTCOMES.index(outcome))

    def digest(self) -> str:
        """SHA-256 of all samples by task, problem and index, whatever the order of the rows.

        Of each all that is known of it. A baseline's samples have the digest of the
        run that they were recorded from.
        """
        tasks = np.array(self.tasks, dtype=object)[self.problem_task]
        names = [
            f"{t}\0{p}\0{c}" for t, p, c in zip(tasks, self.problem_ids, self.clusters, strict=True)
        ]
        place = np.empty(len(names), dtype=np.int64)
        place[np.argsort(np.array(names, dtype=object))] = np.arange(len(names))
        order = np.lexsort((self.sample_index, place[self.problem]))
        digest = hashlib.sha256("\n".join(sorted(names)).encode())
        tokens = np.where(self.errored, 0, self.tokens)
        known = [place[self.problem], self.sample_index, self.outcome, tokens, self.truncated]
        known += [column for column in (self.thinking, self.looping) if column is not None]
        for column in known:
            digest.update(np.ascontiguousarray(column[order], dtype="<f8").tobytes())
        return digest.hexdigest()

    def outcome_counts(self) -> dict[str, int]:
        """Number of samples by outcome; every outcome is a key."""
        counts = np.bincount(self.outcome, minlength=len(OUTCOMES))
        return {outcome.value: int(count) for outcome, count in zip(OUTCOMES, counts, strict=True)}

    def mean_tokens(self) -> dict[str, float]:
        """Mean completion tokens by problem id; ERRORED samples count as none."""
        tokens = np.nan_to_num(self.tokens)
        count = np.bincount(self.problem, minlength=len(self.problem_ids))
        total = np.bincount(self.problem, tokens, minlength=len(self.problem_ids))
        means = total / np.maximum(count, 1)
        return dict(zip(self.problem_ids.tolist(), means.tolist(), strict=True))

    def epochs(self, count: int) -> Samples:
        """Only the samples of the first ``count`` epochs."""
        return self.select(self.sample_index < count)

    def select(self, rows: NDArray[np.bool_]) -> Samples:
        """Only the rows where ``rows`` (n,) is true; problems keep their codes."""
        return Samples(
            self.tasks,
            self.problem_ids,
            self.problem_task,
            self.clusters,
            self.problem[rows],
            self.sample_index[rows],
            self.outcome[rows],
            self.tokens[rows],
            self.truncated[rows],
            self.unknown,
            None if self.thinking is None else self.thinking[rows],
            None if self.looping is None else self.looping[rows],
        )


def from_table(table: pa.Table, name: str, unknown: frozenset[Metric] = frozenset()) -> Samples:
    """Check ``table`` and turn it into ``Samples``; ``name`` is what errors call it.

    ``unknown`` are metrics that it does not tell.

    Raises ``DataError`` for a column that is missing or of another type, an unknown outcome or
    finish reason, and its ``BadSamplesError`` for no samples, a duplicated (task, problem,
    sample_index), a problem in two clusters, and NaN or negative tokens outside ERRORED samples.
    """
    for column in REQUIRED:
        if column not in table.column_names:
            raise DataError(f"{name} has no column '{column}'.", _HINT)
    if table.num_rows == 0:
        hint = "Was the run interrupted before it began?"
        raise BadSamplesError(f"{name} holds no samples.", hint)
    task_codes, tasks = _encode(_text(table, "task", name), "task", name)
    id_codes, ids = _encode(_text(table, "problem_id", name), "problem_id", name)
    pairs, problem = np.unique(task_codes * len(ids) + id_codes, return_inverse=True)
    sample_index = _integers(table, "sample_index", name)
    outcome = _outcomes(table, name)
    errored = outcome == OUTCOMES.index(Outcome.ERRORED)
    truncated, finished = _finishes(table, outcome, name)
    if Metric.TOKENS in unknown:
        tokens = np.full(len(outcome), np.nan)
    else:
        tokens = _tokens(table, errored, finished, name)
    _refuse_duplicates(problem, sample_index, ids[pairs % len(ids)], name)
    problem_ids = ids[pairs % len(ids)]
    return Samples(
        tasks=tuple(str(task) for task in tasks),
        problem_ids=problem_ids,
        problem_task=(pairs // len(ids)).astype(np.int64),
        clusters=_clusters(table, problem, problem_ids, name),
        problem=problem.astype(np.int64),
        sample_index=sample_index,
        outcome=outcome,
        tokens=tokens,
        truncated=truncated,
        unknown=unknown,
        thinking=_thinking(table, tokens, name),
        looping=_looping(table, name),
    )


def unknown_in(table: pa.Table) -> frozenset[Metric]:
    """The metrics that a table of ``to_table`` leaves open: their columns are of the type null."""
    return frozenset(
        metric
        for column, metric in _TELLS.items()
        if column in table.column_names and pa.types.is_null(table.column(column).type)
    )


def read_samples(path: Path) -> Samples:
    """Read a bare samples parquet. Raises ``DataError`` when it cannot be used."""
    hint = "Give a samples.parquet, a run folder or the name of a baseline."
    file = columns.parquet(path, str(path), hint)
    with columns.damage(str(path), hint):
        table = columns.checked(file.read())
    return from_table(table, str(path))


def to_table(samples: Samples) -> pa.Table:
    """``samples`` as the table of ``samples.parquet``, sorted by task, problem and index."""
    order = np.lexsort((samples.sample_index, samples.problem))
    problem = samples.problem[order]
    tasks = np.array(samples.tasks, dtype=object)
    no_tokens, no_ends = (metric in samples.unknown for metric in _TELLS.values())
    tokens = np.where(np.isnan(samples.tokens), 0, samples.tokens)[order].astype(np.int32)
    columns = {
        "task": pa.array(tasks[samples.problem_task[problem]]).dictionary_encode(),
        "problem_id": pa.array(samples.problem_ids[problem]).dictionary_encode(),
        "sample_index": pa.array(samples.sample_index[order].astype(np.int32)),
        "outcome": pa.array([OUTCOMES[code].value for code in samples.outcome[order]]),
        "completion_tokens": pa.nulls(len(tokens)) if no_tokens else pa.array(tokens),
        "finish_reason": pa.nulls(len(tokens))
        if no_ends
        else pa.array(_finish_words(samples)[order]),
        "cluster": pa.array(samples.clusters[problem]).dictionary_encode(),
    }
    if samples.thinking is not None:
        thinking = samples.thinking[order]
        unknown = np.isnan(thinking)
        counts = np.where(unknown, 0, thinking).astype(np.int32)
        columns["thinking_tokens"] = pa.array(counts, mask=unknown)
    if samples.looping is not None:
        columns["looping"] = pa.array(samples.looping[order])
    return pa.table(columns)


def _finish_words(samples: Samples) -> NDArray[np.object_]:
    words = np.where(samples.truncated, FinishReason.LENGTH.value, FinishReason.STOP.value)
    unknown = samples.errored & np.isnan(samples.tokens)  # else only the judge failed
    return np.where(unknown, FinishReason.ERROR.value, words).astype(object)


def _text(table: pa.Table, column: str, name: str) -> pa.ChunkedArray:
    values = table.column(column)
    try:
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        return values.cast(pa.string())
    except pa.ArrowException as error:
        raise DataError(f"{name}: column '{column}' must hold text.", _HINT) from error


def _encode(
    values: pa.ChunkedArray, column: str, name: str
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    if values.null_count:
        raise DataError(f"{name}: column '{column}' has {values.null_count} empty values.", _HINT)
    coded = pc.dictionary_encode(values).combine_chunks()
    # Appearance order is kept for tasks, so that reports follow the suite.
    codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, np.asarray(coded.dictionary.to_numpy(zero_copy_only=False), dtype=object)


def _integers(table: pa.Table, column: str, name: str) -> NDArray[np.int64]:
    try:
        values = table.column(column).cast(pa.int64())
    except pa.ArrowException as error:
        raise DataError(f"{name}: column '{column}' must hold whole numbers.", _HINT) from error
    if values.null_count or (len(values) and pc.min(values).as_py() < 0):
        raise DataError(f"{name}: column '{column}' has empty or negative values.", _HINT)
    if len(values) and pc.max(values).as_py() > _LARGEST:  # keys are made of it and the problem
        raise DataError(f"{name}: column '{column}' has numbers over {_LARGEST:,}.", _HINT)
    return np.asarray(values.to_numpy(), dtype=np.int64)


def _words(
    values: pa.ChunkedArray, column: str, words: Iterable[str], name: str
) -> NDArray[np.int64]:
    """Codes of ``values``, upper or lower case, in the order of ``words``."""
    known = list(words)
    codes, found = _encode(values, column, name)
    unknown = [value for value in found if str(value).upper() not in known]
    if unknown:
        raise DataError(
            f"{name}: column '{column}' has the unknown value '{unknown[0]}'.",
            f"Known values: {', '.join(known)}.",
        )
    lookup = np.array([known.index(str(value).upper()) for value in found], dtype=np.int64)
    return lookup[codes]


def _outcomes(table: pa.Table, name: str) -> NDArray[np.int64]:
    return _words(_text(table, "outcome", name), "outcome", (o.value for o in OUTCOMES), name)


def _finishes(
    table: pa.Table, outcome: NDArray[np.int64], name: str
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n,) whether the limit was hit, and whether the engine is known to have finished.

    By the finish reason; the outcome says the first where none is given.
    """
    truncated = np.asarray(outcome == OUTCOMES.index(Outcome.TRUNCATED))
    finished = np.zeros(len(outcome), dtype=np.bool_)
    if "finish_reason" not in table.column_names:
        return truncated, finished
    given = pc.fill_null(_text(table, "finish_reason", name), "")
    known = pc.not_equal(given, "").to_numpy()
    if known.any():
        reasons = [reason.value for reason in FinishReason]
        codes = _words(given.filter(pa.array(known)), "finish_reason", reasons, name)
        truncated[known] = codes == reasons.index(FinishReason.LENGTH)
        finished[known] = codes <= reasons.index(FinishReason.LENGTH)  # STOP or LENGTH
    return truncated, finished


def _tokens(
    table: pa.Table, errored: NDArray[np.bool_], finished: NDArray[np.bool_], name: str
) -> NDArray[np.float64]:
    try:
        column = table.column("completion_tokens").cast(pa.float64())
        tokens = np.array(column.to_numpy(), dtype=np.float64)
    except pa.ArrowException as error:
        raise DataError(f"{name}: column 'completion_tokens' must hold numbers.", _HINT) from error
    tokens[errored & ~(finished & (tokens > 0))] = np.nan
    bad = int(np.sum(~errored & ~(np.isfinite(tokens) & (np.nan_to_num(tokens) >= 0))))
    if bad:
        raise BadSamplesError(
            f"{name}: {bad} samples have empty, NaN or negative completion_tokens.",
            "Token counts are numbers of generated token ids; only ERRORED samples may lack one.",
        )
    return tokens


def _thinking(
    table: pa.Table, tokens: NDArray[np.float64], name: str
) -> NDArray[np.float64] | None:
    """(n,) NaN where ``tokens`` is; ``None`` where the count of any other sample is not known."""
    if "thinking_tokens" not in table.column_names:
        return None
    try:
        column = table.column("thinking_tokens").cast(pa.float64())
        found = np.array(column.to_numpy(), dtype=np.float64)
    except pa.ArrowException as error:
        raise DataError(f"{name}: column 'thinking_tokens' must hold numbers.", _HINT) from error
    counted = ~np.isnan(tokens)
    if np.isnan(found[counted]).any():
        return None
    bad = int(np.sum((found < 0) | (found > tokens)))
    if bad:
        raise BadSamplesError(
            f"{name}: {bad} samples have negative thinking_tokens, or more than their "
            "completion_tokens.",
            "Thinking tokens are the completion tokens before the answer.",
        )
    return np.where(counted, found, np.nan)


def _looping(table: pa.Table, name: str) -> NDArray[np.bool_] | None:
    """(n,); ``None`` where it is not known of every sample."""
    if "looping" not in table.column_names or table.column("looping").null_count:
        return None
    try:
        column = table.column("looping").cast(pa.bool_())
    except pa.ArrowException as error:
        raise DataError(f"{name}: column 'looping' must hold truth values.", _HINT) from error
    return np.asarray(column.to_numpy(), dtype=bool)


def _clusters(
    table: pa.Table, problem: NDArray[np.int64], problem_ids: NDArray[np.object_], name: str
) -> NDArray[np.object_]:
    """(problems,) the cluster that any row of the problem names, or the problem's own id."""
    if "cluster" not in table.column_names:
        return problem_ids
    values = pc.fill_null(_text(table, "cluster", name), "")
    codes, names = _encode(values, "cluster", name)
    rows = np.flatnonzero((names != "")[codes])
    owner = np.full(len(problem_ids), -1, dtype=np.int64)
    owner[problem[rows]] = codes[rows]
    torn = rows[owner[problem[rows]] != codes[rows]]
    if len(torn):
        one = problem[torn[0]]
        raise BadSamplesError(
            f"{name}: problem {problem_ids[one]} is in the clusters '{names[codes[torn[0]]]}' and "
            f"'{names[owner[one]]}'.",
            "All samples of a problem belong to one cluster.",
        )
    named = np.where(owner < 0, problem_ids, names[owner])
    return problem_ids if np.array_equal(named, problem_ids) else named


def _refuse_duplicates(
    problem: NDArray[np.int64],
    sample_index: NDArray[np.int64],
    ids: NDArray[np.object_],
    name: str,
) -> None:
    keys = problem * (int(sample_index.max()) + 1) + sample_index
    order = np.sort(keys)
    repeated = order[:-1][order[1:] == order[:-1]]
    if len(repeated):
        width = int(sample_index.max()) + 1
        raise BadSamplesError(
            f"{name} holds {len(repeated)} samples twice, first: problem "
            f"{ids[repeated[0] // width]}, sample_index {repeated[0] % width}.",
            "Each (task, problem_id, sample_index) may appear once.",
        )
