import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.foreign import DATA

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.errors import BadSamplesError, DataError
from smallscale_ci.interop.gather import gather
from smallscale_ci.interop.interface import Facts, Log, Sample, Wanted
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.pipeline import compare, sides
from smallscale_ci.records import FinishReason, Metric, Outcome, VerdictKind
from smallscale_ci.report import wording
from smallscale_ci.run import samples_table as stored
from smallscale_ci.run.comparable import differences, unknown

LM_EVAL, INSPECT = DATA / "lm-eval-0.4.13", DATA / "inspect-0.3.285"
POLICY = GatePolicy(name="p", margins=Margins(accuracy=0.9, tokens=None, truncation=None))


def sample(problem, outcome=Outcome.CORRECT, **more):
    values = {"task": "t", "content": f"content of {problem}", **more}
    return Sample(problem=problem, outcome=outcome, **values)


def log(*samples, **facts):
    return Log(Path("file.jsonl"), Facts("tool", **facts), samples)


def side(path, **wanted):
    return sides.load(path, Wanted(**wanted))


def test_repeated_problems_are_epochs_in_the_order_of_the_file():
    run = gather(log(sample("a"), sample("b"), sample("a", Outcome.WRONG)))
    held = run.samples
    found = zip(held.problem_ids[held.problem], held.sample_index, held.correct, strict=True)
    assert list(found) == [("a", 0, True), ("b", 0, True), ("a", 1, False)]


def test_what_a_tool_does_not_record_is_unknown_and_never_zero():
    run = gather(log(sample("a"), sample("b")))
    assert run.samples.unknown >= {Metric.TOKENS, Metric.TRUNCATION}
    assert np.isnan(run.samples.tokens).all()
    known = {"tokens": 5, "thinking_tokens": 2, "finish": FinishReason.STOP}
    assert not any(m.core for m in gather(log(sample("a", **known))).samples.unknown)


def test_a_few_missing_counts_make_tokens_unknown_and_are_reported():
    run = gather(log(sample("a", tokens=5), sample("b")))
    assert Metric.TOKENS in run.samples.unknown
    assert "1 sample has no token count" in run.manifest.warnings[0]


def test_an_errored_sample_needs_no_count():
    run = gather(log(sample("a", tokens=5), sample("b", Outcome.ERRORED)))
    assert Metric.TOKENS not in run.samples.unknown


def test_unknown_metrics_survive_a_baseline_s_file(tmp_path):
    run = gather(log(sample("a"), sample("b")))
    pq.write_table(stored.to_table(run.samples), tmp_path / "samples.parquet")
    table = pq.read_table(tmp_path / "samples.parquet")
    assert stored.from_table(table, "x", stored.unknown_in(table)).unknown == run.samples.unknown


def test_one_id_with_two_contents_is_refused():
    with pytest.raises(BadSamplesError, match="the id a stands for two questions"):
        gather(log(sample("a", content="x"), sample("a", content="y")))


def test_the_same_epoch_twice_is_refused():
    with pytest.raises(BadSamplesError, match="1 sample twice"):
        gather(log(sample("a", epoch=0), sample("a", epoch=0)))


def test_no_verdicts_are_reported_with_the_remedy():
    with pytest.raises(DataError, match="holds no verdicts") as caught:
        gather(log(sample("a", None)))
    assert "--rejudge" in caught.value.hint


def test_a_log_that_lacks_samples_is_planned_in_full():
    assert gather(log(sample("a"), planned=5)).manifest.planned == 5


def test_contents_are_hashed_whatever_their_order():
    one, other = gather(log(sample("a"), sample("b"))), gather(log(sample("b"), sample("a")))
    assert one.manifest.suite.hash == other.manifest.suite.hash != ""
    changed = gather(log(sample("a"), sample("b", content="z")))
    assert changed.manifest.suite.hash != one.manifest.suite.hash


# -- comparing ------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [LM_EVAL, INSPECT / "sums.eval", INSPECT / "sums.json"])
def test_a_tool_s_results_are_comparable_with_themselves(path):
    run = side(path)
    assert differences(run.manifest, run.manifest, ()) == ()
    found = compare.compare(run, run, POLICY, look=1, of=1).verdict
    assert found.kind is VerdictKind.PASS
    assert found.reproduced_exactly


def test_what_a_tool_records_is_compared_and_the_rest_is_listed():
    run = side(INSPECT / "sums.eval")
    open_keys = unknown(run.manifest, run.manifest)
    assert "sampling.top_p" in open_keys
    assert "sampling.temperature" not in open_keys  # 0 is a value
    other = gather(log(sample("a"), settings={"sampling.temperature": 0.6}))
    found = {
        d.key: (d.baseline, d.candidate) for d in differences(run.manifest, other.manifest, ())
    }
    assert found["sampling.temperature"] == ("0.0", "0.6")
    assert found["engine.name"] == ("inspect", "tool")
    assert "sampling.top_p" not in found


def test_another_prompt_is_another_run(tmp_path):
    path = next(LM_EVAL.glob("samples_options*"))
    text = path.read_text()
    before, after = json.loads(text.splitlines()[0])["prompt_hash"], "f" * 64
    (tmp_path / path.name).write_text(text.replace(before, after))
    found = differences(side(path).manifest, side(tmp_path / path.name).manifest, ())
    assert [d.key for d in found] == ["prompts.hash"]


def test_a_named_policy_that_gates_what_is_unknown_is_invalid():
    run = side(LM_EVAL)
    verdict = compare.compare(run, run, GatePolicy(name="all"), look=1, of=1).verdict
    assert verdict.kind is VerdictKind.INVALID
    assert any(
        "gates tokens, and neither side records it" in why for why in wording.reasons(verdict)
    )
    policy, notes = sides.gated_by_what_is_known(GatePolicy(name="all"), run, run)
    assert (policy.margins.tokens, policy.margins.truncation) == (None, None)
    assert len(notes) == 2
    assert compare.compare(run, run, policy, look=1, of=1).verdict.kind is not VerdictKind.INVALID


def test_a_side_may_be_judged_again():
    spec = JudgeSpec("math", ("boxed", "stated"))
    own = side(INSPECT / "sums.eval")
    ours = sides.load(INSPECT / "sums.eval", Wanted(), spec)
    assert ours.manifest.judges["sums"].startswith("math/")
    assert ours.samples.outcome_counts()["CORRECT"] == own.samples.outcome_counts()["CORRECT"]
    assert [d.key for d in differences(own.manifest, ours.manifest, ())] == ["judges"]


def test_what_judge_writes_is_a_side(tmp_path):
    from helpers.foreign import judged

    judged(INSPECT / "sums.eval", tmp_path / "judged.parquet")
    run = side(tmp_path / "judged.parquet")
    assert len(run.samples) == 12
    assert not any(metric.core for metric in run.samples.unknown)


def test_our_own_files_are_not_another_tool_s(tmp_path):
    columns = {name: ["a"] for name in ("task", "problem_id", "outcome")}
    counts = {"sample_index": [0], "completion_tokens": [3]}
    table = pa.table({**columns, **counts, "outcome": ["CORRECT"]})
    pq.write_table(table, tmp_path / "s.parquet")
    assert not sides.is_foreign(tmp_path / "s.parquet")
    assert not sides.is_foreign(tmp_path)
    assert sides.is_foreign(LM_EVAL)
