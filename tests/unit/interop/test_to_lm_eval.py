"""A run in lm-eval's form: what its own readers look for."""

import json
import math

import pytest

from smallscale_ci.interop import to_lm_eval
from smallscale_ci.interop.exported import Source
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.run import read_run


@pytest.fixture(scope="module")
def written(world, tmp_path_factory):
    path, suite = world
    target = tmp_path_factory.mktemp("lm-eval")
    return read_run(path), to_lm_eval.write(Source(RunFolder(path), read_run(path), suite), target)


def test_the_score_and_its_error_are_those_of_the_samples(written):
    run, (results, samples) = written
    value = json.loads(results.read_text())["results"]["sums"]
    rate = run.samples.correct.mean()
    count = len(run.samples)
    assert value["exact_match,none"] == pytest.approx(rate)
    expected = math.sqrt(rate * (1 - rate) / (count - 1))
    assert value["exact_match_stderr,none"] == pytest.approx(expected)
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    assert value["sample_len"] == len(rows) == count
    assert sum(row["exact_match"] for row in rows) == run.samples.correct.sum()


def test_files_are_named_by_one_date_and_rows_by_their_content(written):
    run, (results, samples) = written
    date = results.stem.removeprefix("results_")
    assert samples.name == f"samples_sums_{date}.jsonl"
    assert ":" not in date
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    hashes = {row["doc_hash"] for row in rows}
    assert len(hashes) == len(run.samples.problem_ids)  # two samples of each
    assert [row["doc_id"] for row in rows] == list(range(len(rows)))


def test_what_was_asked_for_is_recorded_by_lm_eval_s_names(written):
    _, (results, _) = written
    value = json.loads(results.read_text())
    asked = value["configs"]["sums"]["generation_kwargs"]
    assert asked["max_gen_toks"] == 64
    assert "max_tokens" not in asked
    assert asked["do_sample"] == (asked["temperature"] > 0)
    assert value["n-samples"]["sums"] == {"original": 40, "effective": 40}
