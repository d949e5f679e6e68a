"""Whose rights containers have, and what they may read and write."""

import os
from pathlib import Path

import pytest

from smallscale_ci.containers import rights
from smallscale_ci.containers.interface import About
from smallscale_ci.containers.spec import Mount
from smallscale_ci.errors import ContainerError

root_alone = pytest.mark.skipif(os.geteuid() != 0, reason="only root's runs have another user")
USER = "10001:10001"


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


@root_alone
def test_weights_that_only_root_may_read_are_told(tmp_path: Path):
    tmp_path.chmod(0o755)
    weights = tmp_path / "model.safetensors"
    weights.touch(0o644)
    (tmp_path / "latest").symlink_to("checkpoint-500")  # which is not there
    (tmp_path / "__pycache__").mkdir(0o700)  # Python does without
    rights.refuse_unreadable([Mount(tmp_path, "/checkpoint")], "10001:10001")
    weights.chmod(0o600)
    with pytest.raises(ContainerError, match=r"model\.safetensors cannot be read") as caught:
        rights.refuse_unreadable([Mount(tmp_path, "/checkpoint")], "10001:10001")
    assert f"chmod -R a+rX {tmp_path}" in caught.value.hint


@root_alone
def test_a_folder_that_others_may_not_enter_is_told_like_a_file(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "sub").mkdir(0o744)  # may be listed, and nothing in it be opened
    with pytest.raises(ContainerError, match="sub cannot be read"):
        rights.refuse_unreadable([Mount(tmp_path, "/checkpoint")], USER)
    os.chown(tmp_path / "sub", 10001, 10001)
    rights.refuse_unreadable([Mount(tmp_path, "/checkpoint")], USER)
    (tmp_path / "sub").chmod(0o700)
    rights.refuse_unreadable([Mount(tmp_path, "/checkpoint")], "0:0")  # a rootless engine's user


@root_alone
def test_what_is_given_is_written_by_the_containers_and_no_link_is_followed(tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "precious"
    (work / "out").mkdir(parents=True)
    outside.touch()
    (work / "out" / "link").symlink_to(outside)
    rights.give([work], USER)
    assert {path.lstat().st_uid for path in (work, *work.rglob("*"))} == {10001}
    assert outside.stat().st_uid == 0
    rights.give([tmp_path], "0:0")
    assert work.stat().st_uid == 10001  # nothing to give where they are root themselves


@root_alone
def test_what_is_shown_can_be_read_and_no_more(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    deep = tmp_path / "sub" / "deep"
    deep.parent.mkdir(0o700)
    for file in (tmp_path / "job.json", deep):
        file.touch(0o600)
    rights.show(tmp_path)
    modes = [oct(path.stat().st_mode & 0o777) for path in (tmp_path, tmp_path / "job.json")]
    assert modes == ["0o701", "0o604"]
    assert [path.stat().st_mode & 0o077 for path in (deep.parent, deep)] == [0, 0]
