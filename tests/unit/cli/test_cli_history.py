"""``history`` and ``report --compare``: how runs are named, and where there are none."""

import json
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
    code, said = call("history", place, "--suite", "other")
    assert (code, said.strip()) == (0, f"No complete run of that suite and model in {place}.")


def test_where_nothing_was_run_the_first_command_is_told(tmp_path):
    code, said = call("history", tmp_path)
    assert code == 0
    assert said.startswith(f"No complete run in {tmp_path} yet. Make one: ")
    assert said.endswith(" eval smollm2\n")
    assert call("history", tmp_path / "none")[0] == 2


def test_side_by_side_needs_two(place):
    assert call("report", "--compare", place / "a")[0] == 2
    code, said = call("report", "--compare", place / "a", place / "b", "--json")
    assert code == 0
    assert [row["run_id"] for row in json.loads(said)] == ["a", "b"]
