"""Stored runs, in the order in which they were made."""

import json
import shutil
from dataclasses import replace

import pytest
from helpers import replayed

from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.files import write_json
from smallscale_ci.report import stored
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import SuiteId


def read(place, *names):
    return [stored.read(place / "stored" / name) for name in names]


def test_runs_of_an_older_schema_and_incomplete_ones_are_named(place, tmp_path):
    for name, key, value in (("old", "schema_version", "0"), ("half", "status", "interrupted")):
        run = RunFolder(shutil.copytree(place / "stored" / "r1", tmp_path / name))
        write_json(run.manifest, {**json.loads(run.manifest.read_text()), key: value})
    with pytest.raises(InvalidError, match="schema '0', and this smallscale reads") as caught:
        stored.read(tmp_path / "old")
    assert "the smallscale that wrote it" in caught.value.hint
    found, left_out = stored.find([tmp_path, place / "stored" / "r1"])
    assert len(found) == 1
    assert len(left_out) == 2
    assert any("half is interrupted" in note for note in left_out)
    done = replayed.smallscale(place, "report", tmp_path / "old")
    assert done.returncode == 4
    assert "schema '0'" in done.stderr


def test_only_the_newest_runs_of_each_series(place):
    ones = read(place, "r1", "r2", "r3", "r4")
    other = replace(ones[1].manifest, suite=SuiteId("other"))
    ones[1] = replace(ones[1], manifest=other)
    assert [one.run_id for one in stored.last(ones, 2)] == ["r2", "r3", "r4"]
    done = replayed.smallscale(place, "history", "stored", "--last", "2", "--json")
    (trend,) = json.loads(done.stdout)["trends"]
    assert [point["run_id"] for point in trend["points"]] == ["r4", "r5"]


def test_a_run_is_read_where_it_is_needed_and_not_before(place, tmp_path):
    path = shutil.copytree(place / "stored" / "r1", tmp_path / "r1")
    found = stored.read(path)
    assert (found.run_id, found.model, found.series) == ("r1", "step-1", ("tiny", "replay"))
    assert found.at.startswith("2026-02-01")
    assert len(found.samples()) == 120
    (path / "judgements.parquet").unlink()
    with pytest.raises(DataError):
        found.samples()


def test_runs_are_in_the_order_of_their_dates_and_each_is_there_once(place):
    names = ("r3", "r1", "r5")
    found, _ = stored.find([*(place / "stored" / name for name in names), place / "stored" / "r1"])
    assert [one.run_id for one in found] == ["r1", "r3", "r5"]


def test_what_is_not_a_run_is_left_out_with_the_reason(tmp_path):
    (tmp_path / "empty").mkdir()
    found, left_out = stored.find([tmp_path / "empty", tmp_path / "none"])
    assert found == []
    assert len(left_out) == 2
    assert all(str(tmp_path) in note for note in left_out)


def test_results_of_other_tools_without_dates_keep_their_order(place):
    one = stored.read(place / "stored" / "r1")
    undated = replace(one.manifest, created="")

    def read(path):
        return replace(one, path=path, run_id=path.name, manifest=undated)

    others = stored.Others(lambda path: path.name.startswith("log"), read)
    named = [place / "log-b", place / "stored" / "r2", place / "log-a"]
    found, _ = stored.find(named, others)
    assert [run.run_id for run in found] == ["log-b", "log-a", "r2"]
