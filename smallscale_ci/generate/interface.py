"""The interface of the runtimes, which run worker processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.containers.images import Pinned
from smallscale_ci.records import SamplingSpec


@dataclass(frozen=True, slots=True)
class Job:
    """The job of every rank of a run: the content of ``job.json``."""

    engine: str
    model: str  # checkpoint path as the worker sees it
    sampling: SamplingSpec
    max_in_flight: int
    tensor_parallel: int = 1
    deterministic: bool = False
    trust_remote_code: bool = False
    logprobs: bool = False
    engine_args: Mapping[str, Any] = field(default_factory=dict)
    template: Mapping[str, Any] = field(default_factory=dict)  # of the chat template


@dataclass(frozen=True, slots=True)
class Placement:
    """Everything that a runtime may be built from; each takes what it needs."""

    run_id: str  # for several runs: their ids, joined by commas
    profile: EngineProfile
    model: Path | None  # the checkpoint's folder; None: the source is in ``work``
    python: Path | None  # the Python with the engine; None: the runtime brings it
    works: tuple[Path, ...]  # the work folders that the workers go through, one after another
    cache: Path  # of engines, by the user that writes it
    gpus: tuple[str, ...]
    environment: Mapping[str, str]
    clock: Callable[[], float]  # seconds since the epoch: containers outlive their host
    image: Pinned | None = None

    @property
    def key(self) -> str:
        """The variable with the only secret that workers get: the key of their service."""
        default = self.profile.engine_kind.key
        return default and str(self.profile.engine_args.get("api_key_env", default))


class Runtime(Protocol):
    """Starts, watches and stops the worker of each rank."""

    name: str

    def start(self, work: Path, rank: int) -> None:
        """Start the worker of ``rank`` on the work folder. Raises ``EngineError``."""
        ...

    def move(self, work: Path, following: Path) -> None:
        """Send all workers, which are done with ``work``, on to ``following``."""
        ...

    def poll(self) -> Mapping[int, int | None]:
        """Exit code of each rank that was started, ``None`` while it runs."""
        ...

    def kill(self, rank: int) -> None:
        """Stop one rank at once."""
        ...

    def stop(self, grace_s: float) -> None:
        """Stop all ranks, by force after ``grace_s`` seconds."""
        ...


def assign_gpus(gpus: tuple[str, ...], ranks: int, tensor_parallel: int) -> list[tuple[str, ...]]:
    """GPU ids of each rank: ``tensor_parallel`` of its own, or shared in turn if too few.

    Without ``gpus`` every rank gets an empty tuple and sees all GPUs.
    """
    if not gpus:
        return [()] * ranks
    groups = [
        gpus[start : start + tensor_parallel]
        for start in range(0, len(gpus) - tensor_parallel + 1, tensor_parallel)
    ]
    return [groups[rank % len(groups)] if groups else gpus for rank in range(ranks)]
