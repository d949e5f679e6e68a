"""The table of a run's samples, as stored in baselines and in bare files for ``compare``.

Its columns are task, problem_id, sample_index, outcome, completion_tokens, and optionally
finish_reason, cluster, thinking_tokens and looping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from smallscale_ci.errors import BadSamplesError, DataError, samples_have
from smallscale_ci.records import FinishReason, Metric, Outcome
from smallscale_ci.run import columns
from smallscale_ci.run.names import Codes, Names
from smallscale_ci.run.samples import OUTCOMES, Samples

REQUIRED = ("task", "problem_id", "sample_index", "outcome", "completion_tokens")
_OPTIONAL = ("finish_reason", "cluster", "thinking_tokens", "looping")
_Encode = Callable[[pa.ChunkedArray], tuple[Codes, pa.StringArray]]
_FEW = ("task", "outcome", "finish_reason")  # columns with few different values
_LARGEST = 2**31 - 1
_TELLS = {"completion_tokens": Metric.TOKENS, "finish_reason": Metric.TRUNCATION}
_HINT = f"A samples file has the columns {', '.join(REQUIRED)}."


def from_table(table: pa.Table, name: str, unknown: frozenset[Metric] = frozenset()) -> Samples:
    """Check ``table`` and turn it into ``Samples``; errors name it ``name``.

    ``unknown`` are metrics that it does not record.

    Raises ``DataError`` for a column that is missing or has another type, an unknown outcome or
    finish reason, and its subclass ``BadSamplesError`` for no samples, a duplicate (task, problem,
    sample_index), a problem in two clusters, and NaN or negative tokens outside ERRORED samples.
    """
    for column in REQUIRED:
        if column not in table.column_names:
            raise DataError(f"{name} has no column '{column}'.", _HINT)
    if table.num_rows == 0:
        hint = "Was the run interrupted before it began?"
        raise BadSamplesError(f"{name} holds no samples.", hint)
    # Tasks keep their order of appearance, so that reports follow the suite.
    task_codes, tasks = _filled(table, "task", name)
    # Sorted once, so that runs of one suite match without sorting.
    problem, ids = _filled(table, "problem_id", name, columns.encode_sorted)
    problem_task = np.zeros(len(ids), dtype=np.int32)
    if len(tasks) > 1:
        pairs, problem = np.unique(task_codes * len(ids) + problem, return_inverse=True)
        problem_task = (pairs // len(ids)).astype(np.int32)
        ids = ids[pairs % len(ids)]
    sample_index = _integers(table, "sample_index", name)
    if len(ids) < table.num_rows:
        _refuse_duplicates(problem, sample_index, ids, name)
    outcome = _outcomes(table, name)
    errored = outcome == OUTCOMES.index(Outcome.ERRORED)
    truncated, finished = _finishes(table, outcome, name)
    if Metric.TOKENS in unknown:
        tokens = np.full(len(outcome), np.nan)
    else:
        tokens = _tokens(table, errored, finished, name)
    return Samples(
        tasks=tuple(tasks),
        problem_ids=ids,
        problem_task=problem_task,
        clusters=_clusters(table, problem, ids, name),
        problem=problem,
        sample_index=sample_index,
        outcome=outcome,
        tokens=tokens,
        truncated=truncated,
        unknown=unknown,
        thinking=_thinking(table, tokens, name),
        looping=_looping(table, name),
    )


def unknown_in(table: pa.Table) -> frozenset[Metric]:
    """The metrics that a table of ``to_table`` does not record: their columns have type null."""
    return frozenset(
        metric
        for column, metric in _TELLS.items()
        if column in table.column_names and pa.types.is_null(table.column(column).type)
    )


def read_samples(path: Path) -> Samples:
    """Read a bare samples Parquet file. Raises ``DataError`` if it cannot be used."""
    hint = "Give a samples.parquet, a run folder or the name of a baseline."
    file = columns.parquet(path, str(path), hint, few=_FEW)
    with columns.damage(str(path), hint):
        known = [name for name in file.schema_arrow.names if name in (*REQUIRED, *_OPTIONAL)]
        table = columns.checked(file.read(known))
    found = from_table(table, str(path))
    del table, file
    pa.default_memory_pool().release_unused()  # a million texts may have been read
    return found.ordered()


def to_table(samples: Samples) -> pa.Table:
    """``samples`` as the table of ``samples.parquet``, sorted by task, problem and index."""
    order = np.lexsort((samples.sample_index, samples.problem))
    problem = samples.problem[order]
    tasks = Names.of(samples.tasks)
    no_tokens, no_ends = (metric in samples.unknown for metric in _TELLS.values())
    tokens = np.where(np.isnan(samples.tokens), 0, samples.tokens)[order].astype(np.int32)
    table = {
        "task": tasks[samples.problem_task[problem]].texts.dictionary_encode(),
        "problem_id": samples.problem_ids[problem].texts.dictionary_encode(),
        "sample_index": pa.array(samples.sample_index[order].astype(np.int32)),
        "outcome": pa.array([OUTCOMES[code].value for code in samples.outcome[order]]),
        "completion_tokens": pa.nulls(len(tokens)) if no_tokens else pa.array(tokens),
        "finish_reason": pa.nulls(len(tokens))
        if no_ends
        else pa.array(_finish_words(samples)[order]),
        "cluster": samples.clusters[problem].texts.dictionary_encode(),
    }
    if samples.thinking is not None:
        thinking = samples.thinking[order]
        unknown = np.isnan(thinking)
        counts = np.where(unknown, 0, thinking).astype(np.int32)
        table["thinking_tokens"] = pa.array(counts, mask=unknown)
    if samples.looping is not None:
        table["looping"] = pa.array(samples.looping[order])
    return pa.table(table)


def _finish_words(samples: Samples) -> NDArray[np.object_]:
    words = np.where(samples.truncated, FinishReason.LENGTH.value, FinishReason.STOP.value)
    unknown = samples.errored & np.isnan(samples.tokens)  # otherwise only the judge failed
    return np.where(unknown, FinishReason.ERROR.value, words).astype(object)


def _coded(
    table: pa.Table, column: str, name: str, encode: _Encode = columns.encode
) -> tuple[Codes, Names]:
    """(n,) codes of the texts in a column, and the distinct texts, of which one may be null.

    Raises ``DataError`` if it does not hold texts.
    """
    try:
        codes, words = encode(table.column(column))
    except pa.ArrowException as error:
        raise DataError(f"{name}: column '{column}' must hold text.", _HINT) from error
    return codes, Names(words)


def _filled(
    table: pa.Table, column: str, name: str, encode: _Encode = columns.encode
) -> tuple[Codes, Names]:
    """``_coded``, for a column that must not have nulls."""
    codes, words = _coded(table, column, name, encode)
    if words.texts.null_count:
        empty = int((~columns.truths(words.texts.is_valid()))[codes].sum())
        raise DataError(f"{name}: column '{column}' has {empty} empty values.", _HINT)
    return codes, words


def _integers(table: pa.Table, column: str, name: str) -> NDArray[np.int32]:
    try:
        values = table.column(column)
        if values.type != pa.int32():
            values = values.cast(pa.int64())
    except pa.ArrowException as error:
        raise DataError(f"{name}: column '{column}' must hold whole numbers.", _HINT) from error
    if values.null_count or pc.min(values).as_py() < 0:
        raise DataError(f"{name}: column '{column}' has empty or negative values.", _HINT)
    if pc.max(values).as_py() > _LARGEST:  # it is combined with the problem into a key
        raise DataError(f"{name}: column '{column}' has numbers over {_LARGEST:,}.", _HINT)
    return columns.numbers(values).astype(np.int32, copy=False)


def _words(words: Names, column: str, known: Iterable[str], name: str) -> NDArray[np.int8]:
    """The positions of ``words``, in any case, among ``known``; −1 for an empty one."""
    known = list(known)
    found: list[str | None] = list(words)
    unknown = [word for word in found if word and word.upper() not in known]
    if unknown:
        raise DataError(
            f"{name}: column '{column}' has the unknown value '{unknown[0]}'.",
            f"Known values: {', '.join(known)}.",
        )
    return np.array([known.index(w.upper()) if w else -1 for w in found], dtype=np.int8)


def _outcomes(table: pa.Table, name: str) -> NDArray[np.int8]:
    codes, words = _filled(table, "outcome", name)
    places = _words(words, "outcome", (one.value for one in OUTCOMES), name)
    if np.any(places < 0):
        known = ", ".join(OUTCOMES)
        what = f"{name}: column 'outcome' has the unknown value ''."
        raise DataError(what, f"Known values: {known}.")
    return np.asarray(places[codes])


def _finishes(
    table: pa.Table, outcome: NDArray[np.int8], name: str
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n,) whether the limit was hit, and whether the engine is known to have finished.

    From the finish reason or, for the first, from the outcome if there is none.
    """
    truncated = np.asarray(outcome == OUTCOMES.index(Outcome.TRUNCATED))
    if "finish_reason" not in table.column_names:
        return truncated, np.zeros(len(outcome), dtype=np.bool_)
    codes, words = _coded(table, "finish_reason", name)
    reasons = [reason.value for reason in FinishReason]
    place = _words(words, "finish_reason", reasons, name)[codes]
    length = reasons.index(FinishReason.LENGTH)
    finished = (place >= 0) & (place <= length)  # STOP or LENGTH
    return np.where(place < 0, truncated, place == length), finished


