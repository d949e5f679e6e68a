"""Every tool's real files: its own counts and score, to the last sample, and what may be wrong."""

import json
import shutil

import pytest
from helpers.foreign import DATA, judged, outcomes, own_scores, read

from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.interop import readers
from smallscale_ci.interop.interface import Wanted
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.pipeline import sides
from smallscale_ci.records import FinishReason, Metric

SGL, NEMO = DATA / "sgl-eval-0.1.3", DATA / "nemo-evaluator-0.3.0"
VERIFIERS, EVALSCOPE = DATA / "verifiers-0.4.0", DATA / "evalscope-1.14.1"
SPEC = JudgeSpec("math", ("boxed", "stated", "last-number"))


@pytest.mark.parametrize(
    ("path", "tool", "version", "score", "samples", "problems"),
    [
        (SGL, "sgl-eval", "0.1.3", 0.875, 16, 8),
        (NEMO, "nemo-evaluator", "0.3.0", 0.6667, 12, 6),
        (EVALSCOPE, "evalscope", "1.14.1", 0.5, 12, 6),
        (VERIFIERS, "verifiers", "0.4.0", None, 12, 6),
    ],
)
def test_a_tool_s_counts_and_score(path, tool, version, score, samples, problems):
    log, found = read(path)
    assert (log.facts.tool, log.facts.version, log.facts.model) == (tool, version, "adder")
    assert len(found) == samples
    assert log.facts.planned in (samples, None)
    run = sides.load(path, Wanted())
    assert len(run.samples) == samples
    assert len(run.samples.problem_ids) == problems
    assert sorted(set(run.samples.sample_index.tolist())) == [0, 1]
    assert run.samples.unknown == {Metric.LOOPING}
    (own,) = own_scores(found).values()
    if score is None:  # verifiers keeps no mean: its screen said 0.67
        assert own == pytest.approx(2 / 3)
    else:
        assert list(log.facts.scores.values()) == [score]
        assert own == pytest.approx(score, abs=5e-5)  # NeMo rounds to four digits


@pytest.mark.parametrize("path", [SGL, NEMO, EVALSCOPE, VERIFIERS])
def test_tokens_thinking_and_ends(path):
    _, samples = read(path)
    assert all(sample.tokens for sample in samples)
    ends = {FinishReason.STOP} if path == EVALSCOPE else {FinishReason.STOP, FinishReason.LENGTH}
    assert {sample.finish for sample in samples} == ends
    assert 7 in {sample.thinking_tokens for sample in samples}
    assert not any("I think" in sample.text for sample in samples)  # thinking is not the answer


@pytest.mark.parametrize("path", [SGL, NEMO, VERIFIERS])
def test_our_judge_agrees_on_plain_sums(path, tmp_path):
    counts, rows = judged(path, tmp_path / "out.parquet", SPEC)
    assert counts["CORRECT"] == outcomes(read(path)[1])["CORRECT"]
    assert len(rows) == sum(counts.values())


def test_lighteval_s_counts_and_score(tmp_path):
    path = DATA / "lighteval-0.13.0"
    log, samples = read(path)
    assert (log.facts.model, len(samples)) == ("dummy", 6)
    assert own_scores(samples) == pytest.approx(log.facts.scores)
    assert outcomes(samples) == {"CORRECT": 2, "WRONG": 4}
    assert log.facts.judges == {"sums|0": "lighteval em"}
    # The rows are shuffled: a document's id is its place in the data set.
    assert sorted(sample.problem for sample in samples) == list("012345")
    assert len({sample.content for sample in samples}) == 6
    run = sides.load(path, Wanted())
    assert {Metric.TOKENS, Metric.TRUNCATION} <= run.samples.unknown
    folder = shutil.copytree(path, tmp_path / "run")
    details = next(folder.glob("details/*/*"))
    shutil.copytree(details, details.with_name("2026-11-30T00-00-00.000000"))
    with pytest.raises(DataError, match="two runs of 'sums"):
        read(folder)


def test_a_request_that_failed_is_errored():
    _, samples = read(DATA / "verifiers-0.4.0-errors")
    assert outcomes(samples) == {"ERRORED": 2}
    assert {sample.finish for sample in samples} == {FinishReason.ERROR}
    assert "upstream stream ended" in samples[0].error


