"""The interface of the sandboxes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one run: wall-clock seconds, bytes of memory per process, bytes of output, processes."""

    seconds: float = 6.0
    memory_bytes: int = 4 << 30  # the limit that LiveCodeBench's harness states
    output_bytes: int = 8 << 20
    processes: int = 8


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended. ``seconds`` is the program's own time, without building the sandbox."""

    output: bytes
    error: str  # the last two thousand characters
    status: int | None  # negative or over 128 for a signal, ``None`` if it ran out of time
    seconds: float


class SandboxUnavailable(Exception):  # noqa: N818 - a state of the machine, caught by the judge
    """The sandbox could not be built, so nothing was run."""


class Sandbox(Protocol):
    """A way to run a program without network or rights, with only /tmp to write to.

    A value that travels to worker processes.
    """

    @property
    def name(self) -> str:
        """The name in options and manifests."""
        ...

    def run(self, program: str, given: bytes, limits: Limits) -> Finished:
        """Run the Python source ``program`` with ``given`` as standard input.

        Raises ``SandboxUnavailable``.
        """
        ...

    def clean(self) -> None:
        """Remove what killed worker processes left behind. Never raises."""
        ...
