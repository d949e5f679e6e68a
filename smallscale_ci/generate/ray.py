"""The ``ray`` runtime: one actor for each rank, on any node with enough free GPUs.

An actor holds the worker of its rank in a folder on its node. The host hands it work by
calls, and writes the results where every other runtime's workers write them: scheduling, retries
and resuming are the same. A dead node is an exit code like any other; its rank is started
again on another node. The model and, if named, the engine's Python must be at the same path on
all nodes.
"""

from __future__ import annotations

import signal
import socket
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import smallscale_ci
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.errors import EngineError, UsageError
from smallscale_ci.generate.interface import Placement
from smallscale_ci.generate.opening import appending
from smallscale_ci.generate.outpost import Outpost
from smallscale_ci.worker import claims, protocol

_TICK_S = 0.1
_DEAD = -1
_CONNECT_S = 5.0


@dataclass
class _Rank:
    """The host's side of one actor."""

    work: Path
    actor: Any
    group: Any
    log: Path  # in the folder of the run that started it
    placed: bool = False  # an actor may wait forever to be placed
    ready: bool = False  # and its engine takes minutes to load
    claims: dict[tuple[str, int], Path] = field(default_factory=dict)
    took_s: deque[float] = field(default_factory=lambda: deque(maxlen=256))  # by the last items
    slots: int | None = None  # requests that its engine runs at once, where known
    call: Any = None  # the exchange that is under way
    moves: bool = False  # to a folder whose job it has not received yet
    code: int | None = None


def build(placement: Placement) -> RayRuntime:
    """The runtime of a placement. Raises the errors of ``RayRuntime``."""
    profile, key = placement.profile, placement.environment.get(placement.key)
    return RayRuntime(
        address=placement.environment.get("RAY_ADDRESS", "auto"),
        python=placement.python,
        extra={**({} if key is None else {placement.key: key}), **profile.env},
        gpus=gpus_of(profile),
        max_in_flight=profile.max_in_flight,
    )


def gpus_of(profile: EngineProfile) -> float:
    """GPUs of one rank on a Ray cluster, as Ray counts them: its own, or a fraction of one."""
    if not profile.engine_kind.loads:
        return 0
    if profile.tensor_parallel > 1:
        return profile.tensor_parallel
    return 10_000 // profile.ranks_per_gpu / 10_000  # Ray rounds to four digits: all must fit


