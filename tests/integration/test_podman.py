"""Podman through its docker-compatible socket: a real one, with storage of its own."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import boxes, replayed
from helpers.clock import clock
from helpers.needed import absent

from smallscale_ci.containers import spec
from smallscale_ci.containers.connect import connect
from smallscale_ci.containers.images import Pinned
from smallscale_ci.containers.interface import Engine
from smallscale_ci.errors import ContainerError
from smallscale_ci.generate.docker import Bounds, DockerRuntime
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.worker import protocol

EVAL = (*boxes.EVAL, "-p", "boxed")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of a service that has the base image."""
    boxes.engine()  # has the image
    if os.geteuid() or shutil.which("podman") is None:
        absent("only root, with podman installed, can start a service: tests/tools/testbed.sh")
    folder = tmp_path_factory.mktemp("p")
    socket = folder / "socket"
    podman = ["podman", "--root", str(folder / "root"), "--runroot", str(folder / "run")]
    save = subprocess.Popen(["docker", "save", boxes.BASE], stdout=subprocess.PIPE)
    subprocess.run([*podman, "load", "-q"], stdin=save.stdout, check=True, capture_output=True)
    assert save.wait(60) == 0
    log = (folder / "log").open("wb")
    serve = [*podman, "system", "service", "--time=0", f"unix://{socket}"]
    service = subprocess.Popen(serve, stdout=log, stderr=log)
    try:
        replayed.wait_for(socket.exists, "podman's socket")
        yield f"unix://{socket}"
    finally:
        subprocess.run([*podman, "rm", "-a", "-f", "-t", "0"], check=False, capture_output=True)
        subprocess.run([*podman, "rmi", "-a", "-f"], check=False, capture_output=True)
        service.terminate()
        service.wait(30)
        boxes.unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def engine(address: str) -> Iterator[Engine]:
    found = connect({"DOCKER_HOST": address})
    yield found
    left = boxes.ours(found)
    for container in found.labelled(**{spec.RUN: None}):
        found.remove(container.id)
    assert left == []


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("place")
    replayed.make_configs(place, 40)
    replayed.make_run(place, "src", epochs=1)
    boxes.write_lock(place, tiny=boxes.base_entry(boxes.engine()))  # the same id for both
    boxes.write_profile(place)
    boxes.write_profile(place, "slower", speed=20)
    return place


def test_it_is_known_and_its_image_has_the_same_id(engine: Engine) -> None:
    about = engine.about()
    assert (about.name, about.rootless) == ("podman", False)
    assert about.version
    assert boxes.base_entry(engine)["id"] == boxes.base_entry(boxes.engine())["id"]


def test_a_run_passes(address: str, engine: Engine, place: Path) -> None:
    done = replayed.smallscale(place, *EVAL, "--runs", place / "runs", DOCKER_HOST=address)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (place / "runs").iterdir()
    assert replayed.answers(run) == replayed.answers(place / "stored" / "src")
    assert RunFolder(run).read_manifest().runtime.name == "docker"


def test_a_rank_is_confined(engine: Engine, tmp_path: Path) -> None:
    """As a process in it finds; not by `exec`, whose clean-up podman puts off by five minutes."""
    for name in protocol.FOLDERS:
        (tmp_path / "work" / name).mkdir(parents=True)
    entry = boxes.base_entry(engine)
    names = (entry["repository"], entry["tag"], entry["id"], entry["id"])
    runtime = DockerRuntime(
        engine, Pinned("tiny", *names, None, False), run_id="confined", model=None,
        cache=tmp_path / "cache", environment={}, gpus=[()],
        clock=clock,
        bounds=Bounds(memory=512 << 20, shm=1 << 20),
    )  # fmt: skip
    program = Path(__file__).parents[1] / "tools" / "inside.py"
    described = replace(
        runtime.describe(tmp_path / "work", 0), command=("python3", "-c", program.read_text())
    )
    container, printed = engine.create(described), []
    try:
        seen = engine.inspect(container)["HostConfig"]
        engine.start(container)
        assert engine.follow(container, printed.append).code == 0, printed
    finally:
        runtime.stop(0)
    assert (seen["NetworkMode"], seen["ReadonlyRootfs"]) == ("none", True)
    assert seen["Memory"] == 512 << 20
    inside = json.loads(b"".join(printed))
    assert inside["uid"] != 0
    assert inside["caps"] == 0
    assert inside["no_new_privileges"] == "1"
    assert inside["interfaces"] == ["lo"]
    assert inside["writes"] == ["/tmp/x", "/work/out/x", "/cache/x"]


def started(engine: Engine) -> str:
    """The id of rank 0's container, once it runs."""
    wanted = {spec.RUN: None, spec.RANK: "0"}
    deadline = time.monotonic() + 90
    while not (found := [one for one in engine.labelled(**wanted) if one.running]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found[0].id


def test_a_killed_host_s_containers_are_removed(address: str, engine: Engine, place: Path) -> None:
    runs = place / "killed"
    host = replayed.start(place, *EVAL, "-p", "slower", "--runs", runs, DOCKER_HOST=address)
    started(engine)
    host.kill()
    host.communicate()
    assert boxes.ours(engine) != []
    done = replayed.smallscale(place, "doctor", "--clean", DOCKER_HOST=address)
    assert "removed: smallscale-" in done.stdout, done.stderr
    assert boxes.ours(engine) == []


def test_gpus_that_are_not_there(engine: Engine) -> None:
    described = spec.Spec(
        name=f"smallscale-test-gpu-{os.getpid()}", image=boxes.base_entry(engine)["id"],
        command=("sleep", "9"), mounts=(), user="10001:10001", memory=1 << 28, shm=1 << 20,
        deadline_s=9, gpus=("0",), labels={spec.RUN: "gpu"},
    )  # fmt: skip
    with pytest.raises(ContainerError) as caught:  # by an old one, or by what CDI knows
        engine.start(engine.create(described))
    for container in engine.labelled(**{spec.RUN: "gpu"}):
        engine.remove(container.id)
    told = caught.value.message + caught.value.hint
    assert "no GPUs" in told or "NVIDIA Container Toolkit" in told
    assert "nvidia-ctk" in told


def test_a_service_that_stopped_says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(ContainerError) as caught:
        connect({"DOCKER_HOST": f"unix://{tmp_path}/podman.sock"})
    assert "systemctl --user start podman.socket" in caught.value.hint
