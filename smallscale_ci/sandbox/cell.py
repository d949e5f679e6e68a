"""Runs a program in a cell built by a command on this machine, for the local sandboxes.

``jail`` sets the limits and drops the rights inside; in namespaces it also builds the cell.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from smallscale_ci.sandbox.interface import Finished, Limits, SandboxUnavailable

_JAIL = Path(__file__).with_name("jail.py")
_START_SECONDS = 10.0
_FIRST_UID = 1_000_000  # above the ids of people and services


def need(*tools: str) -> None:
    """Raise ``SandboxUnavailable`` if cells cannot be built with ``tools``."""
    if sys.platform != "linux":
        raise SandboxUnavailable(f"there are no namespaces on {sys.platform}")
    for tool in tools:
        if shutil.which(tool) is None:
            raise SandboxUnavailable(f"the program {tool} is not installed")


def run(
    prefix: Sequence[str], program: str, given: bytes, limits: Limits, *, uid: int, built: bool
) -> Finished:
    """Run ``program`` through the command ``prefix``.

    ``uid`` is the user that the jail switches to, 0 for none; ``built`` says that ``prefix`` builds
    the whole cell. Raises ``SandboxUnavailable``.
    """
    with (
        tempfile.TemporaryFile() as text,
        tempfile.TemporaryFile() as source,
        tempfile.TemporaryFile() as output,
        tempfile.TemporaryFile() as error,
    ):
        text.write(program.encode("utf-8", "surrogatepass"))
        source.write(given)
        for stream in (text, source):
            stream.flush()
            stream.seek(0)
        inside = [uid, int(built), limits.memory_bytes, int(limits.seconds) + 1]
        inside += [limits.output_bytes, limits.processes]
        status, seconds = _spawn(prefix, inside, (text, source, output, error), limits.seconds)
        output.seek(0)
        error.seek(0)
        complaint = error.read().decode("utf-8", "replace")[-2000:]
        if seconds is None:
            raise SandboxUnavailable(complaint.strip() or "it did not start in time")
        return Finished(output.read(limits.output_bytes), complaint, status, seconds)


def own_uid() -> int:
    """A user id for the program if we are root, else 0.

    Process limits apply per user, and not to root. Each worker process uses another id.
    """
    return _FIRST_UID + os.getpid() % _FIRST_UID if os.geteuid() == 0 else 0


def _spawn(
    prefix: Sequence[str], inside: list[int], streams: tuple[IO[bytes], ...], limit: float
) -> tuple[int | None, float | None]:
    """The exit status (``None``: out of time) and the seconds (``None``: it never started).

    Leaves no process behind.
    """
    text, source, output, error = streams
    ready, mark = os.pipe()  # the jail writes a byte before it becomes the program
    python = str(Path(sys.executable).resolve())  # a virtual environment is not in the cell
    numbers = map(str, (text.fileno(), mark, *inside))
    try:
        process = subprocess.Popen(
            [*prefix, python, "-I", "-S", "-c", _JAIL.read_text(), *numbers],
            stdin=source,
            stdout=output,
            stderr=error,
            pass_fds=(text.fileno(), mark),
            cwd="/",
            env={"PATH": "/usr/local/bin:/usr/bin:/bin"},
            start_new_session=True,
        )
    except OSError as problem:
        os.close(ready)
        raise SandboxUnavailable(str(problem)) from problem
    finally:
        os.close(mark)
    with os.fdopen(ready, "rb", buffering=0) as stream:
        # On a busy machine, building takes time; the program's own time starts afterwards.
        started = bool(select.select([stream], [], [], _START_SECONDS)[0]) and stream.read(1) != b""
    begin = time.monotonic()
    status: int | None = None
    with contextlib.suppress(subprocess.TimeoutExpired):
        status = process.wait(limit if started else 1.0)
    if status is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return status, time.monotonic() - begin if started else None