class RayRuntime:
    """Ranks on a Ray cluster, each in a placement group of its GPUs on one node."""

    name = "ray"

    def __init__(
        self,
        *,
        address: str,
        python: Path | None,
        extra: Mapping[str, str],
        gpus: float,
        max_in_flight: int,
    ) -> None:
        """Connect to the cluster at ``address``. ``gpus`` and the rest apply to each rank.

        ``extra`` is added to the nodes' own environment. Raises ``UsageError`` if Ray is not
        installed, ``EngineError`` if no cluster answers.
        """
        try:
            import ray
        except ModuleNotFoundError as error:
            raise UsageError(
                "The ray runtime needs the package ray.", "pip install 'smallscale-ci[ray]'"
            ) from error
        self._ray = ray
        if not ray.is_initialized():
            _connect(ray, address)
        self._python, self._extra = str(python or ""), dict(extra)
        here = gpus and ray.cluster_resources().get("GPU")  # 0 for engines that run on CPUs
        self._bundle = {"CPU": 1.0, **({"GPU": float(gpus)} if here else {})}
        self._room = max_in_flight
        self._ranks: dict[int, _Rank] = {}
        self._guard, self._ended = threading.RLock(), threading.Event()
        self._courier = threading.Thread(target=self._carry, daemon=True)

    def start(self, work: Path, rank: int) -> None:
        """Ask the cluster to place a worker; it starts when there is room."""
        from ray.util.placement_group import placement_group
        from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

        with self._guard:
            self._remove(rank)
            group = placement_group([self._bundle], strategy="STRICT_PACK")
            actor = (
                self._ray.remote(Outpost)
                .options(
                    num_cpus=1,
                    num_gpus=self._bundle.get("GPU", 0),
                    scheduling_strategy=PlacementGroupSchedulingStrategy(group),
                )
                .remote(protocol.read_json(work / protocol.JOB), rank, self._python, self._extra)
            )
            (work / "claimed" / str(rank)).mkdir(parents=True, exist_ok=True)
            log = work / "log" / f"{rank}.log"
            self._ranks[rank] = _Rank(work, actor, group, log)
        if not self._courier.is_alive():
            self._courier.start()

    def move(self, work: Path, following: Path) -> None:
        """Send all workers on to another work folder, once its job is known."""
        with self._guard:
            for number, rank in self._ranks.items():
                status = work / "alive" / f"{number}.json"
                if known := protocol.read_json(status):
                    protocol.write_atomically(status, {**known, "state": protocol.DONE})
                rank.work, rank.moves, rank.call = following, True, None
                rank.claims.clear()
                (following / "claimed" / str(number)).mkdir(parents=True, exist_ok=True)

    def poll(self) -> Mapping[int, int | None]:
        """Exit code of each rank, ``None`` while it runs; −1 if its node is gone."""
        with self._guard:
            return {number: rank.code for number, rank in self._ranks.items()}

    def kill(self, rank: int) -> None:
        """Stop one rank at once: its worker ends with the actor, which is its parent."""
        with self._guard:
            self._remove(rank)

    def stop(self, grace_s: float) -> None:
        """End all ranks: politely, and after ``grace_s`` seconds by force."""
        self._ended.set()
        with self._guard:
            # An actor that was never placed would not answer: it is only dropped.
            alive = [rank for rank in self._ranks.values() if rank.placed and rank.code is None]
            calls = [rank.actor.stop.remote(grace_s) for rank in alive]
            if calls:
                self._ray.wait(calls, num_returns=len(calls), timeout=grace_s + 1)
            for number in list(self._ranks):
                self._remove(number)
        if self._courier.is_alive():
            self._courier.join()

    def _remove(self, number: int) -> None:
        rank = self._ranks.pop(number, None)
        if rank is None:
            return
        from ray.util.placement_group import remove_placement_group

        with suppress(self._ray.exceptions.RayError, ValueError):  # gone already
            self._ray.kill(rank.actor)
        with suppress(self._ray.exceptions.RayError, ValueError):
            remove_placement_group(rank.group)

    # -- the courier: carries items out and completions home, in a thread of its own --------------

    def _carry(self) -> None:
        while not self._ended.wait(_TICK_S):
            with self._guard:
                for number, rank in self._ranks.items():
                    if rank.code is None:
                        self._visit(number, rank)

    def _visit(self, number: int, rank: _Rank) -> None:
        if rank.moves:
            job = protocol.read_json(rank.work / protocol.JOB)
            if job is not None:
                rank.call, rank.moves = rank.actor.exchange.remote({}, job), False
            return
        if rank.call is not None:
            if not self._ray.wait([rank.call], timeout=0)[0]:
                return
            try:
                found = self._ray.get(rank.call)
            except self._ray.exceptions.RayError as error:
                # Completions that it did not hand over are lost with its node.
                _append(rank.log, f"\n{error}\n".encode())
                rank.code = _DEAD
                return
            self._take(number, rank, found)
            if rank.code is not None:
                return
        room = self._room - len(rank.claims) if rank.ready else 0
        claimed: list[tuple[Path, dict[str, Any]]] = []
        if room > 0:
            took = sum(rank.took_s) / len(rank.took_s) if rank.took_s else 0.0
            pace = claims.Pace(len(self._ranks), took)
            flying = len(rank.claims)
            claimed = claims.claim(rank.work, number, room, flying, pace, rank.slots).items
        for path, item in claimed:
            rank.claims[item["problem_id"], item["sample_index"]] = path
        rank.call = rank.actor.exchange.remote({path.name: item for path, item in claimed})

    def _take(self, number: int, rank: _Rank, found: dict[str, Any]) -> None:
        rank.placed = True
        if found["lines"]:
            out = protocol.Out(rank.work / "out" / f"{number}.jsonl")
            out.write(found["lines"])
            out.close()
        rank.took_s.extend(line["seconds"] for line in found["lines"])
        for line in found["lines"]:  # on disk now
            rank.claims.pop((line["problem_id"], line["sample_index"])).unlink(missing_ok=True)
        if found["status"] is not None:
            rank.ready = found["status"]["state"] == protocol.READY
            rank.slots = claims.slots_of(found["status"]["info"], self._room)
            protocol.write_atomically(rank.work / "alive" / f"{number}.json", found["status"])
        if found["log"]:
            _append(rank.log, found["log"])
        rank.code = found["code"]


def _connect(ray: Any, address: str) -> None:
    package = str(Path(smallscale_ci.__file__).parent)
    polite = signal.getsignal(signal.SIGTERM)
    try:
        host, _, port = address.rpartition(":")
        if host and "//" not in host:  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), timeout=_CONNECT_S).close()
        ray.init(
            address=address,
            runtime_env={"py_modules": [package]},  # nodes need not have it installed
            logging_level="ERROR",
            log_to_driver=False,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise EngineError(
            f"No Ray cluster answers at '{address}': {error}",
            "Start one with `ray start --head`, or name it with RAY_ADDRESS.",
        ) from error
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, polite)  # Ray's own would end the run without a report


def _append(path: Path, content: bytes) -> None:
    with appending(path) as stream:
        stream.write(content)
