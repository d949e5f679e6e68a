"""Judgements as they come: numbers in memory, texts on disk; a few megabytes per million."""

from __future__ import annotations

import json
import os
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from smallscale_ci.files import where_writable
from smallscale_ci.records import FinishReason, Generation, Judgement, Outcome, Problem
from smallscale_ci.run import tables
from smallscale_ci.run.places import Places
from smallscale_ci.run.samples import Samples
from smallscale_ci.run.samples_table import from_table

_OUTCOMES = [outcome.value for outcome in Outcome]
_FINISHES = [reason.value for reason in FinishReason]
_PUT_UP = 1 << 16  # bytes of texts buffered before writing


class Judged:
    """The judgements of one run, and the samples made from them."""

    def __init__(self, problems: Sequence[Problem], folder: Path) -> None:
        """Texts go to an unnamed file in ``folder``, and are buffered while its disk is full.

        Raises ``OSError``.
        """
        self.places = Places(problem.id for problem in problems)
        self._tasks = [problem.task for problem in problems]
        self._clusters = [problem.cluster for problem in problems]
        self._numbers, self._tokens, self._offsets = array("q"), array("q"), array("q")
        self._outcomes, self._finishes = array("b"), array("b")
        self._thinking, self._looping = array("q"), array("b")
        self._texts = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - as long as the run
        self._waiting = bytearray()
        self._end, self._written = 0, 0  # bytes of all texts, and of those in the file

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, generation: Generation, judgement: Judgement) -> None:
        """Add one judgement."""
        number = self.places.number(judgement.problem_id, judgement.sample_index)
        assert number is not None  # noqa: S101 - a judgement is of a problem of the suite
        self._numbers.append(number)
        self._tokens.append(generation.completion_tokens)
        self._outcomes.append(_OUTCOMES.index(judgement.outcome.value))
        self._finishes.append(_FINISHES.index(generation.finish_reason.value))
        thinking = generation.thinking_tokens
        self._thinking.append(-1 if thinking is None else thinking)
        self._looping.append(-1 if generation.looping is None else generation.looping)
        self._offsets.append(self._end)
        line = json.dumps([judgement.extracted, judgement.judge, judgement.reason]).encode()
        self._end += len(line) + 1
        self._waiting += line + b"\n"
        if len(self._waiting) > _PUT_UP:
            with where_writable():  # the verdict does not need texts
                self._flush()

    def numbers(self) -> NDArray[np.int64]:
        """The numbers of all samples, epoch by epoch in the suite's order."""
        return np.sort(np.array(self._numbers, dtype=np.int64))

    def samples(self, name: str) -> Samples:
        """The columns for statistics."""
        order = np.argsort(np.array(self._numbers, dtype=np.int64), kind="stable")
        numbers = np.array(self._numbers, dtype=np.int64)[order]
        place = numbers % max(len(self.places), 1)
        columns = {
            "task": _words(place, self._tasks),
            "problem_id": _words(place, list(self.places.ids)),
            "sample_index": pa.array(numbers // max(len(self.places), 1)),
            "outcome": _words(np.array(self._outcomes)[order], _OUTCOMES),
            "completion_tokens": pa.array(np.array(self._tokens)[order]),
            "finish_reason": _words(np.array(self._finishes)[order], _FINISHES),
            "cluster": _words(place, self._clusters),
        }
        for column, counted in (("thinking_tokens", self._thinking), ("looping", self._looping)):
            values = np.array(counted, dtype=np.int64)[order]
            columns[column] = pa.array(values, mask=values < 0)
        return from_table(pa.table(columns), name)

    def write(self, path: Path, predecessor: str) -> str:
        """Write ``judgements.parquet``; returns its SHA-256."""
        self._flush()
        return tables.write(path, tables.JUDGEMENTS, self._rows(), predecessor)

    def _rows(self) -> Iterator[dict[str, Any]]:
        for at in np.argsort(np.array(self._numbers, dtype=np.int64), kind="stable"):
            problem_id, sample_index = self.places.key(self._numbers[at])
            place = self._numbers[at] % len(self.places)
            self._texts.seek(self._offsets[at])
            extracted, judge, reason = json.loads(self._texts.readline())
            judgement = Judgement(
                problem_id=problem_id,
                sample_index=sample_index,
                task=self._tasks[place],
                outcome=Outcome(_OUTCOMES[self._outcomes[at]]),
                extracted=extracted,
                judge=judge,
                reason=reason,
            )
            yield tables.judgement_row(judgement, self._clusters[place])

    def _flush(self) -> None:
        while self._waiting:  # each part as far as the disk has space
            count = os.pwrite(self._texts.fileno(), self._waiting, self._written)
            self._written += count
            del self._waiting[:count]


def _words(codes: NDArray[Any], words: list[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(words))
