"""A run in inspect's form: what its log viewer shows."""

import json

import pytest

from smallscale_ci.interop import to_inspect
from smallscale_ci.interop.exported import Source
from smallscale_ci.records import Outcome
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.run import read_run


@pytest.fixture(scope="module")
def log(world, tmp_path_factory):
    path, suite = world
    (file,) = to_inspect.write(
        Source(RunFolder(path), read_run(path), suite), tmp_path_factory.mktemp("inspect")
    )
    return json.loads(file.read_text())


def test_the_head_counts_what_the_samples_are(world, log):
    held = read_run(world[0]).samples
    assert log["eval"]["dataset"]["samples"] == len(held.problem_ids) == 20
    assert log["eval"]["config"]["epochs"] == 2
    assert log["results"]["total_samples"] == len(log["samples"]) == 40
    metric = log["results"]["scores"][0]["metrics"]["accuracy"]
    assert metric["value"] == pytest.approx(held.correct.mean())  # two samples of each problem


def test_a_sample_is_a_conversation_with_its_score(world, log):
    judged = {
        (one.problem_id, one.sample_index): one
        for one in tables.judgements(world[0] / "judgements.parquet")
    }
    assert {(row["id"], row["epoch"] - 1) for row in log["samples"]} == judged.keys()
    for row in log["samples"]:
        verdict = judged[row["id"], row["epoch"] - 1]
        (score,) = row["scores"].values()
        assert (score["value"] == "C") == (verdict.outcome is Outcome.CORRECT)
        assert score["answer"] == (verdict.extracted or "")
        assert [turn["role"] for turn in row["messages"]][-1] == "assistant"
        assert row["messages"][:-1] == row["input"]
        usage = row["output"]["usage"]
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
