"""Per-sample outcomes of a run as columns, for summaries, baselines and the gate."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.records import Metric, Outcome
from smallscale_ci.run.names import Names

OUTCOMES: tuple[Outcome, ...] = tuple(Outcome)


@dataclass(frozen=True, eq=False)
class Samples:
    """Columns of n samples. Codes index the tuples; rows are in no particular order.

    ``problem`` is the code of a (task, problem_id) pair: one id in two tasks is two problems.
    """

    tasks: tuple[str, ...]
    problem_ids: Names  # (problems,)
    problem_task: NDArray[np.int32]  # (problems,) code into ``tasks``
    clusters: Names  # (problems,) of the cluster, or the problem's own id if it has none
    problem: NDArray[np.int64]  # (n,) code into ``problem_ids``
    sample_index: NDArray[np.int32]  # (n,)
    outcome: NDArray[np.int8]  # (n,) code into ``OUTCOMES``
    tokens: NDArray[np.float64]  # (n,) completion tokens; NaN where unknown (the engine ERRORED)
    truncated: NDArray[np.bool_]  # (n,)
    unknown: frozenset[Metric] = frozenset()  # metrics that the samples do not record
    thinking: NDArray[np.float64] | None = None  # (n,) those of ``tokens`` before the answer
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

    @cached_property
    def one_each(self) -> bool:
        """Whether each problem has one sample, and the rows are in the problems' order."""
        rising = self.problem[1:] > self.problem[:-1]
        return len(self) == len(self.problem_ids) and bool(rising.all())

    @property
    def sizes(self) -> NDArray[np.int64]:
        """(problems,) how many samples each problem has."""
        count = len(self.problem_ids)
        if self.one_each:
            return np.broadcast_to(np.int64(1), count)  # takes no memory
        return np.bincount(self.problem, minlength=count)

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

        It covers everything known about each. A baseline's samples have the digest of the
        run that they were recorded from.
        """
        tasks = [self.tasks[code] for code in self.problem_task]
        names = [
            f"{t}\0{p}\0{c}" for t, p, c in zip(tasks, self.problem_ids, self.clusters, strict=True)
        ]
        place = np.empty(len(names), dtype=np.int64)
        place[np.argsort(np.array(names, dtype=object))] = np.arange(len(names))
        order = np.lexsort((self.sample_index, place[self.problem]))
        digest = hashlib.sha256("\n".join(sorted(names)).encode())
        tokens = np.where(self.errored, 0, self.tokens)
        known: list[NDArray[Any]] = [
            place[self.problem], self.sample_index, self.outcome, tokens, self.truncated,
        ]  # fmt: skip
        known += [column for column in (self.thinking, self.looping) if column is not None]
        for column in known:
            digest.update(np.ascontiguousarray(column[order], dtype="<f8").tobytes())
        return digest.hexdigest()

    def outcome_counts(self) -> dict[str, int]:
        """Number of samples by outcome; every outcome is a key."""
        counts = np.bincount(self.outcome, minlength=len(OUTCOMES))
        return {outcome.value: int(count) for outcome, count in zip(OUTCOMES, counts, strict=True)}

    def mean_tokens(self) -> dict[str, float]:
        """Mean completion tokens by problem id, without ERRORED samples."""
        tokens = np.nan_to_num(self.tokens)
        count = np.bincount(self.problem, minlength=len(self.problem_ids))
        total = np.bincount(self.problem, tokens, minlength=len(self.problem_ids))
        means = total / np.maximum(count, 1)
        return dict(zip(self.problem_ids.tolist(), means.tolist(), strict=True))

    def epochs(self, count: int) -> Samples:
        """Only the samples of the first ``count`` epochs."""
        return self.select(self.sample_index < count)

    def ordered(self) -> Samples:
        """With rows in the order of the problems if each has one sample; unchanged otherwise."""
        count = len(self.problem_ids)
        if self.one_each or len(self) != count:
            return self
        rows = np.empty(count, dtype=np.int64)
        rows[self.problem] = np.arange(count)  # no problem is without a sample, so it has one
        return self.select(rows)

    def select(self, rows: NDArray[np.bool_] | NDArray[np.int64]) -> Samples:
        """Only the rows where the mask ``rows`` (n,) is true, or those with these numbers.

        Problems keep their codes.
        """
        return replace(
            self,
            problem=self.problem[rows],
            sample_index=self.sample_index[rows],
            outcome=self.outcome[rows],
            tokens=self.tokens[rows],
            truncated=self.truncated[rows],
            thinking=None if self.thinking is None else self.thinking[rows],
            looping=None if self.looping is None else self.looping[rows],
        )
