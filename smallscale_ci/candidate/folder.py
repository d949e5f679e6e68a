"""A candidate's folder: what was requested, which steps are complete, and what they made.

```
candidates/<id>/
  candidate.json       request, steps, lineage
  sample/              run on the training suite     pairs/   preference pairs
  train/               training; the candidate itself is train/model
  parent/  verdict/    runs of parent and candidate on the evaluation suite; verdict/report
```
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from smallscale_ci.candidate.record import (
    RECORD,
    CandidateRecord,
    Done,
    Lineage,
    StepRecord,
    read,
    values,
)
from smallscale_ci.checkpoint.servable import inspect
from smallscale_ci.config.seams import STEPS
from smallscale_ci.errors import InvalidError
from smallscale_ci.files import to_json, write_json
from smallscale_ci.ids import file_hash
from smallscale_ci.worker.train.export import LINEAGE

SAMPLE, PAIRS, TRAIN, PARENT, VERDICT = STEPS


class CandidateFolder:
    """Reads and writes ``candidate.json``; knows what each step leaves behind."""

    def __init__(self, path: Path, shared: Mapping[str, Path] = MappingProxyType({})) -> None:
        """``shared``: steps that another candidate made → their folders."""
        self.path, self.shared = path, shared

    @classmethod
    def stored(cls, path: Path) -> CandidateFolder:
        """The folder of a candidate that was started. Raises what ``record.read`` raises."""
        shared = read(path).shared
        return cls(path, {step: (path / place).resolve() for step, place in shared.items()})

    def of(self, step: str) -> Path:
        """Where a step writes, or wrote in another candidate's folder."""
        return self.shared.get(step, self.path / step)

    def sampled(self, record: CandidateRecord) -> Path:
        """The run whose answers the pairs are made from: this folder's own, or the one named."""
        return Path(record.steps[SAMPLE].run or self.of(SAMPLE))

    @property
    def model(self) -> Path:
        """The trained model, which can be served."""
        return self.of(TRAIN) / "model"

    def exists(self) -> bool:
        """Whether a candidate was started here."""
        return (self.path / RECORD).is_file()

    def begin(self, record: CandidateRecord) -> None:
        """Write the record of a new candidate. Raises ``OSError``."""
        self.path.mkdir(parents=True, exist_ok=True)
        shared = {
            step: Path(os.path.relpath(place, self.path.resolve())).as_posix()
            for step, place in self.shared.items()
        }
        self._write(replace(record, shared=shared))

    def read(self) -> CandidateRecord:
        """The record. Raises what ``record.read`` raises."""
        return read(self.path)

    def is_complete(self, step: str) -> bool:
        """Whether a step is complete.

        Raises ``InvalidError`` when what it made, or what it was made from, has changed since.
        """
        steps = self.read().steps
        if step not in steps:
            return False
        done = steps[step]
        before = {name: steps[name].made for name in STEPS[step].needs if name in steps}
        if self._made(step, done) != done.made or before != done.made_from:
            raise InvalidError(
                f"The results of step '{step}' in {self.path} are no longer those that the steps "
                "after it were made from.",
                "Restore them, or start a new candidate with another --out.",
            )
        return True

    def complete(self, step: str, done: Done, *, ended: str = "", seconds: float = 0.0) -> None:
        """Record that a step is complete, with the hash of what it made."""
        record = self.read()
        complete = StepRecord(
            **values(done),
            made=self._made(step, done),
            made_from={name: record.steps[name].made for name in STEPS[step].needs},
            ended=ended,
            seconds=seconds,
        )
        self._write(replace(record, steps={**record.steps, step: complete}))

    def note(self, lineage: Lineage) -> None:
        """Add the lineage to the record, and write it beside the weights."""
        write_json(self.model / LINEAGE, to_json(lineage, exclude_none=True))
        self._write(replace(self.read(), lineage=lineage))

    def _write(self, record: CandidateRecord) -> None:
        write_json(self.path / RECORD, to_json(record, exclude_none=True))

    def _made(self, step: str, done: Done) -> str:
        """The hash of what a step made; empty if it is not there."""
        made = Path(done.run or self.of(step)) / STEPS[step].makes
        if made.is_dir():
            return inspect(made, "candidate", "").weights_hash
        return file_hash(made) if made.is_file() else ""
