"""Runs in containers of a real engine: how they are confined, and what decides where they run.

The image is a bare Python and the engine replays, so that a run takes seconds; everything else is
what users get. Runs of the real inference engine are in test_docker_image.py.
"""

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from helpers import boxes, replayed
from helpers.clock import clock
from helpers.scheduled import collect, keys, prompts

from smallscale_ci.containers import spec
from smallscale_ci.containers.images import Pinned
from smallscale_ci.containers.interface import Engine
from smallscale_ci.errors import ContainerError
from smallscale_ci.generate.docker import Bounds, DockerRuntime
from smallscale_ci.generate.interface import Job, assign_gpus
from smallscale_ci.generate.ranks import Limits, Ranks
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import SamplingSpec
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.worker import protocol


def test_a_run_in_containers_is_confined_and_gives_the_same(place, engine, tmp_path, undisturbed):
    host, run = boxes.begin(place, tmp_path / "runs")
    seen = engine.inspect(boxes.container_of(engine, 1))
    inside = boxes.inside(seen["Id"])
    code, printed = boxes.finish(host)
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
    assert {limit["Name"] for limit in config["Ulimits"]} >= {"stack", "core", "memlock"}
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
    assert manifest.runtime.name == "docker"
    assert manifest.runtime.image == boxes.base_entry(engine)["id"]


def test_a_run_of_a_user_whose_files_are_nobody_else_s(place, engine, tmp_path, undisturbed):
    """Where we are root, containers are another user: a strict umask must not shut them out."""
    before = os.umask(0o077)
    try:
        done = replayed.smallscale(place, *boxes.EVAL, "-p", "boxed", "--runs", tmp_path / "runs")
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert replayed.answers(run) == undisturbed
    assert run.stat().st_mode & 0o077 == 0


def test_auto_takes_docker_where_it_is_there_and_says_why_not(place, engine, tmp_path):
    from smallscale_ci.config.profile import EngineProfile
    from smallscale_ci.generate import runtimes

    said: list[str] = []
    lock = place / "docker" / "images.lock.yaml"
    profile = EngineProfile(name="p", engine="vllm", runtime="auto", image="tiny")
    here = runtimes.choose(profile, lock, dict(os.environ), said.append)
    assert (here.name, here.image.name) == ("docker", "tiny")
    gone = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    away = runtimes.choose(profile, lock, gone, said.append)
    assert away.name == "local"
    assert "No container engine answers" in away.reason
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
            Scheduler(folder, Ranks(runtime, 1, Limits(30, 30)), job) as scheduler,
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


@pytest.mark.parametrize("hears", [":", "trap '' TERM"])
def test_a_worker_that_hangs_ends_at_its_deadline(engine, tmp_path, monkeypatch, hears):
    """In an engine's own code nothing acts on SIGTERM: only SIGKILL ends it, and `timeout` too."""
    work = tmp_path / "work"
    for name in protocol.FOLDERS:
        (work / name).mkdir(parents=True)
    hangs = ("sh", "-c", f"{hears}; while :; do sleep 0.2; done")
    monkeypatch.setattr(spec, "worker_command", lambda rank, work: hangs)
    runtime = runtime_of(engine, tmp_path, [()], deadline_s=1)
    try:
        runtime.start(work, 0)
        replayed.wait_for(lambda: runtime.poll()[0] is not None, "its end")
    finally:
        runtime.stop(0)
    error = protocol.read_json(work / "alive" / "0.json")["error"]
    assert "reached its deadline" in error["message"]
    assert error["final"]  # a deadline that another container follows is none


def test_containers_go_on_with_the_next_run_and_come_back_into_it(engine, tmp_path):
    """Mounts, users and rights of a real engine: where we are root, containers are another user."""
    works = [tmp_path / name / "work" for name in ("first", "second")]
    rows = [
        {"problem_id": f"p{n}", "sample_index": epoch, "text": f"{n}/{epoch}", "token_ids": [1] * 9,
         "prompt_tokens": 1, "finish_reason": "STOP"}
        for n in range(60)
        for epoch in range(2)
    ]  # fmt: skip
    with WorkFolder(works[0]) as first, WorkFolder(works[1]) as second:
        stored = works[0] / "stored.jsonl"
        stored.write_text("".join(json.dumps(row) + "\n" for row in rows))
        spec_of = SamplingSpec(0.6, 0.95, 0, 0.0, 8, 0, ())
        speed = {"tokens_per_second": 40}
        job = Job("replay", "/work/stored.jsonl", spec_of, 4, engine_args=speed)
        runtime = runtime_of(engine, tmp_path, [(), ()], works=works)
        ranks = Ranks(runtime, 2, Limits(120, 120), folders=(first, second))
        with Scheduler(first, ranks, job) as scheduler:
            found = collect(scheduler, prompts(20))
            before = boxes.ours(engine)
        assert keys(found) == Counter((f"p{n}", 0) for n in range(20))
        assert boxes.ours(engine) == before
        killed: list[str] = []

        def at(count: int) -> None:
            if count > 10 and not killed:
                killed.append(boxes.container_of(engine, 0))
                boxes.docker("kill", killed[0])

        with Scheduler(second, ranks, job) as scheduler:
            found = collect(scheduler, prompts(60, epoch=1), at)
        assert keys(found) == Counter((f"p{n}", 1) for n in range(60))
        assert {g.rank for g in found} == {0, 1}
        assert ranks.loaded_in == works[0]
        assert len(ranks.warnings) == len(killed) == 1
    assert boxes.ours(engine) == []


def runtime_of(
    engine: Engine,
    place: Path,
    gpus: list[tuple[str, ...]],
    version: str | None = None,
    deadline_s: int = 60,
    works: Sequence[Path] = (),
) -> DockerRuntime:
    entry = boxes.base_entry(engine)
    names = (entry["repository"], entry["tag"], entry["id"], entry["id"])
    return DockerRuntime(
        engine, Pinned("tiny", *names, version, False), run_id=f"test-{os.getpid()}",
        model=None, cache=place / "cache", environment={}, gpus=gpus,
        clock=clock,
        bounds=Bounds(shm=1 << 20, deadline_s=deadline_s), works=works,
    )  # fmt: skip
