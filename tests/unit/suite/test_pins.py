"""Pulled files are what the suite, or the lock beside it, pins."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, cast

import pytest

from smallscale_ci.errors import DataError
from smallscale_ci.suite import pins


@dataclass
class Task:
    source: str = "hf:a/b:f.parquet"
    sha256: str | None = None
    blob: str | None = None
    name: str = "t"


def task(**pinned: Any) -> Any:
    return cast("Any", Task(**pinned))


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "f"
    path.write_bytes(b"hello\n")
    return path


def test_a_git_blob_has_the_id_that_git_gives_it(file):
    assert pins.git_blob(file) == "ce013625030ba8dba906f756967f9e9ca394464a"


def test_the_suites_own_pin_goes_before_the_locks(file, tmp_path):
    sha256 = hashlib.sha256(b"hello\n").hexdigest()
    assert pins.pin_of(task(), tmp_path) is None
    pins.record(tmp_path, Task.source, "0" * 64)
    assert pins.pin_of(task(), tmp_path) == ("lock", "0" * 64)
    assert pins.pin_of(task(sha256=sha256.upper()), tmp_path) == ("sha256", sha256)
    assert pins.checked(task(), file, ("sha256", sha256)) == (sha256, "sha256")
    with pytest.raises(DataError, match=f"the line of {Task.source} in {pins.LOCK} says 0000"):
        pins.check_pin(task(), file, tmp_path)


def test_a_pin_that_is_recorded_stays(tmp_path):
    pins.record(tmp_path, "a", "1" * 64)
    pins.record(tmp_path, "a", "2" * 64)
    pins.record(tmp_path, "b", "3" * 64)
    assert json.loads((tmp_path / pins.LOCK).read_text()) == {"a": "1" * 64, "b": "3" * 64}


@pytest.mark.parametrize("text", ["[]", "{", '{"a": 1}'])
def test_a_lock_that_is_damaged_is_restored_from_git(tmp_path, text):
    (tmp_path / pins.LOCK).write_text(text)
    with pytest.raises(DataError) as error:
        pins.pin_of(task(), tmp_path)
    assert error.value.hint == "Restore it from git."
