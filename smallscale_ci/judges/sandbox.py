"""Runs a program that may be hostile: no network, nothing to write to but its own /tmp, limits.

Linux namespaces through ``unshare``; the cell itself is built by ``jail``. Where namespaces are not
to be had, ``missing`` says why, and nothing is run.
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
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import IO

_JAIL = Path(__file__).with_name("jail.py")
_NAMESPACES = ("--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child")
_START_SECONDS = 10.0
_FIRST_UID = 1_000_000  # above all that people and services use


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one run: seconds of wall clock, bytes of memory for each process, of output, processes."""

    seconds: float = 6.0
    memory_bytes: int = 1 << 30
    output_bytes: int = 8 << 20
    processes: int = 16


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended. ``status`` is negative for a signal, ``None`` when time was up."""

    output: bytes
    error: str  # the last two thousand characters
    status: int | None
    seconds: float


class SandboxUnavailable(Exception):  # noqa: N818 - a state of the machine, caught by the judge
    """The sandbox could not be built, so nothing was run."""


@cache
def missing() -> str | None:
    """Why no sandbox can be built on this machine; ``None`` where one can. Tried once."""
    if sys.platform != "linux":
        return f"there are no namespaces on {sys.platform}"
    for tool in ("unshare", "setpriv"):
        if shutil.which(tool) is None:
            return f"the program {tool} (util-linux) is not installed"
    try:
        done = run("print(6 * 7)", b"", Limits(seconds=20.0))
    except SandboxUnavailable as error:
        return str(error)
    return None if done.output == b"42\n" else f"a trial run failed: {done.error.strip()[-200:]}"


def run(program: str, given: bytes, limits: Limits) -> Finished:
    """Run the Python text ``program`` with ``given`` as standard input.

    Raises ``SandboxUnavailable`` when the cell cannot be built.
    """
    with tempfile.TemporaryFile() as text, tempfile.TemporaryFile() as source:
        text.write(program.encode("utf-8", "surrogatepass"))
        source.write(given)
        for stream in (text, source):
            stream.flush()
            stream.seek(0)
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as error:
            begin = time.monotonic()
            status, began = _spawn(text, source, output, error, limits)
            seconds = time.monotonic() - begin
            output.seek(0)
            error.seek(0)
            complaint = error.read().decode("utf-8", "replace")[-2000:]
            if not began:
                raise SandboxUnavailable(complaint.strip() or "it did not start in time")
            return Finished(output.read(limits.output_bytes), complaint, status, seconds)


def _spawn(
    text: IO[bytes], source: IO[bytes], output: IO[bytes], error: IO[bytes], limits: Limits
) -> tuple[int | None, bool]:
    """The exit status, ``None`` when time was up, and whether the program itself was begun.

    Nothing that was started is left behind.
    """
    ready, mark = os.pipe()  # the jail writes one byte before it becomes the program
    root = os.geteuid() == 0
    # Root needs no user namespace, but the program a user of its own: the number of processes is
    # limited by user, and root's are not. Each worker process has another.
    uid = _FIRST_UID + os.getpid() % _FIRST_UID if root else 0
    numbers = (
        text.fileno(), mark, uid, limits.memory_bytes, int(limits.seconds) + 1,
        limits.output_bytes, limits.processes,
    )  # fmt: skip
    # The worker's death kills unshare, and that kills process 1 of the cell, and all in it.
    command = ["setpriv", "--pdeathsig", "KILL", "unshare", *_NAMESPACES]
    command += [] if root else ["--user", "--map-root-user"]
    python = str(Path(sys.executable).resolve())  # a virtual environment is not in the cell
    command += [python, "-I", "-S", "-c", _JAIL.read_text(), *map(str, numbers)]
    try:
        process = subprocess.Popen(
            command,
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
        # On a busy machine the cell takes its time; the program's own begins when it is built.
        begun = bool(select.select([stream], [], [], _START_SECONDS)[0]) and stream.read(1) != b""
    status: int | None = None
    with contextlib.suppress(subprocess.TimeoutExpired):
        status = process.wait(limits.seconds if begun else 1.0)
    if status is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return status, begun
