"""``history`` and ``report --compare``: how runs are named, and where there are none."""

import json
import shutil
from pathlib import Path

import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli import history
from smallscale_ci.cli.main import app


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("cli-history")
    replayed.make_configs(place, problems=6)
    for name, model in (("a", "m"), ("b", "n")):
        replayed.make_run(place, name, model=model, epochs=1)
    return place / "stored"


def call(*arguments):
    done = CliRunner().invoke(app, [*map(str, arguments)])
    return done.exit_code, done.stdout


def test_a_run_is_named_as_commands_take_it(place, monkeypatch):
    monkeypatch.chdir(place.parent)
    assert history._typed([place], "a") == "stored/a"
    assert history._typed([place / "b"], "b") == "stored/b"
    assert history._typed([Path("/elsewhere")], "a") == "a"  # of another machine
    monkeypatch.chdir(place / "a")
    assert history._typed([place], "b") == str(place / "b")


def test_only_a_model_or_a_suite(place):
    code, said = call("history", place, "--model", "n", "--json")
    assert code == 0
    (trend,) = json.loads(said)["trends"]
    assert [point["run_id"] for point in trend["points"]] == ["b"]


@pytest.mark.parametrize(
    ("options", "said", "known"),
    [
        (("--suite", "tinny"), "No complete run of suite 'tinny' in ", "suite tiny"),
        (("--model", "o"), "No complete run of model 'o' in ", "model m, n"),
        (("--suite", "tiny", "--model", "mm"), "suite 'tiny' and model 'mm'", "model m, n"),
    ],
)
def test_a_suite_or_model_that_no_run_has_is_a_wrong_name(place, options, said, known):
    done = CliRunner().invoke(app, ["history", str(place), *options])
    assert (done.exit_code, done.stdout) == (2, "")
    assert said in done.stderr
    assert known in done.stderr


def test_where_nothing_was_run_the_first_command_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SMALLSCALE_RUNS", raising=False)
    for _ in range(2):
        code, said = call("history")
        assert code == 0
        assert said.startswith(f"No complete run in {tmp_path / 'runs'} yet. Make one: ")
        assert said.endswith(" eval smollm2\n")
        (tmp_path / "runs").mkdir(exist_ok=True)


@pytest.mark.parametrize("arguments", [("history", "none"), ("history", "--runs", "none")])
def test_a_place_that_is_named_and_does_not_exist_is_a_usage_error(
    tmp_path, monkeypatch, arguments
):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 2
    assert "none does not exist." in done.stderr


def test_runs_that_are_all_left_out_are_no_success(place, tmp_path, monkeypatch):
    """The first command was told, although there is a run, and it is damaged."""
    monkeypatch.chdir(tmp_path)
    run = Path(shutil.copytree(place / "a", "runs/a"))
    (run / "summary.json").write_text("{}")
    Path("empty").mkdir()
    Path("other").mkdir()
    Path("other/notes.txt").write_text("x")
    for named, said in (
        (["runs/a"], "summary.json was changed after the run wrote it."),
        (["runs"], "summary.json was changed after the run wrote it."),
        ([], "summary.json was changed after the run wrote it."),
        (["empty"], "empty is not a run folder"),
        (["other"], "No complete run in other."),
    ):
        done = CliRunner().invoke(app, ["history", *named, "--html", "page.html"])
        assert done.exit_code == 4
        assert said in done.stderr
        assert "Make one" not in done.output
        assert not Path("page.html").exists()
    shutil.copytree(place / "b", "runs/b")
    assert CliRunner().invoke(app, ["history"]).exit_code == 0


def test_side_by_side_needs_two(place):
    assert call("report", "--compare", place / "a")[0] == 2
    code, said = call("report", "--compare", place / "a", place / "b", "--json")
    assert code == 0
    assert [row["run_id"] for row in json.loads(said)] == ["a", "b"]


def test_the_folder_of_the_environment_is_made_by_the_first_run(tmp_path, monkeypatch):
    """The first use with SMALLSCALE_RUNS was an error."""
    monkeypatch.setenv("SMALLSCALE_RUNS", str(tmp_path / "new"))
    code, said = call("history")
    assert code == 0
    assert said.startswith(f"No complete run in {tmp_path / 'new'} yet.")
    assert call("history", "--runs", tmp_path / "new")[0] == 2


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ("nope=z", "--columns: unknown column 'nope'"),
        ("gold=z", "--columns gold=z: rows.jsonl has no column 'z'"),
    ],
)
def test_a_wrong_column_is_a_usage_error(tmp_path, monkeypatch, columns, said):
    """It was INVALID (exit 4): no complete run."""
    monkeypatch.chdir(tmp_path)
    Path("rows.jsonl").write_text('{"id": "a", "gold": "2", "output": "2", "score": 1}\n')
    done = CliRunner().invoke(app, ["history", "rows.jsonl", "--columns", columns])
    assert done.exit_code == 2
    assert said in " ".join(done.stderr.split())


def test_the_current_folder_is_named_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["history", "."])
    assert done.exit_code == 4
    assert f"No complete run in {tmp_path}. {tmp_path} is not a run folder" in " ".join(
        done.stderr.split()
    )
