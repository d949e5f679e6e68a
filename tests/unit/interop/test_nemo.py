"""NeMo evaluator's bundles: results beside the log of the requests."""

import json
import shutil

import pytest
from helpers.foreign import DATA, read

from smallscale_ci.errors import DataError
from smallscale_ci.records import FinishReason, Outcome

NEMO = DATA / "nemo-evaluator-0.3.0"


def test_tokens_of_nemo_are_those_of_the_completion():
    """``results.jsonl`` has 19 tokens for a prompt of 5 and an answer of 14."""
    row = json.loads((NEMO / "sums" / "results.jsonl").read_text().splitlines()[0])
    sample = read(NEMO)[1][0]
    assert (row["tokens"], sample.tokens) == (19, 14)


def test_without_its_log_of_requests_nemo_tells_neither_tokens_nor_ends(tmp_path):
    folder = shutil.copytree(NEMO, tmp_path / "run")
    (folder / "sums" / "inference_log.jsonl").unlink()
    assert {sample.tokens for sample in read(folder)[1]} == {None}


def test_a_lost_result_is_refused(tmp_path):
    folder = shutil.copytree(NEMO, tmp_path / "run")
    results = folder / "sums" / "results.jsonl"
    results.write_text("".join(results.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(DataError, match="11 results, and its bundle 12"):
        read(folder)


def test_two_bundles_of_one_benchmark_are_refused(tmp_path):
    folder = shutil.copytree(NEMO, tmp_path / "run")
    shutil.copytree(folder / "sums", folder / "again")
    with pytest.raises(DataError, match="two runs of 'sums'"):
        read(folder)


def changed(tmp_path, change, **wanted):
    """The samples of a copy whose first result was changed."""
    folder = shutil.copytree(NEMO, tmp_path / "run")
    path = folder / "sums" / "results.jsonl"
    first, *rest = path.read_text().splitlines()
    row = json.loads(first)
    change(row)
    path.write_text("\n".join([json.dumps(row), *rest]) + "\n")
    return read(folder, **wanted)[1]


def test_a_result_that_failed_is_errored_whatever_its_reward(tmp_path):
    def change(row):
        row["scoring_details"] = {"error": "sandbox gone"}

    sample = changed(tmp_path, change)[0]
    assert (sample.outcome, sample.finish) == (Outcome.ERRORED, FinishReason.ERROR)
    assert sample.error == "sandbox gone"


def test_another_scorer_may_be_named(tmp_path):
    def change(row):
        row["scorer_rewards"] = {"strict": 0.0}

    assert changed(tmp_path, change, metric="strict", verdicts=False)[0].outcome is None
    with pytest.raises(DataError, match="the score 'strict' is None"):
        read(tmp_path / "run", metric="strict")  # the other results do not have it


def test_a_partial_reward_is_neither_right_nor_wrong(tmp_path):
    with pytest.raises(DataError, match=r"line 1: the score 'reward' is 0\.4") as caught:
        changed(tmp_path, lambda row: row.update(reward=0.4))
    assert "--rejudge" in caught.value.hint


def test_results_of_two_models_are_refused(tmp_path):
    folder = shutil.copytree(NEMO, tmp_path / "run")
    other = shutil.copytree(folder / "sums", folder / "other")
    (bundle,) = other.glob("eval-*.json")
    value = json.loads(bundle.read_text())
    value["benchmark"]["name"], value["config"]["model"] = "other", "another"
    bundle.write_text(json.dumps(value))
    with pytest.raises(DataError, match="results of 2 models: adder, another"):
        read(folder)
