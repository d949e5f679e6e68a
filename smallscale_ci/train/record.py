"""``train.json``: lineage and status of a training, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.files import Record, read_record
from smallscale_ci.pairs.record import Counts
from smallscale_ci.run.manifest import Package, Status

MANIFEST = "train.json"
SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True)
class PairsUsed(Record):
    """The training pairs: their folder, and facts from their own record."""

    path: str
    count: int = 0
    sha256: str = ""
    run_id: str = ""
    suite: str = ""
    suite_sha256: str = ""
    policy: Mapping[str, Any] = field(default_factory=dict)
    counts: Counts | None = None
    template: Mapping[str, Any] = field(default_factory=dict)
    """Template variables that prompts were rendered with."""
    checkpoint: Checkpoint | None = None
    """Whose answers they are."""


@dataclass(frozen=True, slots=True)
class World(Record):
    """Where the ranks ran."""

    ranks: int
    """Of one node."""
    nodes: int = 1
    gpu: bool = False


@dataclass(frozen=True, slots=True)
class Steps(Record):
    """Optimiser steps."""

    planned: int = 0
    done: int = 0


@dataclass(frozen=True, slots=True)
class Losses(Record):
    """Losses of single steps."""

    first: float | None = None
    last: float | None = None


@dataclass(frozen=True, slots=True)
class TrainRecord(Record):
    """Everything recorded about a training."""

    status: Status
    parent: Checkpoint
    pairs: PairsUsed
    recipe: Mapping[str, Any]
    """Complete."""
    world: World
    schema_version: str = SCHEMA_VERSION
    created: str = ""
    """ISO time at which the first session began."""
    updated: str = ""
    runtime: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of the libraries that trained."""
    package: Package = field(default_factory=Package)
    steps: Steps = Steps()
    seconds: int = 0
    """Of all sessions."""
    sessions: tuple[Mapping[str, str], ...] = ()
    """When each began, and from which checkpoint."""
    loss_curve: str = ""
    loss: Losses | None = None
    """``None`` before the first step."""
    tokens: int | None = None
    """Of prompts and answers."""
    model: Checkpoint | None = None
    """The candidate; its path is relative to the folder of the training."""


def read(out: Path) -> TrainRecord:
    """The record in the folder ``out``. Raises ``DataError`` and ``InvalidError``."""
    hint = "Restore it, or train again in another folder."
    return read_record(TrainRecord, out / MANIFEST, SCHEMA_VERSION, hint)
