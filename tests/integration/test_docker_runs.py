"""Runs in containers of a real engine: how they are confined, how they end, what they leave.

The image is a bare Python and the engine replays, so that a run takes seconds; everything else is
what users get. Runs of the real inference engine are in test_docker_image.py.
"""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import boxes
import pytest
import replayed

from smallscale_ci.containers import spec
from smallscale_ci.containers.docker import Engine
from smallscale_ci.containers.images import Pinned
from smallscale_ci.errors import ContainerError
from smallscale_ci.generate.docker import Bounds, DockerRuntime
from smallscale_ci.generate.interface import Job, assign_gpus
from smallscale_ci.generate.ranks import Limits
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import SamplingSpec
from smallscale_ci.runfolder import RunFolder
from smallscale_ci.worker import protocol

EVAL = ("eval", "stored/src", "--suite", "tiny", "--gate", "tiny", "-b", "stored/src")
SAMPLES = 60


@pytest.fixture(scope="module")
def engine() -> Engine:
    return boxes.engine()


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, engine: Engine) -> Path:
    place = tmp_path_factory.mktemp("boxed")
    replayed.make_configs(place, SAMPLES)
    replayed.make_run(place, "src", epochs=1)
    boxes.write_lock(place, tiny=boxes.base_entry(engine))
    boxes.write_profile(place)
    return place


@pytest.fixture(scope="module")
def undisturbed(place: Path) -> list[tuple[str, int, str, tuple[int, ...]]]:
    return replayed.answers(place / "stored" / "src")


@pytest.fixture(autouse=True)
def _nothing_is_left(engine: Engine) -> Iterator[None]:
    before = boxes.volumes()
    yield
    left = boxes.ours(engine)
    for container in engine.labelled(**{spec.RUN: None}):
        engine.remove(container.id)
    assert left == []
    assert boxes.volumes() == before


def begin(place: Path, runs: Path, *more: str, **environment: str) -> tuple[subprocess.Popen, Path]:
    host = replayed.start(place, *EVAL, "-p", "boxed", "--runs", runs, *more, **environment)
    replayed.wait_for(lambda: runs.is_dir() and list(runs.iterdir()), "a run folder")
    (run,) = runs.iterdir()
    replayed.wait_for(lambda: replayed.lines_out(run) >= 4, "completions")
    return host, run


def container_of(engine: Engine, rank: int = 0) -> str:
    found = engine.labelled(**{spec.RUN: None, spec.RANK: str(rank)})
    assert len(found) == 1
    return found[0].id


def finish(host: subprocess.Popen, seconds: float = 60) -> tuple[int, str]:
    out, err = host.communicate(timeout=seconds)
    assert "Traceback" not in err, err
    return host.returncode, out + err


def resumes(place: Path, run: Path, undisturbed: object, **environment: str) -> None:
    done = replayed.smallscale(place, "eval", "--resume", run, **environment)
    assert done.returncode == 0, done.stdout + done.stderr
    assert replayed.answers(run) == undisturbed


# -- how it runs ----------------------------------------------------------------------------------


def test_a_run_in_containers_is_confined_and_gives_the_same(place, engine, tmp_path, undisturbed):
    host, run = begin(place, tmp_path / "runs")
    seen = engine.inspect(container_of(engine, 1))
    inside = boxes.inside(seen["Id"])
    code, printed = finish(host)
    assert code == 0, printed
    assert replayed.answers(run) == undisturbed

    config = seen["HostConfig"]
    assert config["NetworkMode"] == "none"
    assert config["ReadonlyRootfs"] is True
    assert config["CapDrop"] == ["ALL"]
    assert not config["CapAdd"]
    assert config["Privileged"] is False
    assert config["SecurityOpt"] == ["no-new-privileges"]
    assert config["Memory"] == config["MemorySwap"] == 512 << 20
    assert config["PidsLimit"] == 64
    assert config["ShmSize"] == 128 << 20
    assert config["RestartPolicy"]["Name"] == "no"
    assert {limit["Name"] for limit in config["Ulimits"]} >= {"stack", "core"}
    assert seen["Config"]["User"] not in {"", "0", "root", "0:0"}
    assert seen["Config"]["Labels"][spec.RUN] == run.name
    assert seen["Image"] == boxes.base_entry(engine)["id"]
    writable = {mount["Destination"] for mount in seen["Mounts"] if mount["RW"]}
    assert writable == {"/work", "/cache"}
    assert "/opt/smallscale/worker" in {mount["Destination"] for mount in seen["Mounts"]}

    assert inside["uid"] != 0
    assert inside["caps"] == 0
    assert inside["no_new_privileges"] == "1"
    assert inside["interfaces"] == ["lo"]
    assert inside["writes"] == ["/tmp/x", "/work/out/x", "/cache/x"]

    manifest = RunFolder(run).read_manifest()
    assert manifest["runtime"]["name"] == "docker"
    assert manifest["runtime"]["image"] == boxes.base_entry(engine)["id"]


