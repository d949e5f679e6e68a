"""The ``docker`` runtime: one container for each rank, of an image pinned by digest."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.containers import leftovers, rights, spec
from smallscale_ci.containers.connect import connect
from smallscale_ci.containers.images import Pinned
from smallscale_ci.containers.interface import Engine
from smallscale_ci.containers.spec import Mount, Spec
from smallscale_ci.errors import ContainerError, UsageError
from smallscale_ci.generate.followed import Followed
from smallscale_ci.generate.interface import Placement, assign_gpus
from smallscale_ci.generate.local import WORKER_FOLDER
from smallscale_ci.worker import protocol
from smallscale_ci.worker.engines.registry import ENGINES

_MEMORY_SHARE = 0.9  # of the machine's memory, for all ranks together


@dataclass(frozen=True, slots=True)
class Bounds:
    """The limits of one container. Sizes in bytes; ``memory`` 0: a share of the machine's."""

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
        clock: Callable[[], float],
        works: Sequence[Path] = (),
    ) -> None:
        """Remove the containers of this run's earlier hosts, and of other hosts that were killed.

        ``model`` is the checkpoint's folder, ``cache`` a folder to which containers of this image
        may write, ``gpus`` the ids of each rank, ``works`` the work folders that containers go
        through if there are several, ``clock`` counts seconds since the epoch. Raises
        ``ContainerError``.
        """
        self._engine, self._image, self._run_id = engine, image, run_id
        self._model, self._cache, self._environment = model, cache, environment
        self._gpus, self._bounds, self._clock = gpus, bounds, clock
        self._works = tuple(work.resolve() for work in works)
        self._about = engine.about()
        self._ranks: dict[int, Followed] = {}
        self._checked = image.version is None
        leftovers.remove_run(engine, run_id)
        leftovers.clean(engine, clock())

    def start(self, work: Path, rank: int) -> None:
        """Create and start the container of ``rank``; what it prints goes to ``log/RANK.log``."""
        if rank in self._ranks:
            self._engine.remove(self._ranks[rank].container)
        container = self._engine.create(self.describe(work, rank))
        running = Followed(self._engine, container, work, rank, self._bounds.deadline_s)
        self._ranks[rank] = running
        self._engine.start(container)
        running.follow()

    def move(self, work: Path, following: Path) -> None:
        """Send all workers on to another work folder."""
        for rank in self._ranks.values():
            rank.status = following / "alive" / rank.status.name
        protocol.write_atomically(work / protocol.NEXT, self._inside(following))

    def _inside(self, work: Path) -> str:
        """The path of the work folder ``work`` in containers."""
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

        Raises ``ContainerError`` if the engine is gone, or if the image holds another version
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
        """Send SIGTERM to every container, and after ``grace_s`` seconds remove what is left."""
        # If the engine is gone, the next run or `doctor --clean` removes them.
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

    def _check_version(self, rank: Followed) -> None:
        """Raise ``ContainerError`` unless the worker's engine is the one in the lock."""
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
                f"The image '{self._image.name}' holds {info['engine']} {found}, and the lock "
                f"promises {promised}.",
                "Correct `version` in docker/images.lock.yaml, or lock the image you mean.",
            )


def build(placement: Placement) -> DockerRuntime:
    """The containers of a run. Raises ``ContainerError``, and ``UsageError`` without an image."""
    image, profile, gpus = placement.image, placement.profile, placement.gpus
    if image is None:
        raise UsageError(f"The profile '{profile.name}' names no image.", "Set `image:` in it.")
    if image.gpu and not gpus:
        # A rank sees only its own GPUs, even if the user named none.
        groups = -(-profile.ranks // profile.ranks_per_gpu)
        gpus = tuple(str(number) for number in range(groups * profile.tensor_parallel))
    bounds = profile.container
    return DockerRuntime(
        connect(placement.environment),
        image,
        run_id=placement.run_id,
        model=placement.model,
        clock=placement.clock,
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
