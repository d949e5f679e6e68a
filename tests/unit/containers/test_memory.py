"""The engine in memory keeps the promises of the interface that others stand on."""

import io
import time

import pytest

from smallscale_ci.containers import box, leftovers, spec
from smallscale_ci.containers.box import Inside
from smallscale_ci.containers.connect import connect
from smallscale_ci.containers.memory import MemoryEngine
from smallscale_ci.containers.spec import Spec
from smallscale_ci.errors import ContainerError

IMAGE = "r/i:1"


def container(engine: MemoryEngine, name: str = "c", **labels: str) -> str:
    return engine.create(
        Spec(
            name=name,
            image=IMAGE,
            command=("python3",),
            mounts=(),
            user="1:1",
            memory=1,
            deadline_s=60,
            labels=labels,
        )
    )


def made(program: box.Program = box.nothing) -> MemoryEngine:
    engine = MemoryEngine(program=program)
    engine.add(IMAGE)
    return engine


def chatty(inside: Inside) -> int:
    inside.write(b"one\n")
    inside.write(b"two\n")
    return 3


def patient(inside: Inside) -> int:
    inside.write(b"up\n")
    inside.ended.wait(60)
    return 0


def test_the_environment_names_it_and_a_name_is_one_engine():
    first, same, other = (connect({"DOCKER_HOST": f"memory:{name}"}) for name in "aab")
    assert first is same
    assert first is not other
    assert first.about().socket == "memory:a"


def test_a_container_prints_and_ends():
    engine = made(chatty)
    printed: list[bytes] = []
    started = container(engine)
    engine.start(started)
    ended = engine.follow(started, printed.append)
    assert (ended.code, b"".join(printed)) == (3, b"one\ntwo\n")
    assert engine.wait(started, 0).code == 3
    again: list[bytes] = []
    assert engine.follow(started, again.append).code == 3  # its log stays
    assert again == printed


@pytest.mark.parametrize(("signal", "code"), [("SIGTERM", 143), ("SIGKILL", 137)])
def test_a_signal_ends_it(signal, code):
    engine = made(patient)
    started = container(engine)
    engine.start(started)
    assert engine.wait(started, 0.01) is None
    engine.signal(started, signal)
    ended = engine.wait(started, 5)
    assert ended.code == code
    engine.signal(started, "SIGKILL")  # ended already: left alone
    assert engine.wait(started, 0).code == code


def test_removing_kills_and_frees_the_name():
    engine = made(patient)
    started = container(engine, run="x")
    engine.start(started)
    with pytest.raises(ContainerError, match="name is in use"):
        container(engine)
    engine.remove(started)
    engine.remove(started)
    assert engine.labelled(run=None) == []
    container(engine)


def test_a_program_that_fails_is_an_ending():
    engine = made(lambda inside: 1 // 0)
    started = container(engine)
    engine.start(started)
    printed: list[bytes] = []
    assert engine.follow(started, printed.append).code == 1
    assert len(printed) == 1
    assert printed[0].startswith(b"ZeroDivisionError: ")


def test_labels_find_containers_and_leftovers_are_removed():
    engine = made()
    mine = {spec.RUN: "r", **leftovers.owner(time.time(), 60)}
    over = {spec.RUN: "s", **leftovers.owner(time.time() - 100, 60)}
    container(engine, "mine", **mine)
    container(engine, "over", **over)
    assert [found.name for found in leftovers.clean(engine, time.time())] == ["over"]
    assert [found.name for found in engine.labelled(**{spec.RUN: None})] == ["mine"]
    assert engine.labelled(**{spec.RUN: "other"}) == []
    leftovers.remove_run(engine, "r")
    assert engine.labelled() == []


def test_images_have_names_ids_and_digests():
    engine = MemoryEngine()
    steps: list[str] = []
    build = (io.BytesIO(b"tar"), "Dockerfile", "r/own:1", {"A": "1"})
    made_id = engine.build(*build, network=None, say=steps.append)
    assert steps
    assert engine.image("r/own:1") == engine.image(made_id)
    with pytest.raises(ContainerError, match="cannot be resolved"):
        engine.resolve("r/own:1")
    digest = engine.push("r/own", "1")
    assert engine.resolve("r/own:1") == digest
    elsewhere = MemoryEngine()
    with pytest.raises(ContainerError, match="cannot be pulled"):
        elsewhere.pull(f"r/own@{digest}", steps.append)
    elsewhere.registry = engine.registry
    elsewhere.pull(f"r/own@{digest}", steps.append)
    assert elsewhere.image("r/own:1") is None  # a pull by digest gives no name
    elsewhere.tag(f"r/own@{digest}", "r/own", "1")
    assert elsewhere.image("r/own:1").id == digest
    newer = engine.build(io.BytesIO(b"new"), "D", "r/own:1", {}, network=None, say=steps.append)
    assert engine.image("r/own:1").id == newer != made_id  # a name means one image


def test_nothing_runs_of_an_image_that_is_not_there():
    with pytest.raises(ContainerError, match="no image r/i:1"):
        container(MemoryEngine())
