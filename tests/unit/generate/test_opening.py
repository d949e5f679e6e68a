"""A hostile engine leads the host to no file outside of the work folder."""

import os
import shutil
import threading

import pytest

from smallscale_ci.errors import EngineError
from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.opening import appending
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import SamplingSpec
from smallscale_ci.worker import protocol


@pytest.fixture
def outside(tmp_path):
    """A folder with files that no engine may read or change."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "precious.json").write_text("{}")
    (place / "secret.jsonl").write_bytes(protocol.encode_line({"problem_id": "x"}))
    return place


def contents(place):
    return {path.name: path.read_bytes() for path in place.iterdir()}


def test_completions_behind_a_link_or_a_pipe_are_not_read(tmp_path, outside):
    with WorkFolder(tmp_path / "work") as folder:
        (folder.path / "out" / "0.jsonl").symlink_to(outside / "secret.jsonl")
        with pytest.raises(EngineError, match="is a link"):
            list(folder.completions())
        (folder.path / "out" / "0.jsonl").unlink()
        os.mkfifo(folder.path / "out" / "0.jsonl")
        with pytest.raises(EngineError, match="is a link or not a file"):
            list(folder.completions())


def test_nothing_is_written_or_removed_behind_a_link(tmp_path, outside):
    before = contents(outside)
    with WorkFolder(tmp_path / "work") as folder:
        for name in (f".host.{os.getpid()}.{threading.get_ident()}.part", "host"):
            (folder.path / "alive" / name).symlink_to(outside / "precious.json")
        folder.beat()
        assert not (folder.path / "alive" / "host").is_symlink()
        (folder.path / "claimed" / "0").symlink_to(outside)
        assert folder.take_back(0) == []
        (folder.path / "out" / "host.jsonl").symlink_to(outside / "precious.json")
        with pytest.raises(OSError, match="symbolic links"):
            folder.give_up_on({"problem_id": "p", "sample_index": 0}, "it died")
        (folder.path / "stop").symlink_to(outside / "new")
        with pytest.raises(OSError, match="symbolic links"):
            folder.ask_to_stop()
        (folder.path / "log" / "0.log").symlink_to(outside / "precious.json")
        assert folder.log_lines(0) == []
        with pytest.raises(EngineError, match="is a link"):
            appending(folder.path / "log" / "0.log")
        assert protocol.read_json(folder.path / "log" / "0.log") is None
        shutil.rmtree(folder.path / "pending")
        (folder.path / "pending").symlink_to(outside)
        folder.prepare(Job("replay", "m", SamplingSpec(0, 1, 0, 0, 8, 0), max_in_flight=2))
    with pytest.raises(EngineError, match="is a link"), WorkFolder(tmp_path / "work"):
        pass
    assert contents(outside) == before
