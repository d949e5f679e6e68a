"""The command line in processes of their own that find its modules imported already.

Most of the CPU time of a command is its imports, and tests run hundreds of commands. Here a process
imports everything once; each command is a fork of it, which is given its own arguments, folder,
environment and files, and from there on runs and ends as one that was started with ``python -c``.
"""

import functools
import gc
import importlib
import io
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

MAIN = "from smallscale_ci.cli.main import main; main()"
_TESTS = str(Path(__file__).resolve().parents[1])
_LARGE = ("scipy.special", "pyarrow.compute", "pyarrow.parquet", "jinja2", "junitparser", "pygal")
_MOST = 1 << 20  # bytes of a request
_PATIENCE_S = 600.0  # the first waits for all imports, on a busy machine
# What Python and some libraries read when they start or are imported, and as it is for the server.
_AT_START = ("PYTHON", "LANG", "LC_", "LD_", "GITHUB_ACTIONS", "FORCE_COLOR", "NO_COLOR", "TERM")
_OURS = dict(os.environ)


def run(
    arguments: Sequence[str], cwd: Path, environment: Mapping[str, str], timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run the command line to its end, as ``subprocess.run`` with its output captured."""
    asked = {
        "arguments": list(arguments),
        "cwd": str(cwd),
        "environment": dict(environment),
        "umask": _umask(),
    }
    command = [sys.executable, "-c", MAIN, *arguments]
    with (
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        Path(os.devnull).open("rb") as nothing,
    ):
        files = [each.fileno() for each in (nothing, out, err)]
        code = _ask(_server(), json.dumps(asked).encode(), files, command, timeout)
        return subprocess.CompletedProcess(command, code, _text(out), _text(err))


def starts_otherwise(environment: Mapping[str, str]) -> bool:
    """Whether a process with this environment would start otherwise than one with ours."""
    return any(
        _OURS.get(name) != environment.get(name)
        for name in _OURS.keys() | environment.keys()
        if name.startswith(_AT_START)
    )


def _ask(
    server: socket.socket, asked: bytes, files: list[int], command: list[str], timeout: float
) -> int:
    server.settimeout(_PATIENCE_S)
    socket.send_fds(server, [asked], files)
    pid = int(server.recv(32))
    server.settimeout(timeout)
    try:
        return int(server.recv(32))
    except TimeoutError:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        server.settimeout(_PATIENCE_S)
        server.recv(32)
        raise subprocess.TimeoutExpired(command, timeout) from None


def _umask() -> int:
    os.umask(now := os.umask(0o077))
    return now


def _text(file: io.BufferedRandom) -> str:
    file.seek(0)
    return io.TextIOWrapper(file, encoding="utf-8").read()


@functools.cache
def _server() -> socket.socket:
    """The process that has imported everything, for as long as this one lives."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    program = f"import sys; sys.path.append({_TESTS!r}); from helpers import forked"
    program += f"; forked.serve({theirs.fileno()}); {MAIN}"
    subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        env=_OURS,
        pass_fds=[theirs.fileno()],
        cwd="/",
    )
    theirs.close()
    return ours


def serve(number: int) -> None:
    """Import everything, then start a process for each request: in that one this returns."""
    sys.path.remove(_TESTS)
    _import_everything()
    gc.collect()
    gc.freeze()
    client = socket.socket(fileno=number)
    with suppress(KeyboardInterrupt):
        while True:
            text, files, _, _ = socket.recv_fds(client, _MOST, 3)
            if not text:
                break
            pid = os.fork()
            if pid == 0:
                client.close()
                _become(json.loads(text), files)
                return
            for file in files:
                os.close(file)
            client.send(str(pid).encode())
            _, status = os.waitpid(pid, 0)
            client.send(str(os.waitstatus_to_exitcode(status)).encode())
    os._exit(0)


def _become(asked: Mapping[str, Any], files: list[int]) -> None:
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    os.umask(asked["umask"])
    os.chdir(asked["cwd"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    sys.argv = ["-c", *asked["arguments"]]


def _import_everything() -> None:
    import smallscale_ci

    for name in _LARGE:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(smallscale_ci.__path__, "smallscale_ci."):
        # The worker's own are imported where its engines are.
        if not module.name.startswith("smallscale_ci.worker.") and "__main__" not in module.name:
            importlib.import_module(module.name)
