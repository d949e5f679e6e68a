"""A real container engine for tests: what they share, and what they need to be there.

Where no engine runs, tests skip and say why; in CI that is a failure. `tests/tools/testbed.sh`
makes everything that is needed on a bare machine.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from helpers import replayed
from helpers.needed import absent
from smallscale_ci.containers import spec
from smallscale_ci.containers.connect import connect
from smallscale_ci.containers.interface import Engine
from smallscale_ci.errors import ContainerError

BASE = "smallscale-test/base:bookworm"
EVAL = ("eval", "stored/src", "--suite", "tiny", "--gate", "tiny", "-b", "stored/src")
SAMPLES = 60  # that EVAL generates
BOXED = """\
name: {name}
engine: replay
runtime: docker
image: {image}
order: as-is
ranks: {ranks}
max_in_flight: 4
start_timeout_s: 120
stall_timeout_s: 8
engine_args: {{tokens_per_second: {speed}}}
container: {{memory_gib: {memory}, shm_gib: 0.125, pids: 64, deadline_h: {deadline}}}
"""


def engine() -> Engine:
    """The engine, or a skip with the reason."""
    try:
        found = connect(dict(os.environ))
    except ContainerError as error:
        absent(error.message)
    if found.image(BASE) is None:
        absent(f"there is no image {BASE}: run tests/tools/testbed.sh")
    return found


def write_lock(place: Path, **images: dict[str, Any]) -> Path:
    """An image lock in ``place``."""
    path = place / "docker" / "images.lock.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"name": "images", "images": images}))
    return path


def base_entry(found: Engine) -> dict[str, Any]:
    """The base image as a lock has it: by its id."""
    image = found.image(BASE)
    assert image is not None
    repository, tag = BASE.split(":")
    return {"repository": repository, "tag": tag, "id": image.id}


def write_profile(place: Path, name: str = "boxed", **more: Any) -> None:
    """A profile that replays in containers of the image ``tiny``."""
    values = {"image": "tiny", "ranks": 2, "speed": 60, "memory": 0.5, "deadline": 1, **more}
    text = BOXED.format(name=name, **values)
    (place / "configs" / "engines" / f"{name}.yaml").write_text(text)


def ours(found: Engine) -> list[str]:
    """Names of all containers of smallscale, running or not."""
    return [container.name for container in found.labelled(**{spec.RUN: None})]


def volumes() -> set[str]:
    """Names of all volumes."""
    done = docker("volume", "ls", "-q")
    return set(done.split())


def inside(container: str) -> dict[str, Any]:
    """How a process in a running container is confined, as it finds itself."""
    program = Path(__file__).parents[1] / "tools" / "inside.py"
    done = subprocess.run(
        ["docker", "exec", "-i", container, "python3", "-"],
        input=program.read_text(), capture_output=True, text=True, check=True,
    )  # fmt: skip
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def docker(*arguments: str) -> str:
    """Run the docker program."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@contextmanager
def registry(place: Path) -> Iterator[str]:
    """A real registry on a free port of 127.0.0.1; its address."""
    program = shutil.which("docker-registry")
    if program is None:
        absent("there is no docker-registry: run tests/tools/testbed.sh")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = place / "registry.yml"
    config.write_text(
        f"version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '127.0.0.1:{port}'}}\n"
        f"storage: {{filesystem: {{rootdirectory: {place / 'registry'}}}}}\n"
    )
    process = subprocess.Popen(
        [program, "serve", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "the registry does not answer"
                time.sleep(0.1)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(place / "registry", ignore_errors=True)


@contextmanager
def second_engine(place: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A container engine of its own, with the base image: one that may be killed."""
    if os.geteuid() or shutil.which("dockerd") is None:
        absent("only root, with dockerd installed, can start a second container engine")
    host = f"unix://{place}/docker.sock"
    process = start_engine(place)
    try:
        archive = place / "base.tar"
        docker("save", "-o", str(archive), BASE)
        docker("-H", host, "load", "-q", "-i", str(archive))
        archive.unlink()
        yield host, process
    finally:
        for each in (process, start_engine(place)):  # a new one removes what a killed one left
            each.terminate()
            each.wait(30)
        unmount(place)
        shutil.rmtree(place, ignore_errors=True)


def unmount(place: Path) -> None:
    """Unmount whatever is mounted in ``place``; a folder may be mounted more than once."""
    for mounted in Path("/proc/mounts").read_text().splitlines():
        target = mounted.split()[1]
        if target.startswith(str(place)):
            subprocess.run(["umount", "-l", target], check=False, capture_output=True)


def start_engine(place: Path) -> subprocess.Popen[bytes]:
    """Start dockerd with all its files in ``place``, and wait until it answers."""
    host = f"unix://{place}/docker.sock"
    process = subprocess.Popen(
        [
            # In a network of its own: with no bridge, it would remove the first engine's docker0.
            "unshare", "--net", "dockerd", "-H", host, "--data-root", str(place / "data"),
            "--exec-root", str(place / "exec"), "--pidfile", str(place / "pid"),
            "--bridge", "none", "--iptables=false", "--ip-forward=false", "--ip-masq=false",
        ],
        stdout=(place / "dockerd.log").open("ab"), stderr=subprocess.STDOUT,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while subprocess.run(
        ["docker", "-H", host, "info"], capture_output=True, check=False
    ).returncode:
        assert process.poll() is None, (place / "dockerd.log").read_text()[-2000:]
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return process


def begin(
    place: Path,
    runs: Path,
    *more: str,
    profile: str = "boxed",
    completions: int = 4,
    **environment: str,
) -> tuple[subprocess.Popen[str], Path]:
    """Start a run in containers; it and its folder, once so many completions are there."""
    host = replayed.start(place, *EVAL, "-p", profile, "--runs", runs, *more, **environment)
    replayed.wait_for(lambda: runs.is_dir() and list(runs.iterdir()), "a run folder")
    (run,) = runs.iterdir()
    replayed.wait_for(lambda: replayed.lines_out(run) >= completions, "completions")
    return host, run


def finish(host: subprocess.Popen[str], seconds: float = 240) -> tuple[int, str]:
    """Wait for the end of a run: its exit code, and what it printed."""
    out, err = host.communicate(timeout=seconds)
    assert "Traceback" not in err, err
    return host.returncode, out + err


def resumes(place: Path, run: Path, undisturbed: object, **environment: str) -> None:
    """A run that ended early can be resumed, and gives what an undisturbed one does."""
    done = replayed.smallscale(place, "eval", "--resume", run, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert replayed.answers(run) == undisturbed


def container_of(engine: Engine, rank: int = 0) -> str:
    """The id of the only container of ``rank``."""
    (found,) = engine.labelled(**{spec.RUN: None, spec.RANK: str(rank)})
    return found.id
