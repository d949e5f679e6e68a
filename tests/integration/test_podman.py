"""Podman through its docker-compatible socket: a real one, with storage of its own."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import boxes
import pytest
import replayed

from smallscale_ci.containers import spec
from smallscale_ci.containers.docker import Engine
from smallscale_ci.errors import ContainerError
from smallscale_ci.runfolder import RunFolder

EVAL = (
    "eval",
    "stored/src",
    "--suite",
    "tiny",
    "--gate",
    "tiny",
    "-b",
    "stored/src",
    "-p",
    "boxed",
)


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The socket of a service that has the base image."""
    boxes.engine()  # has the image
    if os.geteuid() or shutil.which("podman") is None:
        boxes.absent(
            "only root, with podman installed, can start a service: tests/tools/testbed.sh"
        )
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
    found = Engine.connect({"DOCKER_HOST": address})
    yield found
    left = boxes.ours(found)
    for container in found.labelled(**{spec.RUN: None}):
        found.remove(container.id)
    assert left == []


@pytest.fixture
def place(tmp_path: Path, engine: Engine) -> Path:
    replayed.make_configs(tmp_path, 40)
    replayed.make_run(tmp_path, "src", epochs=1)
    boxes.write_lock(tmp_path, tiny=boxes.base_entry(engine))
    boxes.write_profile(tmp_path)
    return tmp_path


def test_it_is_known_and_its_image_has_the_same_id(address: str, engine: Engine) -> None:
    about = engine.about()
    assert (about.name, about.rootless) == ("podman", False)
    assert boxes.base_entry(engine)["id"] == boxes.base_entry(boxes.engine())["id"]
    done = replayed.smallscale(Path.cwd(), "doctor", DOCKER_HOST=address)
    assert f"podman {about.version}" in done.stdout


def test_a_run_is_confined_and_passes(
    address: str, engine: Engine, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = replayed.start(place, *EVAL, "--runs", place / "runs", DOCKER_HOST=address)
    container = started(engine)
    seen = engine.inspect(container)
    monkeypatch.setenv("DOCKER_HOST", address)
    inside = boxes.inside(container)
    out, err = host.communicate(timeout=60)
    assert host.returncode == 0, out + err
    (run,) = (place / "runs").iterdir()
    assert replayed.answers(run) == replayed.answers(place / "stored" / "src")
    assert RunFolder(run).read_manifest()["runtime"]["name"] == "docker"
    assert seen["HostConfig"]["NetworkMode"] == "none"
    assert seen["HostConfig"]["ReadonlyRootfs"] is True
    assert seen["HostConfig"]["Memory"] == 512 << 20
    assert inside["uid"] != 0
    assert inside["caps"] == 0
    assert inside["no_new_privileges"] == "1"
    assert inside["interfaces"] == ["lo"]
    assert inside["writes"] == ["/tmp/x", "/work/out/x", "/cache/x"]


def started(engine: Engine) -> str:
    """The id of rank 0's container, once it runs."""
    wanted = {spec.RUN: None, spec.RANK: "0"}
    deadline = time.monotonic() + 30
    while not (found := [one for one in engine.labelled(**wanted) if one.running]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return found[0].id


def test_a_killed_host_s_containers_are_removed(address: str, engine: Engine, place: Path) -> None:
    boxes.write_profile(place, speed=20)
    host = replayed.start(place, *EVAL, "--runs", place / "runs", DOCKER_HOST=address)
    started(engine)
    host.kill()
    host.communicate()
    assert boxes.ours(engine) != []
    done = replayed.smallscale(place, "doctor", "--clean", DOCKER_HOST=address)
    assert "removed: smallscale-" in done.stdout, done.stderr
    assert boxes.ours(engine) == []


def test_gpus_that_are_not_there(address: str, engine: Engine, place: Path) -> None:
    done = replayed.smallscale(
        place, *EVAL, "--gpus", "0", "--runs", place / "runs", DOCKER_HOST=address
    )
    assert done.returncode == 3, done.stdout + done.stderr
    assert "NVIDIA Container Toolkit" in done.stderr or "LimitMEMLOCK" in done.stderr


def test_a_service_that_stopped_says_how_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(ContainerError) as caught:
        Engine.connect({"DOCKER_HOST": f"unix://{tmp_path}/podman.sock"})
    assert "systemctl --user start podman.socket" in caught.value.hint
