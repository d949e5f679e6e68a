import json

import pytest
from helpers.foreign import DATA, judged, outcomes, own_scores, read

from smallscale_ci.errors import DataError
from smallscale_ci.interop import inspect
from smallscale_ci.interop.interface import Wanted
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.records import FinishReason, Outcome

REAL = DATA / "inspect-0.3.285"


def sample(name, target, content, *, epoch=1, stop="stop", **more):
    message = {"role": "assistant", "content": content, "source": "generate", "model": "m"}
    return {
        "id": name,
        "epoch": epoch,
        "input": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "1+1?"}],
        "target": target,
        "messages": [message],
        "output": {"model": "m", "choices": [{"message": message, "stop_reason": stop}]},
        "scores": {"match": {"value": "I", "answer": "", "explanation": ""}},
        **more,
    }


def inspect_log(path, *samples):
    log = {"version": 2, "status": "success", "eval": {"task": "sums"}, "samples": list(samples)}
    path.write_text(json.dumps(log))
    return path


def test_inspect_s_samples_are_judged(tmp_path):
    thought = [
        {"type": "reasoning", "reasoning": r"maybe \boxed{9}"},
        {"type": "text", "text": "attachment://3f"},
    ]
    source = inspect_log(
        tmp_path / "2026-01-31_sums.json",
        sample("a", "2", r"\boxed{2}"),
        sample("a", "2", "so 2, no, 3", epoch=2, stop="max_tokens"),
        sample(7, ["two", "2"], thought, attachments={"3f": r"So \boxed{2}."}),
        sample("b", "2", "", error={"message": "the sandbox broke", "traceback": ""}),
        sample("c", ["3", "4"], r"\boxed{5}", input="2+2?"),
    )
    counts, rows = judged(source, tmp_path / "out.parquet")
    assert [(row["id"], row["sample_index"], row["outcome"]) for row in rows] == [
        ("a", 0, "CORRECT"), ("a", 1, "TRUNCATED"), ("7", 0, "CORRECT"), ("b", 0, "ERRORED"),
        ("c", 0, "WRONG"),
    ]  # fmt: skip
    assert sum(counts.values()) == 5
    assert rows[3]["reason"] == "the sandbox broke"
    assert rows[2]["ground_truth"] == "two | 2"
    samples = read(source)[1]
    assert [found.question for found in samples[-2:]] == ["1+1?", "2+2?"]
    assert samples[1].finish is FinishReason.LENGTH


def test_inspect_s_choices_are_options(tmp_path):
    asked = {"choices": ["grass", "blood"]}
    source = inspect_log(
        tmp_path / "log.json",
        sample("a", "B", "ANSWER: B", **asked),
        sample("b", "B", "ANSWER: grass", **asked),
    )
    assert judged(source, tmp_path / "out.parquet", JudgeSpec("mcq"))[0] == {
        "CORRECT": 1,
        "WRONG": 1,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "not a log of inspect with samples"),
        ('{"samples": [{"id": 1}]}', "sample 1 has no target or no output"),
        ('{"samples": [3]}', "sample 1 has no target"),
        ('{"samples": [{"target": 1, "output": []}]}', "sample 1 has no target"),
        ('{"samples": [{"target": 1, "output": {"choices": {}}}, 2]}', "sample 2"),
        ('{"samples": [{"target": 1, "output": {"choices": [1]}}]}', "sample 1"),
        ('{"version": 3, "samples": []}', "version 3; versions 1 and 2 can be read"),
        ("[]", "not a JSON object"),
    ],
)
def test_what_is_not_a_log_of_inspect_is_reported(tmp_path, text, message):
    (tmp_path / "log.json").write_text(text)
    with pytest.raises(DataError, match=message):
        list(inspect.read(tmp_path / "log.json", Wanted()).samples)


def test_a_log_without_samples_holds_no_generations(tmp_path):
    with pytest.raises(DataError, match="holds no generations"):
        judged(inspect_log(tmp_path / "log.json"), tmp_path / "out.parquet")


# -- real logs ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sums.eval", "sums.json", "options.eval", "token-limit.eval"])
def test_a_real_log_has_the_counts_and_the_score_of_inspect(name):
    log, samples = read(REAL / name)
    assert log.facts.version == "0.3.285"
    assert log.facts.model == "openai-api/stub/adder"
    assert len(samples) == log.facts.planned
    assert own_scores(samples) == pytest.approx(log.facts.scores)
    assert log.facts.scores
    assert len({(sample.problem, sample.epoch) for sample in samples}) == len(samples)


