"""The seam of the sandboxes: what each is given and gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one run: seconds of wall clock, bytes of memory for each process, of output, processes."""

    seconds: float = 6.0
    memory_bytes: int = 4 << 30  # what LiveCodeBench's harness says that it gives
    output_bytes: int = 8 << 20
    processes: int = 8


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended. ``seconds`` are the program's own, without building the sandbox."""

    output: bytes
    error: str  # the last two thousand characters
    status: int | None  # negative or over 128 for a signal, ``None`` when time was up
    seconds: float


class SandboxUnavailable(Exception):  # noqa: N818 - a state of the machine, caught by the judge
    """The sandbox could not be built, so nothing was run."""


class Sandbox(Protocol):
    """One way to run a program with no network, no rights, and nothing to write to but /tmp.

    A value that travels to worker processes.
    """

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    def run(self, program: str, given: bytes, limits: Limits) -> Finished:
        """Run the Python text ``program`` with ``given`` as standard input.

        Raises ``SandboxUnavailable``.
        """
        ...

    def clean(self) -> None:
        """Remove what killed worker processes left. Never raises."""
        ...
