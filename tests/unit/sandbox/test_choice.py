"""Which sandbox is taken, and what is said where none works."""

import tempfile
from pathlib import Path

import pytest
from helpers.clock import now

from smallscale_ci.config.seams import SANDBOXES
from smallscale_ci.errors import JudgeError, UsageError
from smallscale_ci.sandbox.choice import SandboxChoice, choose

NO_ENGINE = {"DOCKER_HOST": "unix:///none/docker.sock"}


def test_an_unknown_name_is_told_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no sandbox 'bubblewrab' \(did you mean 'bubblewrap'"):
        choose("bubblewrab", tmp_path, {}, now)


def test_one_that_was_asked_for_is_never_replaced(tmp_path: Path) -> None:
    said = r"The sandbox 'container' cannot be used\. container: "
    with pytest.raises(JudgeError, match=said) as caught:
        choose("container", tmp_path / "images.lock.yaml", NO_ENGINE, now)
    assert "--sandbox auto" in caught.value.hint


def test_where_nothing_works_there_is_none_and_every_reason_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # neither bwrap nor unshare
    found = choose("auto", tmp_path / "images.lock.yaml", NO_ENGINE, now)
    assert found.sandbox is None
    assert [reason.partition(":")[0] for reason in found.reason.split("; ")] == [*SANDBOXES]
    assert found.record() == {"name": "none", "reason": found.reason}


def test_a_disk_without_room_is_a_reason_and_no_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every sandbox writes the program and its output to files first."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    found = choose("auto", tmp_path / "images.lock.yaml", NO_ENGINE, now)
    assert found.sandbox is None
    assert "cannot" in found.reason


def test_a_choice_of_one_that_works_names_it_for_the_manifest(tmp_path: Path) -> None:
    found = choose("auto", tmp_path / "images.lock.yaml", NO_ENGINE, now, nonce="a1b2")
    if found.sandbox is None:
        pytest.skip(f"no sandbox here: {found.reason}")
    assert found.record() == {"name": found.sandbox.name, "reason": found.reason}
    assert "container: " in found.reason
    asked = choose(found.sandbox.name, tmp_path, NO_ENGINE, now, nonce="a1b2")
    assert asked == SandboxChoice(found.sandbox, "asked for")