def test_a_real_log_has_epochs_tokens_thinking_and_finish_reasons():
    log, samples = read(REAL / "sums.eval")
    assert sorted({sample.epoch for sample in samples}) == [0, 1]
    assert len({sample.problem for sample in samples}) == 6
    assert all(sample.tokens for sample in samples)
    assert {sample.finish for sample in samples} == {FinishReason.STOP, FinishReason.LENGTH}
    assert any(sample.thinking_tokens for sample in samples)
    assert log.facts.settings["sampling.max_tokens"] == 64
    cut = [sample for sample in samples if sample.finish is FinishReason.LENGTH]
    assert {sample.outcome for sample in cut} == {Outcome.TRUNCATED}
    assert not any("I think" in sample.text for sample in samples)  # thinking is not the answer


def test_both_forms_of_a_log_say_the_same():
    packed = {(s.problem, s.epoch): s for s in read(REAL / "sums.eval")[1]}
    for sample in read(REAL / "sums.json")[1]:
        other = packed[sample.problem, sample.epoch]
        assert (sample.text, sample.golds, sample.tokens) == (other.text, other.golds, other.tokens)
        assert (sample.content, sample.prompt) == (other.content, other.prompt)


def test_a_sample_that_ended_at_its_token_limit_is_truncated(tmp_path):
    _, samples = read(REAL / "token-limit.eval")
    assert outcomes(samples) == {"TRUNCATED": 8}
    assert {sample.tokens for sample in samples} != {None}
    counts, _ = judged(REAL / "token-limit.eval", tmp_path / "out.parquet")
    assert counts == {"TRUNCATED": 8}


def test_real_options_are_judged_by_their_letters(tmp_path):
    spec = JudgeSpec("mcq", ("stated", "letter"))
    counts, rows = judged(REAL / "options.eval", tmp_path / "out.parquet", spec)
    assert counts["CORRECT"] == outcomes(read(REAL / "options.eval")[1])["CORRECT"]
    assert {row["finish_reason"] for row in rows} == {"STOP", "LENGTH"}


@pytest.mark.parametrize("share", [0.1, 0.5, 0.97])
def test_an_archive_that_was_cut_off_is_reported(tmp_path, share):
    content = (REAL / "sums.eval").read_bytes()
    (tmp_path / "cut.eval").write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match="not a complete zip archive") as caught:
        read(tmp_path / "cut.eval")
    assert "Copy the file again" in caught.value.hint


def test_a_damaged_member_is_reported(tmp_path):
    content = bytearray((REAL / "sums.eval").read_bytes())
    content[9000:9100] = bytes(100)
    (tmp_path / "bad.eval").write_bytes(content)
    with pytest.raises(DataError, match="is damaged"):
        read(tmp_path / "bad.eval")


def test_partial_credit_is_neither_right_nor_wrong(tmp_path):
    half = sample("a", "2", "2", scores={"match": {"value": "P"}})
    with pytest.raises(DataError, match="is 'P', neither right"):
        read(inspect_log(tmp_path / "log.json", half))


def test_of_several_scores_the_named_one_decides(tmp_path):
    scores = {"match": {"value": "I"}, "model_graded": {"value": 1.0}}
    path = inspect_log(tmp_path / "log.json", sample("a", "2", "2", scores=scores))
    assert outcomes(read(path)[1]) == {"WRONG": 1}
    assert outcomes(read(path, metric="model_graded")[1]) == {"CORRECT": 1}
    with pytest.raises(DataError, match="no score 'f1'"):
        read(path, metric="f1")


def test_a_scorer_of_several_values_has_a_score_for_each(tmp_path):
    value = {"right": 1, "polite": 0}
    path = inspect_log(
        tmp_path / "l.json", sample("a", "2", "2", scores={"judge": {"value": value}})
    )
    assert outcomes(read(path)[1]) == {"CORRECT": 1}
    assert outcomes(read(path, metric="polite")[1]) == {"WRONG": 1}
    with pytest.raises(DataError, match="has no score 'other'") as told:
        read(path, metric="other")
    assert "right, polite" in told.value.hint