def test_auto_takes_docker_where_it_is_there_and_says_why_not(place, engine, tmp_path):
    from smallscale_ci import runtimes
    from smallscale_ci.config.models import EngineProfile

    said: list[str] = []
    lock = place / "docker" / "images.lock.yaml"
    profile = EngineProfile(name="p", engine="vllm", runtime="auto", image="tiny")
    here = runtimes.choose(profile, lock, dict(os.environ), said.append)
    assert (here.name, here.image.name) == ("docker", "tiny")
    gone = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    away = runtimes.choose(profile, lock, gone, said.append)
    assert away.name == "local"
    assert "no container engine answers" in away.reason
    assert "runtime: docker" in said[0]
    assert "runtime: local" in said[-1]


def test_gpus_are_asked_for_by_rank(engine, tmp_path):
    """Four GPUs, two a rank: created and inspected, not started, for this machine may have none."""
    work = tmp_path / "work"
    for name in protocol.FOLDERS:
        (work / name).mkdir(parents=True)
    runtime = runtime_of(engine, tmp_path, assign_gpus(("0", "1", "2", "3"), 2, 2))
    container = engine.create(runtime.describe(work, 1))
    try:
        seen = engine.inspect(container)
    finally:
        runtime.stop(0)
    (request,) = seen["HostConfig"]["DeviceRequests"]
    assert request["DeviceIDs"] == ["2", "3"]
    assert request["Driver"] == "nvidia"
    assert request["Capabilities"] == [["gpu"]]
    limits = {limit["Name"]: limit["Hard"] for limit in seen["HostConfig"]["Ulimits"]}
    assert limits["memlock"] == -1
    assert seen["HostConfig"]["Memory"] > 1 << 30  # half of nine tenths of this machine's
    assert boxes.ours(engine) == []


def test_an_error_of_ours_leaves_no_container(engine, tmp_path):
    job = Job("replay", "/work/none", SamplingSpec(0.6, 0.95, 0, 0.0, 8, 0, ()), 1)
    runtime = runtime_of(engine, tmp_path, [()])

    def fails() -> None:
        with (
            WorkFolder(tmp_path / "work") as folder,
            Scheduler(folder, runtime, job, ranks=1, limits=Limits(30, 30)) as scheduler,
        ):
            scheduler.ranks.start()
            assert len(boxes.ours(engine)) == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    assert boxes.ours(engine) == []


@pytest.mark.parametrize("promised", ["0.31.0", "0.30.0"])
def test_the_engine_must_have_the_version_that_the_lock_promises(engine, tmp_path, promised):
    """The container is real; what its worker reports is written in its place."""
    work = tmp_path / "work"
    for name in protocol.FOLDERS:
        (work / name).mkdir(parents=True)
    runtime = runtime_of(engine, tmp_path, [()], version=promised)
    try:
        runtime.start(work, 0)
        replayed.wait_for(lambda: runtime.poll()[0] is not None, "its end: it has nothing to do")
        info = {"engine": "vllm", "version": "0.31.0+cpu"}
        status = {"beat": 1, "state": "ready", "info": info}
        protocol.write_atomically(work / "alive" / "0.json", status)
        if promised == "0.31.0":
            runtime.poll()
        else:
            with pytest.raises(ContainerError, match=r"holds vllm 0\.31\.0, and the lock promises"):
                runtime.poll()
    finally:
        runtime.stop(0)
    assert boxes.ours(engine) == []


