"""What the docker runtime decides without a container engine."""

import os
from pathlib import Path

import pytest

from smallscale_ci.containers import rights
from smallscale_ci.containers.docker import About, Ended
from smallscale_ci.containers.spec import Mount
from smallscale_ci.errors import ContainerError
from smallscale_ci.generate import docker
from smallscale_ci.worker import protocol


@pytest.mark.parametrize(
    ("ended", "said", "hint"),
    [
        (Ended(137, True, ""), "out of memory", "memory_gib"),
        (Ended(137, False, ""), "was killed (code 137)", "--resume"),
        (Ended(124, False, ""), "deadline", "deadline_h"),
        (Ended(137, False, "", seconds=59), "was killed (code 137)", "--resume"),
        (Ended(137, False, "", seconds=70), "deadline", "deadline_h"),  # it heard no SIGTERM
        (Ended(127, False, ""), "cannot be started", "python3"),
        (Ended(0, False, ""), "", ""),
        (Ended(1, False, ""), "", ""),  # the worker has said why
    ],
)
def test_why_a_container_ended(ended, said, hint):
    message, remedy = docker._reason(ended, 3, 60)
    assert said in message
    assert hint in remedy
    assert ("rank 3" in message) == bool(said)


@pytest.mark.parametrize(
    ("ended", "known", "said", "final"),
    [
        (Ended(137, False, "", seconds=70), {}, "deadline", True),  # or another would follow
        (Ended(137, False, ""), {}, "killed", False),
        (Ended(1, False, ""), {"message": "no model", "final": True}, "no model", True),
        # Memory ran out for the engine: its worker knows only that it is dead.
        (Ended(1, True, ""), {"message": "EngineDeadError"}, "out of memory", False),
        (Ended(1, True, ""), {"message": "no core", "final": True}, "out of memory", True),
    ],
)
def test_the_end_that_the_run_is_told(tmp_path: Path, ended, known, said, final):
    rank = docker._Rank(None, "c", tmp_path, 0, deadline_s=60)
    rank.status.parent.mkdir()
    status = {"beat": 4, "info": {}, "state": "ready", "error": known or None}
    protocol.write_atomically(rank.status, status)
    rank._tell(ended)
    error = protocol.read_json(rank.status)["error"]
    assert said in error["message"]
    assert bool(error.get("final")) == final


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's runs have another user")
def test_a_worker_that_only_root_may_read_is_told(tmp_path: Path, monkeypatch):
    """A package that root installed with a strict umask."""
    worker = tmp_path / "worker"
    worker.mkdir(0o700)
    monkeypatch.setattr(docker, "WORKER_FOLDER", worker)
    runtime = docker.DockerRuntime.__new__(docker.DockerRuntime)
    runtime._about, runtime._cache, runtime._model = about(), tmp_path / "cache", None
    (tmp_path / "work").mkdir()
    with pytest.raises(ContainerError, match="worker may not be read") as caught:
        runtime.describe(tmp_path / "work", 0)
    assert f"chmod -R a+rX {worker}" in caught.value.hint


def about(**changes: object) -> About:
    values = {
        "name": "docker", "version": "20", "api": "1.41", "memory": 1, "cpus": 1,
        "rootless": False, "nvidia": False, "socket": "", **changes,
    }  # fmt: skip
    return About(**values)


def test_containers_never_run_as_root(monkeypatch):
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert rights.user_of(about()) == ("10001:10001", "")
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(os, "getgid", lambda: 100)
    assert rights.user_of(about()) == ("1000:100", "")
    assert rights.user_of(about(remapped=True)) == ("1000:100", "host")
    # Without root the engine maps ids: these are the user who runs it.
    assert rights.user_of(about(rootless=True)) == ("0:0", "")
    assert rights.user_of(about(rootless=True, name="podman")) == ("1000:100", "keep-id")


def test_containers_have_the_groups_of_their_user(monkeypatch):
    """A team's checkpoints are often its group's alone."""
    monkeypatch.setattr(os, "getuid", lambda: 1000)
    monkeypatch.setattr(os, "getgid", lambda: 1000)
    monkeypatch.setattr(os, "getgroups", lambda: [1000, 2001, 0, 998])
    assert rights.groups_of(about()) == (998, 2001)
    assert rights.groups_of(about(rootless=True)) == ()  # its ids are others
    monkeypatch.setattr(os, "getuid", lambda: 0)
    assert rights.groups_of(about()) == ()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's runs have another user")
def test_weights_that_only_root_may_read_are_told(tmp_path: Path):
    tmp_path.chmod(0o755)
    weights = tmp_path / "model.safetensors"
    weights.touch(0o644)
    (tmp_path / "latest").symlink_to("checkpoint-500")  # which is not there
    (tmp_path / "__pycache__").mkdir(0o700)  # Python does without
    rights.refuse_unreadable([Mount(tmp_path, "/checkpoint")], "10001:10001")
    weights.chmod(0o600)
    with pytest.raises(ContainerError, match=r"model\.safetensors may not be read") as caught:
        rights.refuse_unreadable([Mount(tmp_path, "/checkpoint")], "10001:10001")
    assert f"chmod -R a+rX {tmp_path}" in caught.value.hint
