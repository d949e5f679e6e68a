"""``grid.json``: what a grid is made of, which members broke, and which one was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smallscale_ci.candidate.folder import PAIRS, PARENT, SAMPLE, TRAIN, CandidateFolder
from smallscale_ci.candidate.record import CandidateRequest
from smallscale_ci.errors import UsageError
from smallscale_ci.files import Record, read_record, to_json, write_json

RECORD = "grid.json"
SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True)
class Broken(Record):
    """Why a member has no result."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridRecord(Record):
    """Everything recorded about a grid; its members are candidates with records of their own."""

    schema_version: str = SCHEMA_VERSION
    id: str
    created: str
    """ISO time."""
    package: str
    """Version of this package."""
    grid: Mapping[str, Any]
    """Complete."""
    file: str
    """Where the grid was read."""
    request: CandidateRequest
    fresh_suite: str = ""
    """The suite that the chosen member is judged by; empty: the evaluation's, with new samples."""
    broken: Mapping[str, Broken] = field(default_factory=dict)
    """Member → why."""
    chosen: str = ""
    """The member that was judged on samples that the choice has not seen."""


class GridFolder:
    """Where a grid and its members are.

    ```
    candidates/<id>/
      grid.json            the grid, members that broke, the choice
      sample/ pairs/       answers and pairs that all members are trained on
      parent/              the parent's run that all members are compared with
      members/NAME/        one candidate each: train/ verdict/
      fresh/               the chosen one against its parent on new samples: parent/ verdict/
      report/              grid.html, grid.md
    ```
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def base(self) -> CandidateFolder:
        """The steps that all members share."""
        return CandidateFolder(self.path)

    @property
    def report(self) -> Path:
        """The folder of the report."""
        return self.path / "report"

    def member(self, name: str) -> CandidateFolder:
        """A member, which is a candidate that shares three steps."""
        shared = {step: self.path / step for step in (SAMPLE, PAIRS, PARENT)}
        return CandidateFolder(self.path / "members" / name, shared)

    def fresh(self, name: str) -> CandidateFolder:
        """The member ``name``, evaluated once more."""
        shared = {step: self.path / step for step in (SAMPLE, PAIRS)}
        shared[TRAIN] = self.member(name).of(TRAIN)
        return CandidateFolder(self.path / "fresh", shared)

    def exists(self) -> bool:
        """Whether a grid was started here."""
        return (self.path / RECORD).is_file()

    def read(self) -> GridRecord:
        """The record.

        Raises ``UsageError`` if there is none, ``DataError`` if it is damaged, and
        ``InvalidError`` where it is of another schema.
        """
        path = self.path / RECORD
        if not path.is_file():
            raise UsageError(
                f"{self.path} is not the folder of a grid: it has no {RECORD}.",
                "Grids are folders under candidates/, written by smallscale candidate.",
            )
        hint = "Restore it, or start a new grid."
        return read_record(GridRecord, path, SCHEMA_VERSION, hint)

    def write(self, record: GridRecord) -> None:
        """Write the record. Raises ``OSError``."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / RECORD, to_json(record, exclude_none=True))

    def broken(self) -> Mapping[str, Broken]:
        """The members that failed. One whose folder was removed is tried again."""
        found = self.read().broken
        return {name: why for name, why in found.items() if self.member(name).path.is_dir()}

    def note(self, name: str, why: Broken) -> None:
        """Record that a member failed."""
        record = self.read()
        self.write(replace(record, broken={**record.broken, name: why}))

    def choose(self, name: str) -> None:
        """Record which member was chosen."""
        self.write(replace(self.read(), chosen=name))
