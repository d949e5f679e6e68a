"""The ``docker`` runtime: one container for each rank, of an image pinned by digest."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.containers import leftovers, rights, spec
from smallscale_ci.containers.connect import connect
from smallscale_ci.containers.images import Pinned
from smallscale_ci.containers.interface import Ended, Engine
from smallscale_ci.containers.spec import Mount, Spec
from smallscale_ci.errors import ContainerError, EngineError, UsageError
from smallscale_ci.generate.interface import Placement, assign_gpus
from smallscale_ci.generate.local import WORKER_FOLDER
from smallscale_ci.generate.workfolder import appending
from smallscale_ci.worker import protocol
from smallscale_ci.worker.engines.registry import ENGINES

_LOG_BYTES = 64 << 20  # of one rank: an engine that prints forever does not fill the disk
_DEADLINE, _KILLED = 124, 137  # exit codes of `timeout`, and of what SIGKILL ended
_MEMORY_SHARE = 0.9  # of the machine's, for all ranks together


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one container may use. Sizes in bytes; ``memory`` 0: a share of the machine's."""

    memory: int = 0
    shm: int = 8 * spec.GIB
    pids: int = 4096
    deadline_s: int = 86_400


class DockerRuntime:
    """Containers of one run, all labelled with its id and removed by that label."""

    name = "docker"

    def __init__(
        self,
        engine: Engine,
        image: Pinned,
        *,
        run_id: str,
        model: Path | None,
        cache: Path,
        environment: Mapping[str, str],
        gpus: Sequence[tuple[str, ...]],
        bounds: Bounds,
        works: Sequence[Path] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Remove what earlier hosts left of this run and of others that were killed.

        ``model`` is the checkpoint's folder, ``cache`` a folder that containers of this image may
        write, ``gpus`` the ids of each rank, ``works`` the work folders that containers go through
        if there are several. Raises ``ContainerError``.
        """
        self._engine, self._image, self._run_id = engine, image, run_id
        self._model, self._cache, self._environment = model, cache, environment
        self._gpus, self._bounds, self._clock = gpus, bounds, clock
        self._works = tuple(work.resolve() for work in works)
        self._about = engine.about()
        self._ranks: dict[int, _Rank] = {}
        self._checked = image.version is None
        leftovers.remove_run(engine, run_id)
        leftovers.clean(engine, clock())

    def start(self, work: Path, rank: int) -> None:
        """Create and start the container of ``rank``; what it prints goes to ``log/RANK.log``."""
        if rank in self._ranks:
            self._engine.remove(self._ranks[rank].container)
        container = self._engine.create(self.describe(work, rank))
        running = _Rank(self._engine, container, work, rank, self._bounds.deadline_s)
        self._ranks[rank] = running
        self._engine.start(container)
        running.follow()

    def move(self, work: Path, following: Path) -> None:
        """Send all workers on to another work folder."""
        for rank in self._ranks.values():
            rank.status = following / "alive" / rank.status.name
        protocol.write_atomically(work / protocol.NEXT, self._inside(following))

    def _inside(self, work: Path) -> str:
        """Where containers see the work folder ``work``."""
        number = self._works.index(work.resolve()) if work.resolve() in self._works else 0
        return f"{spec.WORK}-{number + 1}" if number else spec.WORK

    def describe(self, work: Path, rank: int) -> Spec:
        """The container of ``rank`` as a value."""
        user, userns = rights.user_of(self._about)
        self._cache.mkdir(parents=True, exist_ok=True)
        rights.give([self._cache], user)
        works = self._works or (work.resolve(),)
        for each in works:
            rights.show(each)
            rights.give([each / name for name in protocol.FOLDERS if name != "log"], user)
        model = spec.checkpoint_mounts(self._model) if self._model is not None else ()
        read = (Mount(WORKER_FOLDER, spec.WORKER), *model)
        rights.refuse_unreadable(read, user)
        memory = self._bounds.memory or int(
            _MEMORY_SHARE * self._about.memory / max(1, len(self._gpus))
        )
        return Spec(
            name=f"smallscale-{self._run_id.partition(',')[0]}-{rank}-{os.getpid()}-"
            f"{time.monotonic_ns()}",
            image=self._image.reference,
            command=spec.worker_command(rank, self._inside(work)),
            mounts=(
                *read,
                *(Mount(each, self._inside(each), read_only=False) for each in works),
                Mount(self._cache.resolve(), spec.CACHE, read_only=False),
            ),
            user=user,
            groups=rights.groups_of(self._about),
            userns=userns,
            memory=memory,
            shm=min(self._bounds.shm, memory),
            pids=self._bounds.pids,
            deadline_s=self._bounds.deadline_s,
            environment=self._environment,
            gpus=self._gpus[rank] if rank < len(self._gpus) else (),
            labels={
                spec.RUN: self._run_id,
                spec.RANK: str(rank),
                **leftovers.owner(self._clock(), self._bounds.deadline_s),
            },
        )

    def poll(self) -> Mapping[int, int | None]:
        """Exit code of each rank, ``None`` while it runs.

        Raises ``ContainerError`` when the engine is gone, or when the image holds another version
        of the inference engine than the lock says.
        """
        codes: dict[int, int | None] = {}
        for number, rank in self._ranks.items():
            if rank.lost is not None:
                raise rank.lost
            codes[number] = None if rank.ended is None else rank.ended.code
            self._check_version(rank)
        return codes

    def kill(self, rank: int) -> None:
        """End and remove one rank's container at once."""
        killed = self._ranks.pop(rank, None)
        if killed is not None:
            self._engine.remove(killed.container)
            killed.join(5)

    def stop(self, grace_s: float) -> None:
        """SIGTERM to every container, and after ``grace_s`` seconds remove whatever is there."""
        # An engine that is gone cannot remove anything; the next run or `doctor --clean` does.
        with suppress(ContainerError):
            for rank in self._ranks.values():
                if rank.ended is None and rank.lost is None:
                    self._engine.signal(rank.container, "SIGTERM")
            deadline = time.monotonic() + grace_s
            for rank in self._ranks.values():
                rank.join(max(0.0, deadline - time.monotonic()))
        with suppress(ContainerError):
            leftovers.remove_run(self._engine, self._run_id)
        for rank in self._ranks.values():
            rank.join(1)
        self._ranks.clear()

    def _check_version(self, rank: _Rank) -> None:
        """The worker's engine must be the one that the lock promises."""
        if self._checked:
            return
        info = (protocol.read_json(rank.status) or {}).get("info") or {}
        kind = ENGINES.get(info.get("engine", ""))
        if not info.get("version") or (kind is not None and not kind.loads):
            return
        self._checked = True
        found, promised = info["version"].partition("+")[0], self._image.version
        if found != promised:
            raise ContainerError(
                f"the image '{self._image.name}' holds {info['engine']} {found}, and the lock "
                f"promises {promised}.",
                "Correct `version` in docker/images.lock.yaml, or lock the image you mean.",
            )


def build(placement: Placement) -> DockerRuntime:
    """The containers of a run. Raises ``ContainerError``, and ``UsageError`` without an image."""
    image, profile, gpus = placement.image, placement.profile, placement.gpus
    if image is None:
        raise UsageError(f"The profile '{profile.name}' names no image.", "Set `image:` in it.")
    if image.gpu and not gpus:
        # A rank sees its own GPUs alone, also where the user named none.
        groups = -(-profile.ranks // profile.ranks_per_gpu)
        gpus = tuple(str(number) for number in range(groups * profile.tensor_parallel))
    bounds = profile.container
    return DockerRuntime(
        connect(placement.environment),
        image,
        run_id=placement.run_id,
        model=placement.model,
        works=placement.works,
        cache=placement.cache / "containers" / image.digest.removeprefix("sha256:")[:16],
        environment=profile.env,
        gpus=assign_gpus(gpus, profile.ranks, profile.tensor_parallel),
        bounds=Bounds(
            memory=int((bounds.memory_gib or 0) * spec.GIB),
            shm=int(bounds.shm_gib * spec.GIB),
            pids=bounds.pids,
            deadline_s=math.ceil(bounds.deadline_h * 3600),  # 0 would be none
        ),
    )


class _Rank:
    """A container that runs, and the thread that reads what it prints and waits for its end."""

    def __init__(
        self, engine: Engine, container: str, work: Path, number: int, deadline_s: int
    ) -> None:
        self.container, self.number, self._deadline_s = container, number, deadline_s
        self.status = work / "alive" / f"{number}.json"
        self.ended: Ended | None = None
        self.lost: ContainerError | None = None
        self._engine, self._log = engine, work / "log" / f"{number}.log"
        self._thread: threading.Thread | None = None

    def follow(self) -> None:
        """Begin to read its log."""
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self._thread.start()

    def join(self, seconds: float) -> None:
        """Wait for its end."""
        if self._thread is not None:
            self._thread.join(seconds)

    def _follow(self) -> None:
        written = 0

        def sink(chunk: bytes) -> None:
            nonlocal written
            if written < _LOG_BYTES:
                with suppress(OSError):  # a full disk: the run has other ways to notice
                    written += stream.write(chunk)
                    stream.flush()

        try:
            with appending(self._log) as stream:
                ended = self._engine.follow(self.container, sink)
            self._tell(ended)
            self.ended = ended
        except ContainerError as error:
            self.lost = error
        except (OSError, ValueError, EngineError) as error:
            self.lost = ContainerError(
                f"the log {self._log} cannot be written: {error}.", "Check the disk and its rights."
            )

    def _tell(self, ended: Ended) -> None:
        """Say why it ended in its place, where the worker had no time to."""
        message, hint = _reason(ended, self.number, self._deadline_s)
        said = protocol.read_json(self.status) or {"beat": 0, "info": {}}
        known = said.get("error") or {}
        # A worker whose engine was killed because it ran out of memory knows only that it is dead.
        if not message or (known and not ended.out_of_memory):
            return
        # A deadline that were followed by another container would be none.
        final = bool(known.get("final")) or _is_late(ended, self._deadline_s)
        error = {"message": message, "hint": hint, "final": final}
        value = {**said, "beat": said["beat"] + 1, "error": error}
        with suppress(OSError):
            protocol.write_atomically(self.status, {**value, "state": protocol.FAILED})


def _is_late(ended: Ended, deadline_s: int) -> bool:
    """Whether it ended at its deadline. `timeout` is killed with a worker that hears no signal."""
    return ended.code == _DEADLINE or (ended.code == _KILLED and ended.seconds >= deadline_s)


def _reason(ended: Ended, rank: int, deadline_s: int) -> tuple[str, str]:
    if ended.out_of_memory:
        return (
            f"the container of rank {rank} ran out of memory and was killed.",
            (
                "Raise container.memory_gib in the profile and continue with --resume; or restart "
                "with an engine that takes less (max_model_len, max_num_seqs, its cache)."
            ),
        )
    if _is_late(ended, deadline_s):
        return (
            f"the container of rank {rank} reached its deadline.",
            "Raise container.deadline_h in the profile, and continue with --resume.",
        )
    if ended.code in {125, 126, 127}:
        return (
            f"the worker cannot be started in the container of rank {rank} (code {ended.code}).",
            "The image needs python3 and timeout in its PATH, and must let its user read them.",
        )
    if ended.code in {_KILLED, 143}:
        return (
            f"the container of rank {rank} was killed (code {ended.code}).",
            # Podman, and an engine whose machine ran out of memory, do not say which of the two.
            (
                "Look who stopped it, or whether memory ran out (container.memory_gib in the "
                "profile); continue with --resume."
            ),
        )
    return "", ""
