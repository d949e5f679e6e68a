import math
from pathlib import Path

import pytest
from helpers.clock import clock

from smallscale_ci.config.profile import ContainerConfig, EngineProfile
from smallscale_ci.containers import images, memory
from smallscale_ci.containers.images import Image, ImageLock, Pinned
from smallscale_ci.errors import ContainerError, UsageError
from smallscale_ci.generate import runtimes
from smallscale_ci.generate.interface import Placement
from smallscale_ci.generate.runtimes import Choice
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.worker import protocol

LOCK = Path("none.yaml")


def choose(tmp_path: Path, **profile: object) -> tuple[Choice, list[str]]:
    """The choice on a machine whose container engine does not answer, and what was said."""
    said: list[str] = []
    away = {"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}
    values = {"name": "p", "engine": "vllm", **profile}
    return runtimes.choose(EngineProfile(**values), LOCK, away, said.append), said


def test_local_asks_no_container_engine(tmp_path):
    assert choose(tmp_path, runtime="local") == (Choice(), [])
    for engine in ("replay", "openai"):
        choice, said = choose(tmp_path, engine=engine)
        assert (choice.name, said) == ("local", [])


def test_auto_says_why_it_is_local(tmp_path):
    choice, said = choose(tmp_path, image="vllm")
    assert choice.name == "local"
    assert "No container engine answers" in choice.reason
    assert said == [f"runtime: local ({choice.reason})"]
    choice, _ = choose(tmp_path)
    assert choice.reason == "The profile 'p' names no image"


def test_docker_that_cannot_be_is_an_error(tmp_path):
    with pytest.raises(ContainerError, match="No container engine answers"):
        choose(tmp_path, runtime="docker", image="vllm")
    with pytest.raises(UsageError, match="names no image"):
        choose(tmp_path, runtime="docker")
    with pytest.raises(UsageError, match="have no network"):
        choose(tmp_path, runtime="docker", engine="openai", image="vllm")


@pytest.mark.parametrize("deadline_h", [0.0, -1.0, math.inf, math.nan])
def test_a_container_without_a_deadline_cannot_be_asked_for(deadline_h):
    with pytest.raises(ValueError, match="deadline_h"):
        ContainerConfig(deadline_h=deadline_h)


IMAGE = "image"
DIGEST = f"sha256:{'a' * 64}"


def lock_of(tmp_path: Path, **image: object) -> Path:
    path = tmp_path / "images.lock.yaml"
    one = Image(repository="r/i", tag="1", **image)
    images.write(ImageLock(name="images", images={IMAGE: one}), path)
    return path


def test_docker_takes_the_image_that_is_here_or_pulls_it_by_its_digest(tmp_path):
    here = {"DOCKER_HOST": f"memory:{tmp_path}"}
    engine, profile = (
        memory.engine(str(tmp_path)),
        EngineProfile(name="p", engine="vllm", image=IMAGE),
    )
    lock, said = lock_of(tmp_path, digest=DIGEST), []
    choice = runtimes.choose(profile, lock, here, said.append)
    assert (choice.name, "cannot be pulled" in choice.reason) == ("local", True)
    engine.registry["r/i:1"] = DIGEST
    choice = runtimes.choose(profile, lock, here, said.append)
    assert (choice.name, choice.digest) == ("docker", DIGEST)
    assert f"pulling r/i@{DIGEST}" in said
    asked = profile.model_copy(update={"runtime": "docker"})
    assert runtimes.choose(asked, lock, here, said.append).image == choice.image


def test_a_tag_with_another_content_is_for_a_person_to_decide(tmp_path):
    here = {"DOCKER_HOST": f"memory:{tmp_path}"}
    memory.engine(str(tmp_path)).add("r/i:1", b"another")
    profile = EngineProfile(name="p", engine="vllm", image=IMAGE, runtime="docker")
    with pytest.raises(ContainerError, match="content") as caught:
        runtimes.choose(profile, lock_of(tmp_path, digest=DIGEST), here, print)
    assert "smallscale image lock image" in caught.value.hint


def test_an_image_of_ours_that_was_not_built(tmp_path):
    profile = EngineProfile(name="p", engine="vllm", image=IMAGE, runtime="docker")
    lock = lock_of(tmp_path, id=DIGEST, dockerfile="own.Dockerfile")
    with pytest.raises(ContainerError) as caught:
        runtimes.choose(profile, lock, {"DOCKER_HOST": f"memory:{tmp_path}"}, print)
    assert "smallscale image build image" in caught.value.hint


def test_the_shortest_deadline_is_a_second_for_none_would_be_no_deadline(tmp_path):
    profile = EngineProfile(name="p", engine="vllm", container=ContainerConfig(deadline_h=0.0001))
    image = Pinned("it", "r", "1", "sha256:a", "r@sha256:a", None, False)
    here = {"DOCKER_HOST": f"memory:{tmp_path}"}
    works = (tmp_path / "work",)
    runtime = runtimes.build(
        Choice("docker", image=image),
        Placement("r", profile, None, None, works, tmp_path, (), here, clock, image),
    )
    work = WorkFolder(tmp_path / "work")
    for name in protocol.FOLDERS:
        (work.path / name).mkdir(parents=True)
    assert runtime.describe(work.path, 0).deadline_s == 1


def test_what_workers_see(tmp_path):
    work, model = tmp_path / "run" / "work", tmp_path / "model"
    assert Choice().seen(model, work) == str(model)
    boxed = Choice("docker")
    assert boxed.seen(model, work) == "/checkpoint"
    assert boxed.seen(work / "replay.jsonl", work) == "/work/replay.jsonl"
