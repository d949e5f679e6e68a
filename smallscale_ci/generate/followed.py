"""A rank's container, followed to its end, with an explanation if its worker was killed."""

from __future__ import annotations

import threading
from contextlib import suppress
from pathlib import Path

from smallscale_ci.containers.interface import KILLED, Ended, Engine
from smallscale_ci.errors import ContainerError, EngineError
from smallscale_ci.generate.opening import appending
from smallscale_ci.worker import protocol

# Of one rank's log, so that an engine that prints forever does not fill the disk.
_LOG_BYTES = 64 << 20


class Followed:
    """A running container, and the thread that reads its output and waits for its end."""

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
        """Start to read its log."""
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
                with suppress(OSError):  # a full disk, which the run notices elsewhere
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
                f"The log {self._log} cannot be written: {error}.", "Check the disk and its rights."
            )

    def _tell(self, ended: Ended) -> None:
        """Say why it ended if the worker had no time to do so."""
        message, hint = _reason(ended, self.number, self._deadline_s)
        said = protocol.read_json(self.status) or {"beat": 0, "info": {}}
        known = said.get("error") or {}
        # If its engine was killed because it ran out of memory, a worker only knows that it is
        # dead.
        if not message or (known and not ended.out_of_memory):
            return
        # After the deadline, no other container may be started.
        final = bool(known.get("final")) or ended.is_late(self._deadline_s)
        error = {"message": message, "hint": hint, "final": final}
        value = {**said, "beat": said["beat"] + 1, "error": error}
        with suppress(OSError):
            protocol.write_atomically(self.status, {**value, "state": protocol.FAILED})


def _reason(ended: Ended, rank: int, deadline_s: int) -> tuple[str, str]:
    if ended.out_of_memory:
        return (
            f"the container of rank {rank} ran out of memory and was killed.",
            (
                "Raise container.memory_gib in the profile and continue with --resume; or restart "
                "with an engine that takes less (max_model_len, max_num_seqs, its cache)."
            ),
        )
    if ended.is_late(deadline_s):
        return (
            f"the container of rank {rank} reached its deadline.",
            "Raise container.deadline_h in the profile, and continue with --resume.",
        )
    if ended.code in {125, 126, 127}:
        return (
            f"the worker cannot be started in the container of rank {rank} (code {ended.code}).",
            "The image needs python3 and timeout in its PATH, and must let its user read them.",
        )
    if ended.code in {KILLED, 143}:
        return (
            f"the container of rank {rank} was killed (code {ended.code}).",
            # Podman, and an engine on a machine that ran out of memory, do not say which of the two
            # it was.
            (
                "Check who stopped it, or whether memory ran out (container.memory_gib in the "
                "profile); continue with --resume."
            ),
        )
    return "", ""
