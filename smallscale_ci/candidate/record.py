"""``candidate.json`` and the lineage beside a candidate's weights, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.errors import UsageError
from smallscale_ci.files import Record, read_record
from smallscale_ci.pairs.record import Counts, Lengths
from smallscale_ci.records import VerdictKind
from smallscale_ci.run.manifest import SuiteId
from smallscale_ci.train.record import Losses, Steps, World

RECORD = "candidate.json"
SCHEMA_VERSION = "1"


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRequest(Record):
    """What a candidate is made of; ``None`` leaves it to the suite, the profile or the policy."""

    model: str
    recipe: str
    train_suite: str
    eval_suite: str
    gate: str | None = None
    profile: str
    samples: int
    """Epochs of the training suite."""
    eval_epochs: int | None = None
    policy: PairPolicy
    overrides: tuple[str, ...] = ()
    """Each is recipe.KEY=VALUE."""
    sample: str = ""
    """A judged run that is used instead of sampling."""
    seed: int | None = None
    ranks: int | None = None
    tensor_parallel: int | None = None
    gpus: tuple[str, ...] = ()
    train_ranks: int | None = None
    runtime: str | None = None
    template: tuple[str, ...] = ()
    """Each is KEY=VALUE."""
    rules: str = ""
    """The commit of ``--rules``, which parent and candidate are judged by."""
    once: bool = False
    """Compared once, after ``eval_epochs``: for a choice among several."""


@dataclass(frozen=True, slots=True)
class Parent(Record):
    """The parent's identity without this machine's paths."""

    name: str
    source: str
    config_hash: str
    tokenizer_hash: str
    template_hash: str
    weights_hash: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Training(Record):
    """How the candidate was trained, from ``train.json``."""

    recipe: Mapping[str, Any]
    runtime: Mapping[str, str]
    world: World
    versions: Mapping[str, str]
    steps: Steps
    loss: Losses | None = None
    tokens: int | None = None
    seconds: int


@dataclass(frozen=True, slots=True)
class Done(Record):
    """What a step reports about its work; each step has fields of its own."""

    run: str | None = None
    """The run that was sampled, or was named."""
    run_id: str | None = None
    counts: Counts | None = None
    lengths: Lengths | None = None
    training: Training | None = None
    kind: VerdictKind | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord(Done):
    """A complete step."""

    made: str
    """Hash of what it made."""
    made_from: Mapping[str, str]
    """The steps that it needs → hash of what they had made."""
    ended: str = ""
    """ISO time."""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Sampled(Record):
    """The answers that the pairs were chosen from."""

    run_id: str
    judgements: str
    """SHA-256 of the file."""
    suite: SuiteId


@dataclass(frozen=True, slots=True)
class Preferred(Record):
    """The pairs."""

    sha256: str
    policy: Mapping[str, Any]
    counts: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained(Training):
    """The training and its result."""

    weights_hash: str


@dataclass(frozen=True, slots=True)
class Judged(Record):
    """The verdict on the candidate, as ``verdict.json`` has it."""

    suite: SuiteId
    kind: VerdictKind
    policy: str
    reasons: tuple[Mapping[str, Any], ...]
    checks: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage(Record):
    """Where a candidate comes from; it travels with the weights."""

    schema_version: str = SCHEMA_VERSION
    name: str
    candidate: str
    package: str
    parent: Parent
    recipe: str
    sample: Sampled
    pairs: Preferred
    train: Trained
    verdict: Judged | None = None
    """``None`` until it is decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CandidateRecord(Record):
    """Everything recorded about a candidate."""

    schema_version: str = SCHEMA_VERSION
    id: str
    created: str
    """ISO time."""
    package: str
    """Version of this package."""
    parent: Parent
    recipe: Mapping[str, Any]
    """Complete."""
    train_suite: SuiteId
    eval_suite: SuiteId
    request: CandidateRequest
    steps: Mapping[str, StepRecord] = field(default_factory=dict)
    shared: Mapping[str, str] = field(default_factory=dict)
    """Steps that another candidate made → their folders, seen from this one's."""
    lineage: Lineage | None = None
    """``None`` until it is trained."""


def values(record: Any) -> dict[str, Any]:
    """The fields of ``record``, for making a record with more of them."""
    return {item.name: getattr(record, item.name) for item in fields(record)}


def read(folder: Path) -> CandidateRecord:
    """The record in ``folder``.

    Raises ``UsageError`` if there is none, ``DataError`` if it is damaged, and
    ``InvalidError`` if it has another schema.
    """
    path = folder / RECORD
    if not path.is_file():
        raise UsageError(
            f"{folder} is not a candidate folder: it has no {RECORD}.",
            "Candidates are folders under candidates/, written by smallscale candidate.",
        )
    hint = "Restore it, or start a new candidate."
    return read_record(CandidateRecord, path, SCHEMA_VERSION, hint)
