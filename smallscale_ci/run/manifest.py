"""The manifest: a run's provenance as typed values.

``manifest.json`` holds exactly these fields under these names. A field missing from a file has its
default; older schemas are migrated by ``parse``.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import smallscale_ci
from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.files import Record, from_json, git_line, refuse_schema, to_json
from smallscale_ci.ids import combined_hash
from smallscale_ci.records import SamplingSpec
from smallscale_ci.records.measured import Agreed, Corrected

SCHEMA_VERSION = "2"  # files of the run folder
_READ = ("1", SCHEMA_VERSION)
RESTORE = "Restore the file, or start a new run."


class Status(StrEnum):
    """The status of a run or a training."""

    COMPLETE = "complete"
    INTERRUPTED = "interrupted"
    RUNNING = "running"
    FAILED = "failed"


COMPLETE, INTERRUPTED, RUNNING, FAILED = Status


@dataclass(frozen=True, slots=True)
class SuiteId(Record):
    """The suite of a run."""

    name: str
    hash: str = ""
    """Content hash of all its problems."""


@dataclass(frozen=True, slots=True)
class PromptsId(Record):
    """Hashes of the rendered prompts."""

    hash: str = ""
    """One hash of the rendered token ids of all samples; empty until the engine is loaded."""
    parts: Mapping[str, str] = field(default_factory=dict)
    """Part of the first epoch → the same of its samples, for runs that end within it."""


@dataclass(frozen=True, slots=True)
class Engine(Record):
    """The engine that generated."""

    name: str = ""
    image: str = ""
    """Digest of its image; empty outside containers."""
    version: str = ""
    dtype: str = ""
    max_model_len: int = 0
    request: Mapping[str, Any] = field(default_factory=dict)
    """Of an endpoint: what the profile has it asked besides messages and sampling."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What else the engine reports as in force."""
    libraries: Mapping[str, str] = field(default_factory=dict)
    """Versions of torch and transformers."""


@dataclass(frozen=True, slots=True)
class Runtime(Record):
    """Where the engine processes ran."""

    name: str = ""
    reason: str = ""
    """Why this runtime was chosen."""
    image: str = ""
    ranks: int = 1
    engine: str = ""
    """The engine of the profile. ``replay`` gives another run's completions again, and the
    manifest's ``engine`` is that run's."""
    loaded_by: str = ""
    """The run of the same command whose engine went on with this one; empty if the engine was
    loaded for this run."""


@dataclass(frozen=True, slots=True)
class Machine(Record):
    """The host, and the device of the engine."""

    python: str = ""
    system: str = ""
    processor: str = ""
    device: str = ""
    """Name of the GPU, ``cpu``, or ``none`` behind an endpoint; empty until it is known."""

    @property
    def has_gpu(self) -> bool:
        """Whether the engine is known to have had a GPU."""
        return self.device not in {"", "cpu", "none"}


@dataclass(frozen=True, slots=True)
class Package(Record):
    """This package and the repository that it was run in."""

    version: str = ""
    git_commit: str = ""
    git_dirty: bool = False


@dataclass(frozen=True, slots=True)
class Timings(Record):
    """Seconds, and rates per second, over all sessions; zero if nothing was generated."""

    start_s: float = 0.0
    generate_s: float = 0.0
    tokens_per_s: float = 0.0
    busy_share: float = 0.0
    waiting_s: float = 0.0
    gpu_s: float = 0.0
    cost: float | None = None
    """Of all GPU seconds, in the currency of the profile's price; ``None`` without a price."""


