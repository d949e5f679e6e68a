"""How runs in containers may end, and what each ending leaves: nothing, and a run to go on with."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from helpers import boxes, replayed
from helpers.needed import absent

from smallscale_ci.containers import spec
from smallscale_ci.containers.interface import Engine
from smallscale_ci.errors import ContainerError
from smallscale_ci.run.folder import RunFolder


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_run_leaves_no_container(place, engine, tmp_path, undisturbed, number):
    host, run = boxes.begin(place, tmp_path / "runs")
    host.send_signal(number)
    code, printed = boxes.finish(host, 20)
    assert code == 130, printed
    assert boxes.ours(engine) == []
    boxes.resumes(place, run, undisturbed)


def test_a_killed_host_s_containers_are_removed_by_the_next_run(
    place, engine, tmp_path, undisturbed
):
    host, run = boxes.begin(place, tmp_path / "runs")
    host.kill()
    host.communicate()
    assert len(boxes.ours(engine)) == 2
    boxes.resumes(place, run, undisturbed)


def test_a_killed_host_s_containers_are_removed_by_doctor(place, engine, tmp_path):
    host, _ = boxes.begin(place, tmp_path / "first")
    host.kill()
    host.communicate()
    boxes.write_profile(place, "slower", speed=20)
    other, _ = boxes.begin(place, tmp_path / "second", profile="slower", completions=1)
    try:
        done = replayed.smallscale(place, "doctor", "--clean")
        assert "removed" in done.stdout + done.stderr
        assert len(boxes.ours(engine)) == 2  # those of the host that lives are left alone
    finally:
        other.send_signal(signal.SIGTERM)
        boxes.finish(other)


@pytest.mark.parametrize("command", [("kill",), ("rm", "-f")])
def test_a_killed_container_is_started_again(place, engine, tmp_path, undisturbed, command):
    host, run = boxes.begin(place, tmp_path / "runs")
    boxes.docker(*command, boxes.container_of(engine))
    code, printed = boxes.finish(host)
    assert code == 0, printed
    assert replayed.answers(run) == undisturbed
    (warning,) = RunFolder(run).read_manifest().warnings
    assert "was killed (code 137)" in warning


def test_a_container_that_hangs_is_given_up(place, engine, tmp_path, undisturbed):
    boxes.write_profile(place, "one", ranks=1)
    runs = tmp_path / "runs"
    host, run = boxes.begin(place, runs, profile="one")
    boxes.docker("pause", boxes.container_of(engine))
    code, printed = boxes.finish(host)
    assert code == 3, printed
    assert "within 8 s" in printed
    assert "stall_timeout_s" in printed
    boxes.resumes(place, run, undisturbed)


def test_a_container_ends_at_its_deadline_without_a_host(engine):
    described = spec.Spec(
        name=f"smallscale-test-deadline-{os.getpid()}", image=boxes.base_entry(engine)["id"],
        command=("sleep", "300"), mounts=(), user="10001:10001", memory=1 << 28, shm=1 << 20,
        deadline_s=1, labels={spec.RUN: "deadline"},
    )  # fmt: skip
    container = engine.create(described)
    try:
        began = time.monotonic()
        engine.start(container)
        ended = engine.follow(container, lambda chunk: None)
        assert ended.code == 124
        assert time.monotonic() - began < 120
    finally:
        engine.remove(container)


def test_a_container_whose_memory_is_too_small(place, engine, tmp_path, undisturbed):
    boxes.write_profile(place, "narrow", ranks=1, memory=0.008)
    text = (place / "configs" / "engines" / "narrow.yaml").read_text()
    (place / "configs" / "engines" / "narrow.yaml").write_text(text.replace("0.125", "0.004"))
    done = replayed.smallscale(place, *boxes.EVAL, "-p", "narrow", "--runs", tmp_path / "runs")
    assert done.returncode == 3, done.stdout + done.stderr
    # What is killed in its first moments may end before the engine watches its memory.
    assert re.search(r"ran out of memory and was killed|was killed \(code 137\)", done.stderr)
    assert "memory_gib" in done.stderr
    assert "--resume" in done.stderr
    boxes.write_profile(place, "narrow", ranks=1)
    (run,) = (tmp_path / "runs").iterdir()
    boxes.resumes(place, run, undisturbed)


def test_memory_that_runs_out_in_the_middle(place, engine, tmp_path, undisturbed):
    """What lies in a container's /tmp is its memory: the kernel kills the worker for room."""
    boxes.write_profile(place, "tight", memory=0.1)
    host, run = boxes.begin(place, tmp_path / "runs", profile="tight")
    container = boxes.container_of(engine)
    fill = "head -c 200M /dev/zero > /tmp/full"
    subprocess.run(["docker", "exec", container, "sh", "-c", fill], check=False)
    replayed.wait_for(lambda: container_ended(engine, container), "its end")
    code, printed = boxes.finish(host)
    assert code == 0, printed
    assert replayed.answers(run) == undisturbed
    (warning,) = RunFolder(run).read_manifest().warnings
    assert "ran out of memory" in warning


