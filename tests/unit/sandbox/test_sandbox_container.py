"""The sandbox of containers, on an engine in memory: what it is confined to, and what is left."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers.clock import now

from smallscale_ci.containers import box, images, spec
from smallscale_ci.containers.box import Inside
from smallscale_ci.containers.images import Image, ImageLock
from smallscale_ci.containers.memory import MemoryEngine, engine
from smallscale_ci.sandbox import container
from smallscale_ci.sandbox.container import Container
from smallscale_ci.sandbox.interface import Limits, SandboxUnavailable

HOST = {"DOCKER_HOST": "memory:sandbox-tests", "HOME": "/home/me"}
BUILT = b"the image"


@pytest.fixture
def here() -> Iterator[MemoryEngine]:
    found = engine("sandbox-tests")
    found.program = box.nothing
    yield found
    for left in found.labelled():
        found.remove(left.id)
    found._images.clear()


def lock(place: Path, **image: str | None) -> Path:
    path = place / "images.lock.yaml"
    entry = Image(repository="r/sandbox", tag="1", dockerfile="sandbox.Dockerfile", **image)
    images.write(ImageLock(name="images", images={"sandbox": entry}), path)
    return path


@pytest.fixture
def sandbox(here: MemoryEngine, tmp_path: Path) -> Container:
    made = here.add("r/sandbox:1", BUILT)
    return container.find(lock(tmp_path, id=made.id), HOST, "n1", now)


def seen(inside: Inside) -> dict[str, Path]:
    return {Path(mount.target).name: mount.source for mount in inside.spec.mounts}


def test_a_program_gets_its_input_and_its_output_comes_back(here, sandbox) -> None:
    described: list[spec.Spec] = []

    def program(inside: Inside) -> int:
        files = seen(inside)
        described.append(inside.spec)
        files["output"].write_bytes(files["program.py"].read_bytes() + files["input"].read_bytes())
        files["error"].write_bytes(b"warned")
        return 3

    here.program = program
    done = sandbox.run("print('ü')", b"42", Limits(output_bytes=12))
    assert (done.output, done.error, done.status) == (b"print('\xc3\xbc')4", "warned", 3)
    (made,) = described
    assert {m.target: m.read_only for m in made.mounts} == {
        "/sandbox/jail.py": True, "/sandbox/program.py": True, "/sandbox/input": True,
        "/sandbox/output": False, "/sandbox/error": False,
    }  # fmt: skip
    assert made.user == "10001:10001"
    assert made.environment == {}
    assert here.labelled() == []
    assert not any(path.exists() for path in (m.source.parent for m in made.mounts[1:]))


def test_one_whose_time_is_up_has_no_status_and_is_gone(here, sandbox) -> None:
    here.program = lambda inside: 0 if inside.ended.wait(60) else 1
    done = sandbox.run("while True: pass", b"", Limits(seconds=0.05))
    assert done.status is None
    assert here.labelled() == []


def test_what_a_killed_worker_left_is_removed_and_nobody_else_s(here, sandbox, tmp_path) -> None:
    for token in ("sandbox-n1", "sandbox-n2"):
        left = Container(sandbox.image, sandbox.environment, token, now)
        here.create(left._describe(tmp_path, Limits()))
    sandbox.clean()
    assert [one.labels[spec.RUN] for one in here.labelled()] == ["sandbox-n2"]


@pytest.mark.parametrize(
    ("pin", "present", "said"),
    [
        ({}, True, "not built yet"),
        ({"id": "sha256:" + "0" * 64}, False, "its image is not here"),
    ],
)
def test_without_its_image_it_says_how_to_build_it(here, tmp_path, pin, present, said) -> None:
    if present:
        here.add("r/sandbox:1", BUILT)
    with pytest.raises(SandboxUnavailable, match=f"{said}.*smallscale image build sandbox"):
        container.find(lock(tmp_path, **pin), HOST, "n1", now)


def test_an_engine_that_has_lost_the_image_is_no_fault_of_the_program(here, sandbox) -> None:
    here._images.clear()
    with pytest.raises(SandboxUnavailable, match="There is no image"):
        sandbox.run("print(1)", b"", Limits())
