"""Samples that are lost, there twice, or marked as invalid: counted or refused, for each tool."""

import json
import shutil
import zipfile

import pytest
from helpers.foreign import DATA, outcomes, read

from smallscale_ci.errors import DataError
from smallscale_ci.interop import readers
from smallscale_ci.interop.gather import gather
from smallscale_ci.interop.interface import Wanted
from smallscale_ci.run import records_json


def inspect_log(tmp_path, change):
    log = json.loads((DATA / "inspect-0.3.285" / "sums.json").read_text())
    change(log)
    path = tmp_path / "sums.json"
    path.write_text(json.dumps(log))
    return path


def run_of(path):
    return gather(readers.read(path, Wanted(texts=False)))


def drop_first_line(path):
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:]))


def test_an_inspect_log_that_lost_a_sample_is_refused(tmp_path):
    path = inspect_log(tmp_path, lambda log: log["samples"].pop())
    with pytest.raises(DataError, match="holds 3 samples, and inspect completed 4"):
        read(path)


def test_an_inspect_archive_that_lost_a_sample_is_refused(tmp_path):
    log = json.loads((DATA / "inspect-0.3.285" / "sums.json").read_text())
    samples = log.pop("samples")
    with zipfile.ZipFile(tmp_path / "sums.eval", "w") as packed:
        packed.writestr("header.json", json.dumps(log))
        for sample in samples[:-1]:
            name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
            packed.writestr(name, json.dumps(sample))
    with pytest.raises(DataError, match="holds 3 samples, and inspect completed 4"):
        read(tmp_path / "sums.eval")


def test_samples_that_inspect_planned_and_never_ran_are_counted(tmp_path):
    def end_early(log):
        log["samples"].pop()
        log["results"]["completed_samples"] = 3

    run = run_of(inspect_log(tmp_path, end_early))
    assert run.manifest.planned == 4
    assert "3 of the 4 samples that inspect planned are there" in run.manifest.warnings[0]


def test_a_sample_that_was_marked_as_invalid_is_errored(tmp_path):
    def mark(log):
        log["invalidated"] = True
        log["samples"][0]["invalidation"] = {"timestamp": "2026-01-31", "reason": "a leak"}

    path = inspect_log(tmp_path, mark)
    log, samples = read(path)
    assert (samples[0].outcome, samples[0].error) == ("ERRORED", "marked as invalid: a leak")
    assert outcomes(samples)["ERRORED"] == 1
    assert "marked as invalid" in log.facts.notes[0]


def test_a_review_that_evalscope_lost_is_counted(tmp_path):
    folder = shutil.copytree(DATA / "evalscope-1.14.1", tmp_path / "work")
    drop_first_line(next(folder.glob("reviews/*/*.jsonl")))
    run = run_of(folder)
    assert (run.manifest.planned, len(run.samples)) == (12, 11)
    assert "11 of the 12 samples that evalscope planned" in run.manifest.warnings[0]


def test_an_episode_of_verifiers_that_is_there_twice_is_refused(tmp_path):
    folder = shutil.copytree(DATA / "verifiers-0.4.0", tmp_path / "run")
    traces = folder / "traces.jsonl"
    traces.write_text(traces.read_text() + traces.read_text().splitlines(keepends=True)[0])
    with pytest.raises(DataError, match=r"line 13: the episode .* is there twice"):
        read(folder)


def test_a_number_that_no_count_has_names_its_column(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"gold": "1", "text": "1", "score": 1, "output_tokens": 10**30}))
    with pytest.raises(DataError, match=r"row 1: 'output_tokens' is 1000.* over 2,147,483,647"):
        read(path)


def test_what_a_tool_does_not_record_is_null_in_json_and_no_zero():
    summary = run_of(DATA / "lm-eval-0.4.13-likely").summary
    (task,) = records_json.summary_json(summary)["tasks"]
    assert (task["tokens"]["value"], task["tokens"]["n"]) == (None, 0)
    assert task["accuracy"]["value"] == 0.25
    (again,) = records_json.summary_from_json(records_json.summary_json(summary)).tasks
    assert again.levels["tokens"] == summary.tasks[0].levels["tokens"]
