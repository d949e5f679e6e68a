"""Files are written whole or not at all, read as typed records, and locked by one process."""

import errno
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from helpers.repositories import git as run_git

from smallscale_ci import files
from smallscale_ci.errors import DataError, InvalidError, StorageError, UsageError
from smallscale_ci.ids import file_hash


@dataclass(frozen=True, slots=True)
class Part(files.Record):
    count: int = 0


@dataclass(frozen=True, slots=True)
class Whole(files.Record):
    name: str
    parts: Mapping[str, Part] = field(default_factory=dict)
    sizes: tuple[float, ...] = ()


def broken_off(path):
    with files.whole(path) as stream:
        stream.write(b"half")
        raise RuntimeError


def test_a_file_is_replaced_only_when_it_is_complete(tmp_path):
    path = tmp_path / "a.txt"
    assert files.write_text(path, "before") == file_hash(path)
    with pytest.raises(RuntimeError):
        broken_off(path)
    assert path.read_text() == "before"
    with files.whole(path) as stream:
        stream.write(b"aft")
        stream.write(b"er")
    assert path.read_text() == "after"
    assert stream.sha256 == file_hash(path)
    assert [each.name for each in tmp_path.iterdir()] == ["a.txt"]


def test_a_record_is_read_as_it_was_written(tmp_path):
    made = Whole("n", {"a": Part(3)}, (0.5,))
    files.write_json(tmp_path / "r.json", made)
    value = files.read_json(tmp_path / "r.json")
    assert value == {"name": "n", "parts": {"a": {"count": 3}}, "sizes": [0.5]}
    assert files.from_json(Whole, value, "it", "hint") == made
    assert files.from_json(Whole, {**value, "later": 1}, "it", "hint") == made


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "it lacks name"),
        ({"name": 3}, "name must"),
        ({"name": "n", "parts": {"a": {"count": "x"}}}, r"parts\.a\.count must"),
        ({"name": "n", "sizes": [None]}, r"sizes\.0 must"),
    ],
)
def test_damage_is_told_by_its_field(value, said):
    with pytest.raises(DataError, match=f"^it is damaged: {said}") as error:
        files.from_json(Whole, value, "it", "mend it")
    assert error.value.hint == "mend it"


@pytest.mark.parametrize("content", [b"", b"[1]", b"{", b'{"a": NaN}', b'{"a": "\xff"}'])
def test_what_is_no_json_object_is_damaged(content):
    with pytest.raises(DataError, match=r"^it is damaged"):
        files.parse_json(content, "it", "hint")


def test_an_unknown_schema_is_not_damage():
    files.refuse_schema({"schema_version": "2"}, ("1", "2"), "it", "hint")
    with pytest.raises(DataError, match="lacks schema_version"):
        files.refuse_schema({}, ("1", "2"), "it", "hint")
    with pytest.raises(InvalidError, match="schema '3', and this smallscale reads schema '2'"):
        files.refuse_schema({"schema_version": "3"}, ("1", "2"), "it", "hint")


def test_a_full_disk_is_a_storage_error_and_no_other_error_is():
    with pytest.raises(StorageError, match=r"^the file cannot be written"):
        with_error(errno.ENOSPC)
    with pytest.raises(FileNotFoundError):
        with_error(errno.ENOENT)
    with files.where_writable():
        raise OSError(errno.EROFS, "read-only")


def with_error(number):
    with files.storage_errors("the file", "hint"):
        raise OSError(number, os.strerror(number))


def test_a_lock_is_held_by_one_process_and_given_back_when_it_is_killed(tmp_path):
    path = tmp_path / "lock"
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from smallscale_ci.files import lock\n"
        f"held = lock(Path({str(path)!r}))\n"
        "print(held is not None, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "True\n"
        assert files.lock(path) is None
        other.kill()
        other.wait()
    held = files.lock(path)
    assert held is not None
    os.close(held)


def test_no_link_is_followed_to_a_lock(tmp_path):
    (tmp_path / "precious").write_text("x")
    (tmp_path / "lock").symlink_to(tmp_path / "precious")
    with pytest.raises(OSError, match="symbolic links"):
        files.lock(tmp_path / "lock")


def test_a_name_that_a_tag_and_a_branch_have_is_refused(tmp_path):
    run_git(tmp_path, "init", "-q", "-b", "main")
    run_git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    head = run_git(tmp_path, "rev-parse", "HEAD")
    assert files.git_commit(tmp_path, "main") == head
    assert files.git_commit(tmp_path, "nowhere") == ""
    run_git(tmp_path, "tag", "main")
    with pytest.raises(UsageError, match="refs/tags/main and as refs/heads/main"):
        files.git_commit(tmp_path, "main")
    assert files.git_commit(tmp_path, "refs/heads/main") == head
