"""The engine behind a socket: what it answers, also strangely, and how it goes away."""

import re

import pytest
from helpers.engine_socket import answering

from smallscale_ci.containers import client
from smallscale_ci.containers.connect import connect
from smallscale_ci.containers.docker import DockerEngine
from smallscale_ci.errors import ContainerError

ANSWERS = {"/version": (200, {"ApiVersion": "1.41"}), "/_ping": (200, "OK")}


def test_podman_s_socket_is_known_for_what_it_is(tmp_path):
    version = {"ApiVersion": "1.41", "Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}
    info = {"MemTotal": 8 << 30, "NCPU": 4, "SecurityOptions": ["name=seccomp", "name=rootless"]}
    answers = {"/version": (200, version), "/_ping": (200, "OK"), "/info": (200, info)}
    with answering(str(tmp_path / "s"), answers) as environment:
        engine = connect(environment)
        assert isinstance(engine, DockerEngine)
        about = engine.about()
    assert (about.name, about.version, about.rootless) == ("podman", "4.3.1", True)
    assert about.memory == 8 << 30


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [
        (
            'could not select device driver "nvidia" with capabilities: [[gpu]]',
            "NVIDIA Container Toolkit",
        ),
        (
            'invalid mount config for type "bind": bind source path does not exist: /runs/work',
            "same paths",
        ),
    ],
)
def test_what_the_engine_says_is_passed_on_with_a_remedy(tmp_path, refusal, hint):
    version = {"ApiVersion": "1.41", "Version": "20"}
    answers = {
        "/version": (200, version),
        "/_ping": (200, "OK"),
        "/containers/abc/start": (500, {"message": refusal}),
    }
    with (
        answering(str(tmp_path / "s"), answers) as environment,
        pytest.raises(ContainerError, match=re.escape(refusal)) as caught,
    ):
        connect(environment).start("abc")
    assert hint in caught.value.hint


def test_a_registry_that_has_had_enough_of_strangers(tmp_path):
    """Asked by the engine, where it is not reached from here."""
    limit = "toomanyrequests: You have reached your pull rate limit."
    answers = {
        "/version": (200, {"ApiVersion": "1.41"}),
        "/_ping": (200, "OK"),
        "/info": (200, {}),
        "/distribution/127.0.0.1:1/vllm/json": (500, {"message": limit}),
    }
    with (
        answering(str(tmp_path / "s"), answers) as environment,
        pytest.raises(ContainerError, match="pull rate limit") as caught,
    ):
        connect(environment).resolve("127.0.0.1:1/vllm")
    assert "docker login" in caught.value.hint


def test_a_registry_that_is_silent_for_long_while_it_takes_in_a_large_layer(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "_TIMEOUT_S", 0.3)
    pushed = {"aux": {"Digest": "sha256:" + "a" * 64}}
    answers = {
        "/version": (200, {"ApiVersion": "1.41"}),
        "/_ping": (200, "OK"),
        "/push": (200, pushed),
    }
    with answering(str(tmp_path / "s"), answers, slow="/push") as environment:
        assert connect(environment).push("127.0.0.1:1/i", "1") == pushed["aux"]["Digest"]


def test_a_container_that_prints_nothing_for_long(tmp_path, monkeypatch):
    """Podman does not even send a header before the container prints something."""
    monkeypatch.setattr(client, "_TIMEOUT_S", 0.3)
    state = {
        "ExitCode": 0,
        "StartedAt": "2026-01-31T00:00:00Z",
        "FinishedAt": "2026-01-31T00:01:30Z",
    }
    answers = {
        "/version": (200, {"ApiVersion": "1.41"}),
        "/_ping": (200, "OK"),
        "/logs": (200, ""),
        "/abc/json": (200, {"Config": {"Tty": True}, "State": state}),
        "/wait": (200, {"StatusCode": 0}),
    }
    with answering(str(tmp_path / "s"), answers, slow="/logs") as environment:
        ended = connect(environment).follow("abc", lambda chunk: None)
    assert (ended.code, ended.seconds) == (0, 90.0)


def test_an_engine_that_goes_away(tmp_path):
    answers = {"/version": (200, {"ApiVersion": "1.41"}), "/_ping": (200, "OK")}
    with answering(str(tmp_path / "s"), answers) as environment:
        engine = connect(environment)
    (tmp_path / "s").unlink()
    with pytest.raises(ContainerError, match="stopped answering") as caught:
        engine.about()
    assert "--resume" in caught.value.hint


@pytest.mark.parametrize(
    ("began", "ended", "seconds"),
    [
        # docker's nine digits, podman's own time zone, and a container that was never started
        ("2026-01-31T00:00:00.123456789Z", "2026-01-31T00:00:02.123456789Z", 2.0),
        ("2026-01-31T01:00:00.5+01:00", "2026-01-31T00:00:03.5+00:00", 3.0),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z", 0.0),
    ],
)
def test_times_are_read_as_each_engine_writes_them(tmp_path, began, ended, seconds):
    state = {"ExitCode": 137, "OOMKilled": True, "StartedAt": began, "FinishedAt": ended}
    answers = {**ANSWERS, "/abc/json": (200, {"State": state}), "/wait": (200, {"StatusCode": 137})}
    with answering(str(tmp_path / "s"), answers) as environment:
        found = connect(environment).wait("abc", 5)
    assert (found.code, found.out_of_memory, found.error, found.seconds) == (137, True, "", seconds)


def test_what_an_engine_leaves_out_is_nothing_and_no_error(tmp_path):
    """Podman has null where docker has an empty list."""
    answers = {
        **ANSWERS,
        "/images/i/json": (200, {"Id": "sha256:1", "RepoDigests": None, "Config": None}),
        "/containers/json": (200, [{"Id": "1", "Names": None, "Labels": None, "State": "exited"}]),
    }
    with answering(str(tmp_path / "s"), answers) as environment:
        engine = connect(environment)
        image = engine.image("i")
        assert (image.id, image.digests, image.tags, image.size) == ("sha256:1", (), (), 0)
        (box,) = engine.labelled()
        assert (box.name, box.labels, box.running) == ("?", {}, False)
        assert engine.image("none") is None


@pytest.mark.parametrize("code", [404, 409])
def test_a_container_that_is_gone_or_going_is_removed(tmp_path, code):
    refused = {"message": "removal of container abc is already in progress"}
    with answering(str(tmp_path / "s"), {**ANSWERS, "/abc": (code, refused)}) as environment:
        engine = connect(environment)
        engine.remove("abc")
        engine.signal("abc", "SIGTERM")