def runtime_of(
    engine: Engine, place: Path, gpus: list[tuple[str, ...]], version: str | None = None
) -> DockerRuntime:
    entry = boxes.base_entry(engine)
    names = (entry["repository"], entry["tag"], entry["id"], entry["id"])
    return DockerRuntime(
        engine, Pinned("tiny", *names, version, False), run_id=f"test-{os.getpid()}",
        model=None, cache=place / "cache", environment={}, gpus=gpus, bounds=Bounds(shm=1 << 20),
    )  # fmt: skip


# -- how it may end -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_no_container(place, engine, tmp_path, undisturbed, number):
    host, run = begin(place, tmp_path / "runs")
    host.send_signal(number)
    code, printed = finish(host, 20)
    assert code == 130, printed
    assert boxes.ours(engine) == []
    resumes(place, run, undisturbed)


def test_a_killed_host_s_containers_are_removed_by_the_next_run(
    place, engine, tmp_path, undisturbed
):
    host, run = begin(place, tmp_path / "runs")
    host.kill()
    host.communicate()
    assert len(boxes.ours(engine)) == 2
    resumes(place, run, undisturbed)


def test_a_killed_host_s_containers_are_removed_by_doctor(place, engine, tmp_path):
    host, _ = begin(place, tmp_path / "first")
    host.kill()
    host.communicate()
    other, _ = begin_beside(place, tmp_path / "second")
    try:
        done = replayed.smallscale(place, "doctor", "--clean")
        assert "removed" in done.stdout + done.stderr
        assert len(boxes.ours(engine)) == 2  # those of the host that lives are left alone
    finally:
        other.send_signal(signal.SIGTERM)
        finish(other)


def begin_beside(place: Path, runs: Path) -> tuple[subprocess.Popen, Path]:
    boxes.write_profile(place, "slower", speed=20)
    host = replayed.start(place, *EVAL, "-p", "slower", "--runs", runs)
    replayed.wait_for(lambda: runs.is_dir() and list(runs.iterdir()), "a run folder")
    (run,) = runs.iterdir()
    replayed.wait_for(lambda: replayed.lines_out(run) >= 1, "completions")
    return host, run


def test_a_killed_container_is_started_again(place, engine, tmp_path, undisturbed):
    host, run = begin(place, tmp_path / "runs")
    boxes.docker("kill", container_of(engine))
    code, printed = finish(host)
    assert code == 0, printed
    assert replayed.answers(run) == undisturbed
    (warning,) = RunFolder(run).read_manifest()["warnings"]
    assert "was killed (code 137)" in warning


def test_a_container_that_hangs_is_given_up(place, engine, tmp_path, undisturbed):
    boxes.write_profile(place, "one", ranks=1)
    runs = tmp_path / "runs"
    host, run = begin(place, runs, "-p", "one")
    boxes.docker("pause", container_of(engine))
    code, printed = finish(host)
    assert code == 3, printed
    assert "within 8 s" in printed
    assert "stall_timeout_s" in printed
    resumes(place, run, undisturbed)


def test_a_container_ends_at_its_deadline_without_a_host(engine):
    described = spec.Spec(
        name=f"smallscale-test-deadline-{os.getpid()}", image=boxes.base_entry(engine)["id"],
        command=("sleep", "60"), mounts=(), user="10001:10001", memory=1 << 28, shm=1 << 20,
        deadline_s=1, labels={spec.RUN: "deadline"},
    )  # fmt: skip
    container = engine.create(described)
    try:
        began = time.monotonic()
        engine.start(container)
        ended = engine.follow(container, lambda chunk: None)
        assert ended.code == 124
        assert time.monotonic() - began < 15
    finally:
        engine.remove(container)


def test_a_container_whose_memory_is_too_small(place, engine, tmp_path, undisturbed):
    boxes.write_profile(place, "narrow", ranks=1, memory=0.008)
    text = (place / "configs" / "engines" / "narrow.yaml").read_text()
    (place / "configs" / "engines" / "narrow.yaml").write_text(text.replace("0.125", "0.004"))
    done = replayed.smallscale(place, *EVAL, "-p", "narrow", "--runs", tmp_path / "runs")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "ran out of memory" in done.stderr
    assert "memory_gib" in done.stderr
    assert "--resume" in done.stderr
    boxes.write_profile(place, "narrow", ranks=1)
    (run,) = (tmp_path / "runs").iterdir()
    resumes(place, run, undisturbed)