def _tokens(
    table: pa.Table, errored: NDArray[np.bool_], finished: NDArray[np.bool_], name: str
) -> NDArray[np.float64]:
    tokens = _lengths(table, "completion_tokens", name)
    with np.errstate(invalid="ignore"):
        bad = int(np.sum(~errored & ~((tokens >= 0) & (tokens < np.inf))))
        unknown = errored & ~(finished & (tokens > 0))
    if bad:
        raise BadSamplesError(
            f"{name}: {samples_have(bad)} empty, NaN or negative completion_tokens.",
            "Token counts are numbers of generated token ids; only ERRORED samples may lack one.",
        )
    if unknown.any():
        tokens = np.where(unknown, np.nan, tokens)
    return tokens


def _lengths(table: pa.Table, column: str, name: str) -> NDArray[np.float64]:
    try:
        values = table.column(column).cast(pa.float64())
    except pa.ArrowException as error:
        raise DataError(f"{name}: column '{column}' must hold numbers.", _HINT) from error
    return columns.numbers(values, np.nan)


def _thinking(
    table: pa.Table, tokens: NDArray[np.float64], name: str
) -> NDArray[np.float64] | None:
    """(n,) NaN where ``tokens`` is; ``None`` if any other sample's count is not known."""
    if "thinking_tokens" not in table.column_names:
        return None
    found = _lengths(table, "thinking_tokens", name)
    counted = ~np.isnan(tokens)
    if np.isnan(found[counted]).any():
        return None
    bad = int(np.sum((found < 0) | (found > tokens)))
    if bad:
        raise BadSamplesError(
            f"{name}: {samples_have(bad)} negative thinking_tokens, or more than their "
            "completion_tokens.",
            "Thinking tokens are the completion tokens before the answer.",
        )
    return np.where(counted, found, np.nan)


