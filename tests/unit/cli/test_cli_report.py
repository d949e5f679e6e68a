"""``report``: what a stored run says again, and what it says without a verdict."""

import json
import shutil

import pytest
from helpers import replayed
from typer.testing import CliRunner

from smallscale_ci.cli.main import app


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Runs ``base`` and ``bad`` in ``stored/``; only ``bad`` is compared, and REGRESSED."""
    place = tmp_path_factory.mktemp("report")
    replayed.make_configs(place, problems=20)
    replayed.make_run(place, "base", epochs=2)
    replayed.make_run(place, "bad", epochs=2, wrong=0.8, seed=3)
    done = replayed.smallscale(place, "compare", "stored/bad", "stored/base")
    assert done.returncode == 1, done.stderr
    return place


@pytest.fixture
def call(world, tmp_path, monkeypatch):
    shutil.copytree(world, tmp_path / "w")
    monkeypatch.chdir(tmp_path / "w")
    return lambda *words: CliRunner().invoke(app, ["report", *words])


def test_a_verdict_is_shown_again_with_its_code_and_its_files(call, tmp_path):
    shutil.rmtree(tmp_path / "w" / "stored" / "bad" / "report")
    done = call("stored/bad", "--json")
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["kind"] == "REGRESSED"
    assert 0 <= told["metrics"]["sums"]["pass@2"] <= 1
    assert (tmp_path / "w" / "stored" / "bad" / "report" / "report.html").is_file()


def test_a_run_that_was_not_compared_says_how_and_shows_levels_at_budgets(call):
    done = call("stored/base")
    assert done.exit_code == 4
    assert "has no verdict to report" in done.stderr
    assert "smallscale compare stored/base auto" in " ".join(done.stderr.split())
    done = call("stored/base", "--budgets", "8,16")
    assert done.exit_code == 0, done.stderr
    assert "sums" in done.stdout


def test_several_runs_are_one_report_only_beside_each_other(call):
    done = call("stored/base", "stored/bad")
    assert done.exit_code == 2
    assert "smallscale report --compare" in done.stderr


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        (("--compare", "stored/base", "stored/bad"), "--compare shows runs without a verdict"),
        (("rows.jsonl",), "rows.jsonl is another tool's"),
        (("stored/base",), "stored/base has no verdict"),
    ],
)
def test_baselines_are_not_ignored_where_none_is_read(call, tmp_path, runs, said):
    rows = tmp_path / "w" / "rows.jsonl"
    rows.write_text('{"id": "a", "gold": "2", "output": "2", "score": 1}\n')
    done = call(*runs, "--baselines", "nope")
    assert done.exit_code == 2
    assert f"--baselines: {said}" in " ".join(done.stderr.split())