def test_tokens_of_nemo_are_those_of_the_completion():
    """``results.jsonl`` has 19 tokens for a prompt of 5 and an answer of 14."""
    row = json.loads((NEMO / "sums" / "results.jsonl").read_text().splitlines()[0])
    sample = read(NEMO)[1][0]
    assert (row["tokens"], sample.tokens) == (19, 14)


def test_without_its_log_of_requests_nemo_tells_neither_tokens_nor_ends(tmp_path):
    folder = shutil.copytree(NEMO, tmp_path / "run")
    (folder / "sums" / "inference_log.jsonl").unlink()
    assert {sample.tokens for sample in read(folder)[1]} == {None}


def test_usage_that_sgl_eval_was_not_told_is_unknown(tmp_path):
    row = json.loads((SGL / "output-rs0.jsonl").read_text().splitlines()[0])
    row |= {"num_generated_tokens": 0, "num_reasoning_tokens": 0}
    (tmp_path / "output-rs0.jsonl").write_text(json.dumps(row))
    (sample,) = read(tmp_path)[1]
    assert (sample.tokens, sample.thinking_tokens) == (None, None)


def test_a_lost_repeat_is_refused(tmp_path):
    folder = shutil.copytree(SGL, tmp_path / "run")
    (folder / "output-rs1.jsonl").unlink()
    with pytest.raises(DataError, match="1 of 2 repeats"):
        read(folder)


def test_a_lost_result_is_refused(tmp_path):
    folder = shutil.copytree(NEMO, tmp_path / "run")
    results = folder / "sums" / "results.jsonl"
    results.write_text("".join(results.read_text().splitlines(keepends=True)[1:]))
    with pytest.raises(DataError, match="11 results, and its bundle 12"):
        read(folder)


def test_a_lost_review_is_counted(tmp_path):
    folder = shutil.copytree(EVALSCOPE, tmp_path / "run")
    reviews = next(folder.glob("reviews/*/*.jsonl"))
    reviews.write_text("".join(reviews.read_text().splitlines(keepends=True)[1:]))
    run = sides.load(folder, Wanted())
    assert (len(run.samples), run.manifest.planned) == (11, 12)


def test_reviews_alone_tell_neither_tokens_nor_ends(tmp_path):
    shutil.copy(next(EVALSCOPE.glob("reviews/*/*.jsonl")), tmp_path / "reviews.jsonl")
    _, samples = read(tmp_path / "reviews.jsonl")
    assert len(samples) == 12
    assert {sample.tokens for sample in samples} == {None}


def test_two_models_in_one_folder_are_refused(tmp_path):
    folder = shutil.copytree(EVALSCOPE, tmp_path / "run")
    shutil.copytree(folder / "reviews" / "adder", folder / "reviews" / "other")
    with pytest.raises(DataError, match="reviews of 2 models: adder, other"):
        read(folder)
    text = (VERIFIERS / "traces.jsonl").read_text()
    first, rest = text.split("\n", 1)
    (tmp_path / "traces.jsonl").write_text(first.replace('"adder"', '"b"') + "\n" + rest)
    with pytest.raises(DataError, match="two models: 'b' and 'adder'"):
        read(tmp_path / "traces.jsonl")


def test_two_bundles_of_one_benchmark_are_refused(tmp_path):
    folder = shutil.copytree(NEMO, tmp_path / "run")
    shutil.copytree(folder / "sums", folder / "again")
    with pytest.raises(DataError, match="two runs of 'sums'"):
        read(folder)


def test_a_trace_of_another_version_is_refused(tmp_path):
    text = (VERIFIERS / "traces.jsonl").read_text().replace('"version":1,', '"version":9,')
    (tmp_path / "traces.jsonl").write_text(text)
    with pytest.raises(DataError, match="a trace of version 9; version 1 can be read"):
        read(tmp_path / "traces.jsonl")


def test_what_is_no_tool_s_is_reported_with_what_is_known(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"\0")
    with pytest.raises(DataError, match="not a run, a baseline or a result") as caught:
        readers.read(tmp_path / "x.bin")
    assert all(reader.name in caught.value.hint for reader in readers.READERS)
    with pytest.raises(UsageError, match="does not exist"):
        readers.read(tmp_path / "nix")
