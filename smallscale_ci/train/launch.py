"""Starts torchrun and the other steps of the training environment, and keeps what they print."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import IO, Protocol

from smallscale_ci import worker
from smallscale_ci.errors import EngineError, UsageError
from smallscale_ci.train.llamafactory import OWN_LOSSES, SETTINGS, Place
from smallscale_ci.worker.train.entry import FAILED

WORKER = Path(worker.__file__).resolve().parent
LEADER = "settings/leader"  # in the out folder: who started rank 0
_SECRET = re.compile(r"(TOKEN|SECRET|PASSWORD|_KEY)$", re.IGNORECASE)
_LINES = 400
_START_S = 10.0  # that a process takes at most to be started
_OURS = ("--nproc-per-node", "--standalone")  # options of torchrun that we set ourselves
# As --standalone, which looks up localhost: a container without a network has no such name.
_ALONE = ("--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1")


class Printed:
    """What the processes printed: all of it in a file, the end of it here, and their failure."""

    def __init__(self, log: Path) -> None:
        self._log, self._lines = log, deque[str](maxlen=_LINES)
        self._rest = b""
        self.failure: dict[str, str] | None = None  # the first that was told: others follow from it

    def feed(self, chunk: bytes) -> None:
        """Take in what was printed."""
        with suppress(OSError), self._log.open("ab") as stream:  # a full disk is reported elsewhere
            stream.write(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._take(line.decode("utf-8", errors="replace"))

    def tail(self, lines: int = 15) -> str:
        """The last lines that say something."""
        said = [line for line in self._lines if line.strip() and not line.startswith(FAILED)]
        return "\n".join(said[-lines:])

    def text(self) -> str:
        """All lines that are kept."""
        return "\n".join(self._lines)

    def _take(self, line: str) -> None:
        self._lines.append(line)
        if line.startswith(FAILED) and self.failure is None:
            with suppress(ValueError, KeyError, TypeError, RecursionError):
                value = json.loads(line.removeprefix(FAILED))
                self.failure = {key: str(value[key]) for key in ("kind", "message")}


class Started(Protocol):
    """A step that runs."""

    printed: Printed

    def poll(self) -> int | None:
        """Its exit code, ``None`` while it runs."""
        ...

    def stop(self, grace_s: float) -> None:
        """End it: politely, and after ``grace_s`` seconds by force."""
        ...


class Runner(Protocol):
    """Where the steps of a training run: an environment of this machine, or a container."""

    name: str
    image: str  # digest; empty without one
    python: str  # as it is called there
    worker: str  # our folder, as it is seen there
    watched: bool  # whether it can see our process

    def place(self, model: Path, pairs: Path, out: Path) -> Place:
        """The folders as they are seen there, and how many ranks there are."""
        ...

    def start(self, command: Sequence[str], out: Path, log: Path) -> Started:
        """Start ``command``. Raises ``EngineError`` or ``ContainerError``."""
        ...


class LocalRunner:
    """Processes of a Python that has LLaMA-Factory installed."""

    name, image, watched = "local", "", True

    def __init__(
        self,
        python: Path,
        environment: Mapping[str, str],
        *,
        ranks: int,
        nodes: int,
        gpus: tuple[str, ...],
    ) -> None:
        """``environment`` is the whole one; what looks like a secret is taken out of it."""
        self.python, self.worker = str(python), str(WORKER)
        self._ranks, self._nodes, self._gpus = ranks, nodes, gpus
        threads = str(max(1, (os.cpu_count() or 1) // ranks))
        kept = {key: value for key, value in environment.items() if not _SECRET.search(key)}
        self._environment = {"OMP_NUM_THREADS": threads, **kept, **quiet(gpu=bool(gpus))}
        # DeepSpeed compiles with the environment's own ninja.
        path = kept.get("PATH", os.defpath)
        self._environment["PATH"] = f"{python.absolute().parent}{os.pathsep}{path}"
        if gpus:
            self._environment["CUDA_VISIBLE_DEVICES"] = ",".join(gpus)

    def place(self, model: Path, pairs: Path, out: Path) -> Place:
        """The folders by their absolute paths."""
        return Place(
            model=str(model.resolve()),
            pairs=str(pairs.resolve()),
            out=str(out.resolve()),
            ranks=self._ranks,
            nodes=self._nodes,
            gpu=bool(self._gpus),
        )

    def start(self, command: Sequence[str], out: Path, log: Path) -> LocalStarted:
        """Start ``command`` in a process group of its own.

        Whoever is interrupted meanwhile leaves no process: signals raise in the main thread, and it
        is started in another. Raises ``EngineError`` where it cannot be started.
        """
        environment = {**self._environment, "HF_DATASETS_CACHE": str(out.resolve() / "cache")}
        started: Future[LocalStarted] = Future()

        def begin() -> None:
            try:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    env=environment,
                    start_new_session=True,
                )
                started.set_result(LocalStarted(process, log))
            except OSError as error:
                started.set_exception(error)

        try:
            threading.Thread(target=begin, daemon=True).start()
            return started.result()
        except OSError as error:
            raise EngineError(
                f"the training Python {command[0]} cannot be started: {error.strerror}.",
                "Make its environment with `smallscale engine install train-cpu`, or name "
                "one with --train-python.",
            ) from error
        except BaseException:
            with suppress(OSError, TimeoutError):
                started.result(_START_S).stop(0)
            raise


class LocalStarted:
    """A process group of this machine, and the thread that reads what it prints."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.printed, self._process = Printed(log), process
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        self._thread = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._thread.start()

    def poll(self) -> int | None:
        """Its exit code, once all that it printed was read."""
        code = self._process.poll()
        if code is not None:
            self._thread.join(5)
        return code

    def stop(self, grace_s: float) -> None:
        """SIGTERM, which torchrun passes on; SIGKILL after ``grace_s`` seconds."""
        if self._process.poll() is None:
            self._process.terminate()
            deadline = time.monotonic() + grace_s
            while self._process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # ranks see that torchrun is gone, and end
        self._process.wait()

    def _read(self, stream: IO[bytes]) -> None:
        while chunk := os.read(stream.fileno(), 1 << 16):
            self.printed.feed(chunk)


