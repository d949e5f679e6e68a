"""Starts torchrun and other steps of the training environment, and keeps their output."""

from __future__ import annotations

import json
import os
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
from smallscale_ci.config.secret import without_secrets
from smallscale_ci.errors import EngineError, UsageError
from smallscale_ci.train.llamafactory import OWN_LOSSES, SETTINGS, Place
from smallscale_ci.worker.train.entry import FAILED

WORKER = Path(worker.__file__).resolve().parent
LEADER = "settings/leader"  # in the out folder: marks the host that started rank 0
_LINES = 400
_START_S = 10.0  # longest time to start a process
_OURS = ("--nproc-per-node", "--standalone")  # torchrun options that are set here
# Like --standalone, which needs the name localhost: a container without a network lacks it.
_ALONE = ("--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0", "--local-addr=127.0.0.1")


class Printed:
    """The processes' output: all of it in a file, its end in memory, and their failure."""

    def __init__(self, log: Path) -> None:
        self._log, self._lines = log, deque[str](maxlen=_LINES)
        self._rest = b""
        self.failure: dict[str, str] | None = None  # the first one: others follow from it

    def feed(self, chunk: bytes) -> None:
        """Take in a chunk of output."""
        with suppress(OSError), self._log.open("ab") as stream:  # a full disk: reported elsewhere
            stream.write(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self._take(line.decode("utf-8", errors="replace"))

    def tail(self, lines: int = 15) -> str:
        """The last non-blank lines."""
        said = [line for line in self._lines if line.strip() and not line.startswith(FAILED)]
        return "\n".join(said[-lines:])

    def text(self) -> str:
        """All lines kept in memory."""
        return "\n".join(self._lines)

    def _take(self, line: str) -> None:
        self._lines.append(line)
        if line.startswith(FAILED) and self.failure is None:
            with suppress(ValueError, KeyError, TypeError, RecursionError):
                value = json.loads(line.removeprefix(FAILED))
                self.failure = {key: str(value[key]) for key in ("kind", "message")}


class Started(Protocol):
    """A running step."""

    printed: Printed

    def poll(self) -> int | None:
        """Its exit code, ``None`` while it runs."""
        ...

    def stop(self, grace_s: float) -> None:
        """Stop it, by force after ``grace_s`` seconds."""
        ...


class Runner(Protocol):
    """Runs the steps of a training: in an environment on this machine or in a container."""

    name: str
    image: str  # digest; empty without one
    python: str  # the Python's path there
    worker: str  # the package's folder as seen there
    watched: bool  # whether its processes can see ours

    def place(self, model: Path, pairs: Path, out: Path) -> Place:
        """The folders as seen there, and the number of ranks."""
        ...

    def start(self, command: Sequence[str], out: Path, log: Path) -> Started:
        """Start ``command``. Raises ``EngineError`` or ``ContainerError``."""
        ...


class LocalRunner:
    """Runs processes of a Python that has LLaMA-Factory installed."""

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
        """``environment`` is the whole environment, from which likely secrets are removed."""
        self.python, self.worker = str(python), str(WORKER)
        self._ranks, self._nodes, self._gpus = ranks, nodes, gpus
        threads = str(max(1, (os.cpu_count() or 1) // ranks))
        kept = without_secrets(environment)
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

        An interrupt meanwhile leaves no process behind: signals raise in the main thread, but it
        is started in another. Raises ``EngineError`` if it cannot be started.
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
                f"The training Python {command[0]} cannot be started: {error.strerror}.",
                "Make its environment with `smallscale engine install train-cpu`, or name "
                "one with --train-python.",
            ) from error
        except BaseException:
            with suppress(OSError, TimeoutError):
                started.result(_START_S).stop(0)
            raise


class LocalStarted:
    """A process group on this machine, and the thread that reads its output."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path) -> None:
        self.printed, self._process = Printed(log), process
        assert process.stdout is not None  # noqa: S101 - a pipe was asked for
        self._thread = threading.Thread(target=self._read, args=(process.stdout,), daemon=True)
        self._thread.start()

    def poll(self) -> int | None:
        """Its exit code, once all its output has been read; ``None`` before."""
        code = self._process.poll()
        if code is not None:
            self._thread.join(5)
        return code

    def stop(self, grace_s: float) -> None:
        """Send SIGTERM, which torchrun passes on, and SIGKILL after ``grace_s`` seconds."""
        if self._process.poll() is None:
            self._process.terminate()
            deadline = time.monotonic() + grace_s
            while self._process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.1)
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # ranks exit when torchrun is gone
        self._process.wait()

    def _read(self, stream: IO[bytes]) -> None:
        while chunk := os.read(stream.fileno(), 1 << 16):
            self.printed.feed(chunk)


def quiet(*, gpu: bool) -> dict[str, str]:
    """Environment of the training processes, without network access or prompts."""
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
    """The number of nodes in torchrun's ``options``.

    Raises ``UsageError`` for a range of nodes, and for options that are set here.
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
    """The command that trains. ``options`` are torchrun's; ``word`` marks rank 0's host."""
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
