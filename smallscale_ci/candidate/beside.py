"""Grid members in parallel: each is a candidate that a process of its own resumes.

If a member dies, only its own result is lost. The processes end with the one that started them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Lock

from smallscale_ci.candidate.grid_record import Broken
from smallscale_ci.candidate.prepare import Loop
from smallscale_ci.candidate.steps import LoopObserver
from smallscale_ci.errors import RunInterruptedError
from smallscale_ci.train.runner import Wanted, visible_gpus

# Linux sends SIGTERM when the starter is gone (prctl PR_SET_PDEATHSIG).
_MAIN = """\
import ctypes, os, sys
ctypes.CDLL(None).prctl(1, 15, 0, 0, 0)
if os.getppid() != int(sys.argv.pop(1)):  # gone before that
    raise SystemExit(130)
from smallscale_ci.cli.main import main
main()
"""
_KEPT = 60  # last lines of each process, in which the reason for a failure is looked for
_GRACE_S = 90.0  # for a process that was told to stop to write what is complete


def shares(wanted: Wanted, count: int, environment: Mapping[str, str]) -> list[tuple[str, ...]]:
    """The GPUs of each of ``count`` places: shared out, or in turn where there are fewer.

    Without GPUs, and with one place, nothing is named, and all of them may be used.
    """
    if count == 1:
        return [wanted.gpus or ()]
    gpus = wanted.gpus if wanted.gpus is not None else visible_gpus(environment)
    if not gpus:
        return [()] * count
    if len(gpus) < count:
        return [(gpus[place % len(gpus)],) for place in range(count)]
    return [tuple(gpus[place::count]) for place in range(count)]


@dataclass
class _Processes:
    """The processes that are running."""

    stopped: bool = False
    running: set[subprocess.Popen[str]] = field(default_factory=set)
    lock: Lock = field(default_factory=Lock)

    def start(self, command: Sequence[str]) -> subprocess.Popen[str] | None:
        """Start one; ``None`` once all have been told to stop."""
        with self.lock:
            if self.stopped:
                return None
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
                errors="replace",
                start_new_session=True,
            )
            self.running.add(process)
            return process

    def stop(self) -> None:
        """Stop all; each writes what is complete."""
        with self.lock:
            self.stopped = True
            running = [*self.running]
        for process in running:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()


def run(
    loops: Mapping[str, Loop], wanted: Wanted, observer: LoopObserver, until: str, count: int
) -> Iterator[tuple[str, Broken]]:
    """Resume every candidate up to the step ``until``, ``count`` at a time; yields failures.

    Members that name the same GPUs wait for each other. Raises ``RunInterruptedError`` for Ctrl-C.
    """
    processes = _Processes()
    queues: dict[tuple[str, ...], deque[str]] = {}
    for name, loop in loops.items():
        queues.setdefault(loop.request.gpus, deque()).append(name)

    def serve(queue: deque[str]) -> list[tuple[str, Broken]]:
        found: list[tuple[str, Broken]] = []
        while True:
            try:
                name = queue.popleft()
            except IndexError:
                return found
            why = _one(name, loops[name], wanted, observer, until, processes)
            if why is not None:
                found.append((name, why))

    with ThreadPoolExecutor(max(count, len(queues)) or 1) as pool:
        each = max(1, count // max(len(queues), 1))
        futures: set[Future[list[tuple[str, Broken]]]] = {
            pool.submit(serve, queue) for queue in queues.values() for _ in range(each)
        }
        try:
            while futures:
                done, futures = wait(futures, timeout=1, return_when=FIRST_COMPLETED)
                for future in done:
                    yield from future.result()
        except KeyboardInterrupt as error:
            processes.stop()
            raise RunInterruptedError("The members were interrupted.") from error
        except BaseException:
            processes.stop()
            raise


def _one(
    name: str,
    loop: Loop,
    wanted: Wanted,
    observer: LoopObserver,
    until: str,
    processes: _Processes,
) -> Broken | None:
    """Resume one candidate to its end; why it broke, or ``None``."""
    process = processes.start(_command(loop, wanted, until))
    if process is None or process.stderr is None:
        return None
    last: deque[str] = deque(maxlen=_KEPT)
    observer.say(f"{name}: started")
    for line in process.stderr:
        last.append(line.rstrip())
        observer.say(f"{name}: {line.rstrip()}")
    code = process.wait()
    processes.running.discard(process)
    if processes.stopped or loop.folder.is_complete(until):
        return None
    told = [line for line in last if line.startswith("error: ")]
    message = told[-1].removeprefix("error: ") if told else f"its process ended with code {code}."
    hints = [line for line in last if line.startswith("  → ")]
    return Broken(message, hints[-1].removeprefix("  → ") if told and hints else "")


def _command(loop: Loop, wanted: Wanted, until: str) -> list[str]:
    settings = loop.settings
    command = [sys.executable, "-P", "-c", _MAIN, str(os.getpid()), "candidate"]
    command += ["--resume", str(loop.folder.path), "--until", until, "--json"]
    command += ["--sandbox", settings.sandbox]
    for name, python in (
        ("--engine-python", settings.engine_python),
        ("--train-python", wanted.python),
    ):
        command += [name, str(python)] if python is not None else []
    return command