def quiet(*, gpu: bool) -> dict[str, str]:
    """Environment of the training processes: nothing is fetched, nothing is asked."""
    return {
        "HF_HUB_OFFLINE": "1",
        "HF_DATASETS_OFFLINE": "1",
        "TRANSFORMERS_OFFLINE": "1",
        "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONUNBUFFERED": "1",
        **({} if gpu else {"DS_ACCELERATOR": "cpu", "CUDA_VISIBLE_DEVICES": ""}),
    }


def nodes_of(options: Sequence[str]) -> int:
    """How many nodes torchrun's ``options`` name.

    Raises ``UsageError`` for a range of them, and for options that we set ourselves.
    """
    words = [word.replace("_", "-") for word in " ".join(options).replace("=", " ").split()]
    for word in words:
        if word in _OURS:
            raise UsageError(
                f"{word} is set by smallscale.", "Say how many ranks a node has with --ranks."
            )
    if "--nnodes" not in words:
        return 1
    value = words[words.index("--nnodes") + 1 :][:1]
    if not value or not value[0].isdecimal() or int(value[0]) < 1:
        raise UsageError(
            "--nnodes needs a fixed number of nodes.",
            "The batch is split over a number of ranks that is known before: --nnodes=2.",
        )
    return int(value[0])


def torchrun(
    runner: Runner,
    place: Place,
    objective: str,
    *,
    keep: int,
    word: str,
    options: Sequence[str] = (),
) -> list[str]:
    """The command that trains. ``options`` are torchrun's own; ``word`` marks rank 0's starter."""
    rendezvous = list(options or _ALONE)
    command = [runner.python, "-m", "torch.distributed.run", *rendezvous]
    command += ["--nproc-per-node", str(place.ranks), runner.worker, "train"]
    command += [f"{place.out}/{SETTINGS}", "--keep", str(keep)]
    command += ["--leader", f"{place.out}/{LEADER}={word}"]
    if objective in OWN_LOSSES:
        command += ["--loss", objective]
    if runner.watched:
        command += ["--parent", str(os.getpid())]
    return command
