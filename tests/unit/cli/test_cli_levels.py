"""The levels of a run, as commands show them."""

import json
import shutil

import pytest
from helpers import replayed

from smallscale_ci.cli import levels
from smallscale_ci.cli.command import Context
from smallscale_ci.run.run import read_run

PEOPLE, PROGRAMS = (Context(json=json_, quiet=False, verbose=False) for json_ in (False, True))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    place = tmp_path_factory.mktemp("levels")
    replayed.make_configs(place, problems=6)
    return replayed.make_run(place, "src")


def test_people_get_a_table_and_programs_a_summary(run, capsys):
    levels.show(PEOPLE, run)
    shown = capsys.readouterr().out
    accuracy = read_run(run).summary.tasks[0].accuracy.value
    assert f"{100 * accuracy:.1f}%" in shown
    assert shown.split()[:3] == ["task", "problems", "epochs"]
    levels.show(PROGRAMS, run)
    value = json.loads(capsys.readouterr().out)
    assert value["run"] == str(run)
    assert value["tasks"][0]["accuracy"]["value"] == accuracy


def test_a_run_that_was_not_judged_has_no_levels(run, tmp_path, capsys):
    bare = shutil.copytree(run, tmp_path / "bare")
    (bare / "summary.json").unlink()
    levels.show(PROGRAMS, bare)
    assert json.loads(capsys.readouterr().out) == {"run": str(bare)}