@dataclass(frozen=True, slots=True)
class TokenCounts(Record):
    """Counts of generated token ids."""

    completion: int = 0
    by_rank: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RankUsage(Record):
    """One rank's work in the last session."""

    tokens: int = 0
    tokens_per_s: float = 0.0
    busy_share: float = 0.0
    busy_s: float = 0.0
    waiting_s: float = 0.0
    """Nothing in flight and nothing to claim."""
    load_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Manifest(Record):
    """Provenance and status of a run."""

    run_id: str
    status: Status
    checkpoint: Checkpoint
    suite: SuiteId
    profile: str
    """Name of the engine configuration."""
    schema_version: str = SCHEMA_VERSION
    created: str = ""
    """ISO time at which the first session began."""
    updated: str = ""
    prompts: PromptsId = PromptsId()
    sampling: SamplingSpec | None = None
    template: Mapping[str, Any] = field(default_factory=dict)
    """What the chat template was given besides the messages, and the default system message."""
    judges: Mapping[str, str] = field(default_factory=dict)
    """Task → judge with version and options."""
    engine: Engine = Engine()
    runtime: Runtime = Runtime()
    machine: Machine = Machine()
    package: Package = Package()
    epochs: float = 0
    """Complete ones, and the part of the one after that a look took."""
    planned: int = 0
    """Samples."""
    timings: Timings = Timings()
    tokens: TokenCounts = TokenCounts()
    ranks: Mapping[str, RankUsage] = field(default_factory=dict)
    sandbox: Mapping[str, str] = field(default_factory=dict)
    """Where generated programs were run, and why there."""
    unknown_thinking: Mapping[str, int] = field(default_factory=dict)
    """Marks that look like the end of thinking, in no known format → texts that have them, of the
    first few."""
    judge_agreement: Mapping[str, Agreed] = field(default_factory=dict)
    """Task → how often its two judges agreed."""
    judge_errors: Mapping[str, Corrected] = field(default_factory=dict)
    """Task → counts of its judge's labelled sample, and the accuracy that they correct."""
    warnings: tuple[str, ...] = ()
    rules: str = ""
    """The commit of ``--rules``, which suite, profile, policy and baseline were read from."""
    tool: Mapping[str, Any] | None = None
    """What another tool recorded, by the keys that are compared; ``None`` for our own runs."""
    files: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 of each file of the run folder that is complete; empty in files of schema 1."""


def parse(value: Mapping[str, Any], where: str, hint: str = RESTORE) -> Manifest:
    """The manifest in the JSON object ``value``, migrated from an older schema if needed.

    Errors name it ``where``; ``hint`` is the next step for damage. Raises ``InvalidError`` for
    an unknown schema, and ``DataError`` for missing or wrong fields.
    """
    package = value.get("package")
    version = package.get("version", "") if isinstance(package, dict) else ""
    refuse_schema(
        value,
        _READ,
        where,
        hint,
        unknown=f"Read it with the smallscale that wrote it ({version or 'unknown version'}), or "
        "run the evaluation again.",
    )
    value = {**value, "schema_version": SCHEMA_VERSION}
    checkpoint = value.get("checkpoint")
    if isinstance(checkpoint, dict):  # a baseline has no path: it may be from another machine
        value["checkpoint"] = {"path": "", **checkpoint}
    return from_json(Manifest, value, where, hint)


def begin(
    *,
    run_id: str,
    now: datetime,
    checkpoint: Checkpoint,
    suite: SuiteId,
    sampling: SamplingSpec,
    judges: Mapping[str, str],
    engine: Engine,
    profile: str,
    runtime: Runtime,
    repository: Path,
    template: Mapping[str, Any] | None = None,
    rules: str = "",
) -> Manifest:
    """The manifest of a starting run. ``engine`` has name and image; the rest comes later."""
    return Manifest(
        run_id=run_id,
        status=Status.RUNNING,
        checkpoint=checkpoint,
        suite=suite,
        profile=profile,
        created=now.isoformat(timespec="seconds"),
        sampling=sampling,
        template=template or {},
        judges=judges,
        engine=engine,
        runtime=runtime,
        machine=Machine(platform.python_version(), platform.system(), platform.machine()),
        package=package_state(repository),
        rules=rules,
    )


def with_engine(manifest: Manifest, info: Mapping[str, Any]) -> Manifest:
    """``manifest``, completed with the worker's report on its engine."""
    settings = dict(info.get("settings", {}))
    engine = replace(
        manifest.engine,
        version=str(info.get("version", "")),
        dtype=str(settings.pop("dtype", "")),
        max_model_len=int(settings.pop("max_model_len", 0) or 0),
        settings=settings,
        libraries={key: str(info[key]) for key in ("torch", "transformers") if key in info},
    )
    machine = replace(manifest.machine, device=str(info.get("device", "")))
    return replace(manifest, engine=engine, machine=machine)


def prompts_hash(hashes: Mapping[str, str]) -> str:
    """One hash of all rendered prompts, from problem_id → hash of its token ids."""
    return combined_hash(hashes.items())[:16]


def flat(value: Any) -> dict[str, str]:
    """A record as dotted keys, for people: a report's provenance section."""
    result: dict[str, str] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict) and value:
            for key in value:
                walk(f"{prefix}.{key}" if prefix else str(key), value[key])
        else:
            result[prefix] = shown(value)

    walk("", value if isinstance(value, dict) else to_json(value))
    return result


def package_state(folder: Path) -> Package:
    """This package, with commit and dirty flag of the repository around ``folder``, if any."""
    commit = git_line(folder, "rev-parse", "HEAD")
    dirty = bool(commit) and bool(git_line(folder, "status", "--porcelain"))
    return Package(smallscale_ci.__version__, commit, dirty)


def shown(value: Any) -> str:
    """A value of a manifest, for people."""
    return "" if value is None else str(value)
