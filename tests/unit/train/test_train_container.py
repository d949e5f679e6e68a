"""The steps of a training in containers: what they are confined to, and how their ends are told."""

import time
from pathlib import Path

import pytest
from helpers.clock import now

from smallscale_ci.config.train import TrainContainer
from smallscale_ci.containers import box, spec
from smallscale_ci.containers.box import Inside
from smallscale_ci.containers.images import Pinned
from smallscale_ci.containers.memory import MemoryEngine
from smallscale_ci.errors import ContainerError
from smallscale_ci.train.container import DockerRunner, DockerStarted
from smallscale_ci.train.failure import failure
from smallscale_ci.train.launch import torchrun

IMAGE = Pinned("train", "smallscale/train", "1", "sha256:1", "smallscale/train:1", None, True)


class World:
    """A model, pairs and a folder to train in, and an engine whose containers run ``program``."""

    def __init__(self, place: Path, program: box.Program = box.nothing) -> None:
        self.model, self.pairs, self.out = (place / name for name in ("model", "pairs", "out"))
        for folder in (self.model, self.pairs, self.out):
            folder.mkdir()
        (self.model / "config.json").write_text("{}")
        self.now = 0.0
        self.engine = MemoryEngine(program=program, clock=lambda: self.now)
        self.engine.add("smallscale/train:1")

    def runner(self, **bounds: float) -> DockerRunner:
        limits = TrainContainer(**{"memory_gib": 64.0, **bounds})
        return DockerRunner(
            self.engine, IMAGE, limits, run_id="r1", ranks=2, gpus=("0", "1"), now=now
        )

    def start(self, **bounds: float) -> DockerStarted:
        runner = self.runner(**bounds)
        runner.place(self.model, self.pairs, self.out)
        return runner.start(("python3",), self.out, self.out / "log")


def ended(started: DockerStarted) -> int:
    until = time.monotonic() + 60
    while (code := started.poll()) is None:
        assert time.monotonic() < until
        time.sleep(0.002)
    return code


def waits(inside: Inside) -> int:
    return 0 if inside.ended.wait(60) else 1


def test_a_training_container_is_confined_like_any_other(tmp_path: Path) -> None:
    world = World(tmp_path)
    made = world.runner()
    place = made.place(world.model, world.pairs, world.out)
    assert (place.model, place.pairs, place.out) == ("/checkpoint", "/pairs", "/work")
    assert place.gpu
    command = torchrun(made, place, "lcpo", keep=1, word="w")
    assert "--parent" not in command
    body = spec.api(made.describe(command, world.out))
    mounts = {item["Target"]: item["ReadOnly"] for item in body["HostConfig"]["Mounts"]}
    assert mounts == {
        "/opt/smallscale/worker": True,
        "/checkpoint": True,
        "/pairs": True,
        "/work": False,
        "/cache": False,
    }
    assert body["HostConfig"]["NetworkMode"] == "none"
    assert body["HostConfig"]["CapDrop"] == ["ALL"]
    assert body["HostConfig"]["Memory"] == 64 << 30
    assert body["HostConfig"]["DeviceRequests"][0]["DeviceIDs"] == ["0", "1"]
    assert body["Entrypoint"][3:6] == ["python3", "-m", "torch.distributed.run"]
    # Names are not looked up where there is no network.
    assert "--rdzv-endpoint=127.0.0.1:0" in body["Entrypoint"]
    assert "ci.smallscale.run" in body["Labels"]


def test_what_it_prints_is_kept_and_its_code_is_the_programs(tmp_path: Path) -> None:
    def program(inside: Inside) -> int:
        inside.write(b"step 1\nstep")
        inside.write(b" 2\n")
        return 7

    world = World(tmp_path, program)
    started = world.start()
    assert ended(started) == 7
    assert started.printed.text() == "step 1\nstep 2"
    assert (world.out / "log").read_bytes() == b"step 1\nstep 2\n"
    started.stop(0)
    assert world.engine.labelled(**{spec.RUN: "r1"}) == []


@pytest.mark.parametrize(("code", "seconds"), [(124, 3.0), (137, 3600.0)])
def test_a_container_at_its_deadline_says_which_limit_it_was(
    tmp_path: Path, code: int, seconds: float
) -> None:
    """`timeout` ends with 124, and with 137 where the training hears no signal."""

    def program(inside: Inside) -> int:
        world.now = seconds
        return code

    world = World(tmp_path, program)
    started = world.start(deadline_h=1.0)
    assert ended(started) == code
    found = failure(started.printed, code, world.out)
    assert "reached its deadline" in found.message
    assert "container.deadline_h" in found.hint


def test_one_that_is_killed_before_is_not_late(tmp_path: Path) -> None:
    started = World(tmp_path, lambda _: 137).start()
    found = failure(started.printed, ended(started), tmp_path)
    assert "Training was killed (signal 9" in found.message


def test_stop_ends_it_and_removes_it(tmp_path: Path) -> None:
    world = World(tmp_path, waits)
    started = world.start()
    assert started.poll() is None
    started.stop(60)
    assert ended(started) == 143
    assert world.engine.labelled(**{spec.RUN: "r1"}) == []


def test_an_earlier_container_of_the_run_is_removed_before_another_starts(tmp_path: Path) -> None:
    """Two trainings that write one folder would break each other's checkpoints."""
    world = World(tmp_path, waits)
    before = world.start()
    after = world.start()
    assert ended(before) == 137
    assert len(world.engine.labelled(**{spec.RUN: "r1"})) == 1
    after.stop(60)


def test_an_image_that_is_gone_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.engine._images.clear()
    with pytest.raises(ContainerError) as caught:
        world.start()
    assert caught.value.hint
