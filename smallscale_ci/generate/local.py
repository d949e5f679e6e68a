"""The ``local`` runtime: worker processes of a Python environment on this machine."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from smallscale_ci import worker
from smallscale_ci.config.secret import without_secrets
from smallscale_ci.errors import EngineError
from smallscale_ci.generate.interface import Placement, assign_gpus
from smallscale_ci.generate.opening import appending
from smallscale_ci.worker import protocol

WORKER_FOLDER = Path(worker.__file__).resolve().parent


class LocalRuntime:
    """One process (and process group) for each rank, started with ``python``."""

    name = "local"

    def __init__(
        self,
        python: Path,
        environment: Mapping[str, str],
        gpus: Sequence[tuple[str, ...]] = (),
        *,
        keep: str = "",
    ) -> None:
        """``environment`` is the workers' whole environment; ``gpus`` by rank.

        Variables that look like secrets are removed, except the one named ``keep``.
        """
        self._python = python
        self._environment = {
            **without_secrets(environment, keep=keep),
            "HF_HUB_OFFLINE": "1",
            "TOKENIZERS_PARALLELISM": "false",
            "PYTHONUNBUFFERED": "1",
        }
        self._gpus = gpus
        self._processes: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, work: Path, rank: int) -> None:
        """Start the worker of ``rank``; what it prints goes to ``log/RANK.log``."""
        command = [str(self._python), str(WORKER_FOLDER), "--work", str(work.resolve())]
        command += ["--rank", str(rank), "--parent", str(os.getpid())]
        environment = dict(self._environment)
        if rank < len(self._gpus) and self._gpus[rank]:
            numbers = (gpu.rpartition("=")[2] for gpu in self._gpus[rank])  # also in a CDI name
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(numbers)
        self.kill(rank)  # children of a dead worker may outlive it and hold its GPUs
        with appending(work / "log" / f"{rank}.log") as log:
            try:
                self._processes[rank] = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                )
            except OSError as error:
                raise EngineError(
                    f"The engine's Python {self._python} cannot be started: {error.strerror}.",
                    "Make its environment with `smallscale engine install`, or name one "
                    "with --engine-python.",
                ) from error

    def move(self, work: Path, following: Path) -> None:
        """Send all workers on to another work folder."""
        protocol.write_atomically(work / protocol.NEXT, str(following.resolve()))

    def poll(self) -> Mapping[int, int | None]:
        """Exit code of each rank, ``None`` while it runs."""
        return {rank: process.poll() for rank, process in self._processes.items()}

    def kill(self, rank: int) -> None:
        """Kill the rank's whole process group at once."""
        process = self._processes.get(rank)
        if process is not None:
            _signal_group(process, signal.SIGKILL)
            process.wait()

    def stop(self, grace_s: float) -> None:
        """Send SIGTERM to every worker, and SIGKILL to every group after ``grace_s`` seconds."""
        for process in self._processes.values():
            if process.poll() is None:
                process.terminate()
        deadline = time.monotonic() + grace_s
        for process in self._processes.values():
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
            # Even after a clean exit: the engine's own children must not outlive it.
            _signal_group(process, signal.SIGKILL)
            process.wait()
        self._processes.clear()


def build(placement: Placement) -> LocalRuntime:
    """The runtime of a placement. Raises ``EngineError`` without a Python."""
    profile = placement.profile
    if placement.python is None:
        raise EngineError(
            "The local runtime needs the engine's Python.", "Run `smallscale engine install`."
        )
    return LocalRuntime(
        placement.python,
        {**placement.environment, **profile.env},
        assign_gpus(placement.gpus, profile.ranks, profile.tensor_parallel),
        keep=placement.key,
    )


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