def _looping(table: pa.Table, name: str) -> NDArray[np.bool_] | None:
    """(n,); ``None`` if it is not known for every sample."""
    if "looping" not in table.column_names or table.column("looping").null_count:
        return None
    try:
        column = table.column("looping").cast(pa.bool_())
    except pa.ArrowException as error:
        raise DataError(f"{name}: column 'looping' must hold truth values.", _HINT) from error
    return columns.truths(column)


def _clusters(table: pa.Table, problem: Codes, problem_ids: Names, name: str) -> Names:
    """(problems,) the cluster named in any of the problem's rows, or the problem's own id."""
    if "cluster" not in table.column_names:
        return problem_ids
    codes, names = _coded(table, "cluster", name)
    named = columns.numbers(pc.binary_length(names.texts), 0) > 0
    rows = np.flatnonzero(named[codes])
    if not len(rows):
        return problem_ids
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
    alone = np.flatnonzero(owner < 0)
    owner[alone] = len(names) + np.arange(len(alone))
    found = Names.concatenate([names, problem_ids[alone]])[owner]
    return problem_ids if found.same_as(problem_ids) else found


def _refuse_duplicates(
    problem: Codes, sample_index: NDArray[np.int32], ids: Names, name: str
) -> None:
    keys = problem * (int(sample_index.max()) + 1) + sample_index
    keys.sort()
    repeated = keys[:-1][keys[1:] == keys[:-1]]
    if len(repeated):
        width = int(sample_index.max()) + 1
        raise BadSamplesError(
            f"{name} holds {'1 sample' if len(repeated) == 1 else f'{len(repeated):,} samples'} "
            f"twice, first: problem {ids[repeated[0] // width]}, "
            f"sample_index {repeated[0] % width}.",
            "Each (task, problem_id, sample_index) may appear once.",
        )