def test_memory_that_runs_out_in_the_middle(place, engine, tmp_path, undisturbed):
    """What lies in a container's /tmp is its memory: the kernel kills the worker for room."""
    boxes.write_profile(place, "tight", memory=0.1)
    host, run = begin(place, tmp_path / "runs", "-p", "tight")
    container = container_of(engine)
    fill = "head -c 200M /dev/zero > /tmp/full"
    subprocess.run(["docker", "exec", container, "sh", "-c", fill], check=False)
    replayed.wait_for(lambda: container_ended(engine, container), "its end")
    code, printed = finish(host)
    assert code == 0, printed
    assert replayed.answers(run) == undisturbed
    (warning,) = RunFolder(run).read_manifest()["warnings"]
    assert "ran out of memory" in warning


def container_ended(engine: Engine, container: str) -> bool:
    try:
        return not engine.inspect(container)["State"]["Running"]
    except ContainerError:  # removed: another one is in its place
        return True


def test_a_run_ends_at_its_containers_deadline(place, engine, tmp_path, undisturbed):
    boxes.write_profile(place, "brief", ranks=1, speed=20, deadline=0.001)
    done = replayed.smallscale(place, *EVAL, "-p", "brief", "--runs", tmp_path / "runs")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "reached its deadline" in done.stderr
    assert "deadline_h" in done.stderr
    assert boxes.ours(engine) == []
    boxes.write_profile(place, "brief", ranks=1)
    (run,) = (tmp_path / "runs").iterdir()
    assert 0 < replayed.lines_out(run) < SAMPLES
    resumes(place, run, undisturbed)


def test_a_full_disk(place, engine, tmp_path, undisturbed):
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(disk)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        boxes.absent("only root may mount a small disk")
    try:
        (disk / "ballast").write_bytes(bytes(60_000))
        done = replayed.smallscale(place, *EVAL, "-p", "boxed", "--runs", disk)
        assert done.returncode == 3, done.stdout + done.stderr
        assert "No space left" in done.stderr
        assert boxes.ours(engine) == []
        (disk / "ballast").unlink()
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        (run,) = disk.iterdir()
        resumes(place, run, undisturbed)
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


# -- what is not there ----------------------------------------------------------------------------


def test_no_engine(place, tmp_path):
    away = f"unix://{tmp_path}/none.sock"
    done = replayed.smallscale(place, *EVAL, "-p", "boxed", DOCKER_HOST=away)
    assert done.returncode == 3
    assert "no container engine answers" in done.stderr
    assert "--runtime local" in done.stderr


def test_gpus_that_are_not_there(place, engine, tmp_path):
    if engine.about().nvidia:
        pytest.skip("this machine has GPUs")
    done = replayed.smallscale(
        place, *EVAL, "-p", "boxed", "--gpus", "0,1", "--runs", tmp_path / "runs"
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
        (wrong, "with another content"),
        ({**entry, "id": None}, "is not pinned"),
    )
    for image, said in cases:
        boxes.write_lock(other, tiny=image)
        done = replayed.smallscale(other, *EVAL, "-p", "boxed", "--runs", tmp_path / "runs")
        assert done.returncode == 3, (said, done.stderr)
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()


def test_the_engine_stops_in_the_middle(place, tmp_path_factory, undisturbed):
    folder = Path(tmp_path_factory.mktemp("e", numbered=True))
    with boxes.second_engine(folder) as (address, process):
        environment = {"DOCKER_HOST": address}
        second = shutil.copytree(place, folder / "place")
        host, run = begin(second, folder / "runs", **environment)
        process.terminate()
        process.wait(30)
        code, printed = finish(host)
        assert code == 3, printed
        assert "stopped answering" in printed
        assert "--resume" in printed
        again = boxes.start_engine(folder)
        try:
            resumes(second, run, undisturbed, **environment)
            assert boxes.docker("-H", address, "ps", "-aq") == ""
        finally:
            again.terminate()
            again.wait(30)
