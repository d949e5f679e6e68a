"""What commands write where an option says: whole or not at all, and no fault of the disk."""

import os
import threading

import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli import targets
from smallscale_ci.cli.main import app
from smallscale_ci.errors import StorageError, UsageError


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("targets")
    replayed.make_configs(place, problems=4)
    return replayed.make_run(place, "src", epochs=1)


@pytest.mark.parametrize(
    ("command", "option"),
    [
        (("history", "RUN"), "--html"),
        (("plan", "--baseline", "RUN", "--trials", "1"), "--plot"),
        (("judge", "ROWS"), "--output"),
    ],
)
def test_a_file_in_no_folder_is_a_usage_error_before_the_work(run, tmp_path, command, option):
    """It was an error of the disk, after all the work."""
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"question": "1+1", "gold": "2", "output": "2"}\n')
    places = {"RUN": str(run), "ROWS": str(rows)}
    named = [places.get(word, word) for word in command]
    done = CliRunner().invoke(app, [*named, option, str(tmp_path / "no" / "file")])
    said = " ".join(done.output.split())
    assert done.exit_code == 2, said
    assert option in said
    assert f"the folder {tmp_path / 'no'} does not exist." in said
    assert "simulating" not in said


def test_a_folder_that_cannot_be_is_a_usage_error(run, tmp_path):
    (tmp_path / "file").touch()
    for path, reason in ((tmp_path / "file", "it is a file"), (tmp_path / "file" / "x", "Not a")):
        done = CliRunner().invoke(app, ["export", str(run), "--to", "inspect", "-o", str(path)])
        said = " ".join(done.output.split())
        assert done.exit_code == 2, said
        assert f"--output {path}: the folder cannot be created: {reason}" in said


def test_a_folder_is_no_file(tmp_path):
    with pytest.raises(UsageError, match=r"--html .*: that is a folder\."):
        targets.refuse_file(tmp_path, "--html")


def test_a_link_and_a_pipe_stay_what_they_are(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    targets.write_file(tmp_path / "link", "--html", "page")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "page"
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    targets.write_file(pipe, "--html", "page")
    reader.join(10)
    assert read == ["page"]
    assert pipe.is_fifo()


def test_a_link_to_no_folder_names_that_folder(tmp_path):
    """It was an error of the disk that named the unfinished file."""
    (tmp_path / "link").symlink_to(tmp_path / "no" / "real")
    with pytest.raises(UsageError, match=r"--html .*link: the folder .*/no does not exist\."):
        targets.refuse_file(tmp_path / "link", "--html")


def test_a_read_only_place_names_the_option(tmp_path, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("smallscale_ci.files.write_text", refuse)
    with pytest.raises(StorageError, match="cannot be written: Permission denied") as caught:
        targets.write_file(tmp_path / "page.html", "--html", "page")
    assert "--html" in caught.value.hint
