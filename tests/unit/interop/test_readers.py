"""Every tool's real files: its own counts and score, to the last sample, and what may be wrong."""

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


def test_what_is_no_tool_s_is_reported_with_what_is_known(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"\0")
    with pytest.raises(DataError, match="not a run, a baseline or a result") as caught:
        readers.read(tmp_path / "x.bin")
    assert all(reader.name in caught.value.hint for reader in readers.READERS)
    with pytest.raises(UsageError, match="does not exist"):
        readers.read(tmp_path / "nix")
