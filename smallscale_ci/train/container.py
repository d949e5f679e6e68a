"""The steps of a training in containers of the pinned training image, on one machine."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from smallscale_ci.config.train import TrainContainer
from smallscale_ci.containers import leftovers, rights, spec
from smallscale_ci.containers.images import Pinned
from smallscale_ci.containers.interface import Ended, Engine
from smallscale_ci.containers.spec import Mount, Spec
from smallscale_ci.errors import ContainerError
from smallscale_ci.train.launch import WORKER, Printed, quiet
from smallscale_ci.train.llamafactory import Place

PAIRS = "/pairs"
_MEMORY_SHARE = 0.9  # of the machine's memory
_PROCESSES = 16384


class DockerRunner:
    """Runs each step in one container, which holds all ranks of a training."""

    name, python, worker, watched = "docker", "python3", spec.WORKER, False

    def __init__(
        self,
        engine: Engine,
        image: Pinned,
        bounds: TrainContainer,
        *,
        run_id: str,
        ranks: int,
        gpus: tuple[str, ...],
        now: Callable[[], datetime],
    ) -> None:
        """``run_id`` labels the containers. Raises ``ContainerError``."""
        self.image = image.digest
        self._engine, self._pinned, self._bounds, self._now = engine, image, bounds, now
        self._run_id, self._ranks, self._gpus = run_id, ranks, gpus
        self._about = engine.about()
        self._model, self._pairs = Path(), Path()
        leftovers.remove_run(engine, run_id)
        leftovers.clean(engine, now().timestamp())

    def place(self, model: Path, pairs: Path, out: Path) -> Place:
        """The folders as mounted in the container."""
        self._model, self._pairs = model, pairs
        return Place(spec.MODEL, PAIRS, spec.WORK, self._ranks, gpu=bool(self._gpus))

    def describe(self, command: Sequence[str], out: Path) -> Spec:
        """The container of ``command`` as a value."""
        user, userns = rights.user_of(self._about)
        read = (
            Mount(WORKER, spec.WORKER),
            *spec.checkpoint_mounts(self._model),
            Mount(self._pairs.resolve(), PAIRS),
        )
        rights.refuse_unreadable(read, user)
        cache = out / "cache"
        cache.mkdir(exist_ok=True)
        rights.give([out], user)
        bounds = self._bounds
        memory = int((bounds.memory_gib or 0) * spec.GIB)
        deadline_s = math.ceil(bounds.deadline_h * 3600)
        return Spec(
            name=f"smallscale-{self._run_id}-{os.getpid()}-{time.monotonic_ns()}",
            image=self._pinned.reference,
            command=tuple(command),
            mounts=(
                *read,
                Mount(out.resolve(), spec.WORK, read_only=False),
                Mount(cache.resolve(), spec.CACHE, read_only=False),
            ),
            user=user,
            groups=rights.groups_of(self._about),
            userns=userns,
            memory=memory or int(_MEMORY_SHARE * self._about.memory),
            shm=int(bounds.shm_gib * spec.GIB),
            pids=_PROCESSES,
            deadline_s=deadline_s,
            environment={
                **quiet(gpu=bool(self._gpus)),
                "OMP_NUM_THREADS": str(max(1, self._about.cpus // self._ranks)),
                "HF_DATASETS_CACHE": f"{spec.CACHE}/datasets",
            },
            gpus=self._gpus,
            labels={
                spec.RUN: self._run_id,
                **leftovers.owner(self._now().timestamp(), deadline_s),
            },
        )

    def start(self, command: Sequence[str], out: Path, log: Path) -> DockerStarted:
        """Create and start the container of ``command``. Raises ``ContainerError``."""
        described = self.describe(command, out)
        container = self._engine.create(described)
        started = DockerStarted(self._engine, container, log, described.deadline_s)
        self._engine.start(container)
        started.follow()
        return started


class DockerStarted:
    """A running container, and the thread that reads its output."""

    def __init__(self, engine: Engine, container: str, log: Path, deadline_s: int) -> None:
        self.printed, self._deadline_s = Printed(log), deadline_s
        self._engine, self._container = engine, container
        self._ended: Ended | None = None
        self._lost: ContainerError | None = None
        self._thread = threading.Thread(target=self._follow, daemon=True)

    def follow(self) -> None:
        """Start to read its output."""
        self._thread.start()

    def poll(self) -> int | None:
        """Its exit code, ``None`` while it runs. Raises ``ContainerError`` for a lost engine."""
        if self._lost is not None:
            raise self._lost
        ended = self._ended
        if ended is None:
            return None
        if (self.printed.failure or {"kind": "other"})["kind"] == "other":  # else it says more
            self.printed.failure = self._bound(ended) or self.printed.failure
        return ended.code

    def stop(self, grace_s: float) -> None:
        """Send SIGTERM, and after ``grace_s`` seconds remove the container."""
        # If the engine is gone, the next run or `doctor --clean` removes it.
        with suppress(ContainerError):
            if self._ended is None and self._lost is None:
                self._engine.signal(self._container, "SIGTERM")
                self._thread.join(grace_s)
            self._engine.remove(self._container)

    def _bound(self, ended: Ended) -> dict[str, str] | None:
        """The limit of the container that ended it: what its ranks say follows from that."""
        if ended.out_of_memory:
            return {"kind": "out-of-memory", "message": "container.memory_gib"}
        if ended.is_late(self._deadline_s):
            return {"kind": "deadline", "message": "container.deadline_h"}
        return None

    def _follow(self) -> None:
        try:
            self._ended = self._engine.follow(self._container, self.printed.feed)
        except ContainerError as error:
            self._lost = error