def container_ended(engine: Engine, container: str) -> bool:
    try:
        return not engine.inspect(container)["State"]["Running"]
    except ContainerError:  # removed: another one is in its place
        return True


def test_a_run_ends_at_its_containers_deadline(place, engine, tmp_path, undisturbed):
    boxes.write_profile(place, "brief", ranks=1, speed=20, deadline=0.001)
    done = replayed.smallscale(place, *boxes.EVAL, "-p", "brief", "--runs", tmp_path / "runs")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "reached its deadline" in done.stderr
    assert "deadline_h" in done.stderr
    assert boxes.ours(engine) == []
    boxes.write_profile(place, "brief", ranks=1)
    (run,) = (tmp_path / "runs").iterdir()
    assert 0 < replayed.lines_out(run) < boxes.SAMPLES
    boxes.resumes(place, run, undisturbed)


def test_a_full_disk(place, engine, tmp_path, undisturbed):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        absent("only root may mount a small disk")
    try:
        (disk / "ballast").write_bytes(bytes(60_000))
        done = replayed.smallscale(place, *boxes.EVAL, "-p", "boxed", "--runs", disk)
        assert done.returncode == 3, done.stdout + done.stderr
        assert "No space left" in done.stderr
        assert boxes.ours(engine) == []
        (disk / "ballast").unlink()
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        (run,) = disk.iterdir()
        boxes.resumes(place, run, undisturbed)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


# -- what is not there ----------------------------------------------------------------------------


def test_no_engine(place, tmp_path):
    away = f"unix://{tmp_path}/none.sock"
    done = replayed.smallscale(place, *boxes.EVAL, "-p", "boxed", DOCKER_HOST=away)
    assert done.returncode == 3
    assert "No container engine answers" in done.stderr
    assert "--runtime local" in done.stderr


def test_gpus_that_are_not_there(place, engine, tmp_path):
    if engine.about().nvidia:
        pytest.skip("this machine has GPUs")
    done = replayed.smallscale(
        place, *boxes.EVAL, "-p", "boxed", "--gpus", "0,1", "--runs", tmp_path / "runs"
    )
    assert done.returncode == 3, done.stderr
    assert "NVIDIA Container Toolkit" in done.stderr or "LimitMEMLOCK" in done.stderr


def test_images_that_are_missing_unpinned_or_another(place, engine, tmp_path):
    other = shutil.copytree(place, tmp_path / "other")
    entry = boxes.base_entry(engine)
    wrong = {**entry, "id": None, "digest": "sha256:" + "0" * 64}
    cases = (
        ({**entry, "id": "sha256:" + "1" * 64, "repository": "none/none"}, "image build tiny"),
        ({**wrong, "repository": "127.0.0.1:1/none"}, "registry"),
        (wrong, "with different content"),
        ({**entry, "id": None}, "is not pinned"),
    )
    for image, said in cases:
        boxes.write_lock(other, tiny=image)
        done = replayed.smallscale(other, *boxes.EVAL, "-p", "boxed", "--runs", tmp_path / "runs")
        assert done.returncode == 3, (said, done.stderr)
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_the_engine_stops_in_the_middle(place, tmp_path_factory, undisturbed):
    folder = Path(tmp_path_factory.mktemp("e", numbered=True))
    bridge = Path("/sys/class/net/docker0")  # of the engine that other tests use
    was_there = bridge.exists()
    with boxes.second_engine(folder) as (address, process):
        environment = {"DOCKER_HOST": address}
        second = shutil.copytree(place, folder / "place")
        host, run = boxes.begin(second, folder / "runs", **environment)
        process.terminate()
        process.wait(30)
        code, printed = boxes.finish(host)
        assert code == 3, printed
        assert "stopped answering" in printed
        assert "--resume" in printed
        again = boxes.start_engine(folder)
        try:
            boxes.resumes(second, run, undisturbed, **environment)
            assert boxes.docker("-H", address, "ps", "-aq") == ""
        finally:
            again.terminate()
            again.wait(30)
    assert bridge.exists() == was_there
