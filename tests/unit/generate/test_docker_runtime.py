"""What the docker runtime decides without a container engine."""

import os
import time
from pathlib import Path

import pytest
from helpers.clock import clock

from smallscale_ci.containers import leftovers, spec
from smallscale_ci.containers.box import Inside
from smallscale_ci.containers.images import Pinned
from smallscale_ci.containers.memory import MemoryEngine
from smallscale_ci.errors import ContainerError
from smallscale_ci.generate import docker
from smallscale_ci.generate.ranks import Limits, Ranks
from smallscale_ci.generate.workfolder import WorkFolder, make
from smallscale_ci.worker import protocol


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's runs have another user")
def test_a_worker_that_only_root_may_read_is_told(tmp_path: Path, monkeypatch):
    """A package that root installed with a strict umask."""
    worker = tmp_path / "worker"
    worker.mkdir(0o700)
    monkeypatch.setattr(docker, "WORKER_FOLDER", worker)
    runtime, work = made(MemoryEngine(), tmp_path)
    with pytest.raises(ContainerError, match="worker cannot be read") as caught:
        runtime.describe(work, 0)
    assert f"chmod -R a+rX {worker}" in caught.value.hint


def made(engine: MemoryEngine, place: Path, version: str | None = None):
    """The runtime of a run in ``place`` and its work folder."""
    engine.add("r/i:1")
    image = Pinned("it", "r/i", "1", "sha256:a", "r/i:1", version, False)
    work = place / "work"
    for name in protocol.FOLDERS:
        (work / name).mkdir(parents=True)
    runtime = docker.DockerRuntime(
        engine,
        image,
        run_id="run-1",
        model=None,
        cache=place / "cache",
        environment={},
        gpus=(),
        bounds=docker.Bounds(),
        clock=clock,
    )
    return runtime, work


def working(inside: Inside) -> int:
    """A worker that says what its engine is, works until it is told to end, and says so."""
    (mount,) = (mount for mount in inside.spec.mounts if mount.target == spec.WORK)
    rank = inside.spec.labels[spec.RANK]
    status = {"beat": 1, "state": "ready", "info": {"engine": "vllm", "version": "0.31.0+cpu"}}
    protocol.write_atomically(Path(mount.source) / "alive" / f"{rank}.json", status)
    inside.write(b"ready\n")
    inside.ended.wait(60)
    return 0


def eventually(condition) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_ranks_are_containers_that_are_started_killed_and_removed(tmp_path):
    engine = MemoryEngine(program=working)
    runtime, work = made(engine, tmp_path, "0.31.0")
    runtime.start(work, 0)
    runtime.start(work, 1)
    logs = [work / "log" / f"{rank}.log" for rank in (0, 1)]
    eventually(lambda: all(log.exists() and log.read_text() == "ready\n" for log in logs))
    assert runtime.poll() == {0: None, 1: None}
    runtime.kill(0)
    assert runtime.poll() == {1: None}
    assert [found.labels[spec.RANK] for found in engine.labelled(**{spec.RUN: "run-1"})] == ["1"]
    runtime.stop(grace_s=5)
    assert engine.labelled(**{spec.RUN: None}) == []


def test_an_image_with_another_engine_than_it_promises_is_refused(tmp_path):
    runtime, work = made(MemoryEngine(program=working), tmp_path, "0.30.0")
    runtime.start(work, 0)
    eventually((work / "alive" / "0.json").exists)
    with pytest.raises(
        ContainerError, match=r"holds vllm 0\.31\.0, and the lock promises 0\.30\.0"
    ):
        runtime.poll()
    runtime.stop(grace_s=5)


def test_a_container_that_ends_has_its_exit_code(tmp_path):
    runtime, work = made(MemoryEngine(program=lambda inside: 127), tmp_path)
    runtime.start(work, 0)
    eventually(lambda: runtime.poll() == {0: 127})
    assert "cannot be started" in protocol.read_json(work / "alive" / "0.json")["error"]["message"]


def test_what_a_killed_host_left_of_this_run_is_removed_at_once(tmp_path):
    engine = MemoryEngine(program=working)
    before, work = made(engine, tmp_path / "before")
    before.start(work, 0)
    made(engine, tmp_path / "after")
    assert engine.labelled(**{spec.RUN: "run-1"}) == []


def going_on(inside: Inside) -> int:
    """A worker that goes from folder to folder as it is told, by the paths that it sees."""
    seen = {mount.target: Path(mount.source) for mount in inside.spec.mounts}
    here, rank = seen[inside.spec.command[3]], inside.spec.labels[spec.RANK]
    status = {"beat": 1, "state": "ready", "info": {"engine": "vllm", "version": "0.31.0"}}
    while not inside.ended.wait(0.005):
        protocol.write_atomically(here / "alive" / f"{rank}.json", status)
        if following := protocol.read_json(here / protocol.NEXT):
            gone = {**status, "state": protocol.DONE}
            protocol.write_atomically(here / "alive" / f"{rank}.json", gone)
            here = seen[following]
    return 0


def test_containers_see_the_folders_of_all_runs_and_go_from_one_to_the_next(tmp_path):
    engine, folders = MemoryEngine(program=going_on), []
    for name in ("one", "two", "three"):
        folders.append(WorkFolder(tmp_path / name / "work"))
        make(folders[-1].path)
    made(engine, tmp_path)
    runtime = docker.DockerRuntime(
        engine, Pinned("it", "r/i", "1", "sha256:a", "r/i:1", "0.31.0", False),
        run_id="one,two,three", model=None, cache=tmp_path / "cache", environment={}, gpus=(),
        bounds=docker.Bounds(), clock=clock, works=[folder.path for folder in folders],
    )  # fmt: skip
    ranks = Ranks(runtime, 2, Limits(30, 30), folders=folders)
    for number, folder in enumerate(folders):
        ranks.enter(folder)
        ranks.start()
        alive = [folder.path / "alive" / f"{rank}.json" for rank in range(2)]
        eventually(lambda alive=alive: all(file.exists() for file in alive))
        ranks.read_statuses()
        assert ranks.ready
        assert list(ranks.dead()) == []
        boxes = engine.labelled(**{spec.RUN: None})
        assert len(boxes) == 2
        assert {box.labels[spec.RUN] for box in boxes} == {"one,two,three"}
        if number == 1:  # one that is started here begins here
            runtime.kill(0)
            folder.forget(0)
            runtime.start(folder.path, 0)
            described = runtime.describe(folder.path, 0)
            assert described.command[3] == "/work-2"
            eventually((folder.path / "alive" / "0.json").exists)
        ranks.leave()
    assert engine.labelled(**{spec.RUN: None}) == []
    targets = [
        (str(mount.source), mount.target) for mount in described.mounts if not mount.read_only
    ]
    assert targets[:3] == [
        (str(folder.path), target)
        for folder, target in zip(folders, ("/work", "/work-2", "/work-3"), strict=True)
    ]


@pytest.mark.parametrize("run_id", ["one", "two", "two,four"])
def test_what_a_killed_host_of_several_runs_left_is_removed_by_any_of_them(tmp_path, run_id):
    engine = MemoryEngine(program=working)
    before, work = made(engine, tmp_path)
    before._run_id = "one,two"
    before.start(work, 0)
    leftovers.remove_run(engine, "three")
    assert len(engine.labelled(**{spec.RUN: None})) == 1
    leftovers.remove_run(engine, run_id)
    assert engine.labelled(**{spec.RUN: None}) == []
