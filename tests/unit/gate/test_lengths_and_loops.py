"""Thinking, answer, looping and missing: known or not, summed up, compared and gated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.runs import CUT, RIGHT, WRONG, grid

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.errors import BadSamplesError, DataError
from smallscale_ci.gate.decide import decide
from smallscale_ci.gate.power import plan
from smallscale_ci.gate.summary import summarise
from smallscale_ci.records import Metric, VerdictKind
from smallscale_ci.report import wording
from smallscale_ci.run.records_json import summary_from_json, summary_json
from smallscale_ci.run.samples import Samples
from smallscale_ci.run.samples_table import from_table, read_samples, to_table

NEW = (Metric.THINKING, Metric.ANSWER, Metric.LOOPING, Metric.MISSING)


def thinker(problems: int = 60, more: float = 1.0, loops: float = 0.0) -> Samples:
    """Three of four are right; thinking is 80 tokens, times ``more``, and answers are 20."""
    rng = np.random.default_rng(5)
    outcome = np.where(np.arange(problems)[:, None] % 4 > 0, RIGHT, WRONG) * np.ones((1, 2), int)
    looping = rng.random(2 * problems) < loops
    outcome.ravel()[looping] = CUT
    thinking = np.round(rng.uniform(70, 90, 2 * problems) * more)
    samples = grid(outcome, thinking.reshape(problems, 2) + 20)
    return replace(samples, thinking=thinking, looping=looping, unknown=frozenset())


def test_margins_are_named_as_metrics_are() -> None:
    assert set(Margins.model_fields) == {metric.value for metric in Metric}
    assert all(Margins(**{m.value: 0.5}).of(m) == 0.5 for m in Metric)


def test_levels_and_lengths_of_right_and_wrong_answers() -> None:
    samples = thinker(loops=0.1)
    summary = summarise(samples)
    task = summary.tasks[0]
    assert task.levels[Metric.ANSWER].value == pytest.approx(20)
    assert 75 < task.levels[Metric.THINKING].value < 85
    assert task.levels[Metric.LOOPING].value == pytest.approx(samples.looping.mean())
    assert task.levels[Metric.MISSING].value == pytest.approx((samples.outcome == CUT).mean())
    assert 0 < task.levels[Metric.LOOPING].low < task.levels[Metric.LOOPING].high < 1
    right = samples.thinking[samples.outcome == RIGHT].mean()
    assert task.lengths["thinking"]["right"] == pytest.approx(right)
    assert task.lengths["answer"] == {"right": pytest.approx(20), "wrong": pytest.approx(20)}
    assert summary_from_json(summary_json(summary)) == summary
    assert summary_json(summary)["tasks"][0]["thinking"]["n"] == 60


def test_what_is_not_known_has_no_level() -> None:
    levels = summarise(grid(np.full((4, 1), RIGHT))).tasks[0].levels
    assert levels[Metric.MISSING].n == 4
    assert not any(levels[m].n for m in (Metric.THINKING, Metric.ANSWER, Metric.LOOPING))


@pytest.mark.parametrize(
    ("margins", "candidate", "kind"),
    [
        ({"thinking": 0.1}, thinker(more=1.5), VerdictKind.REGRESSED),
        ({"answer": 0.1}, thinker(more=1.5), VerdictKind.PASS),
        ({"looping": 0.05}, thinker(loops=0.4), VerdictKind.REGRESSED),
        ({"missing": 0.05}, thinker(loops=0.4), VerdictKind.REGRESSED),
        ({"looping": 0.2, "missing": 0.2, "thinking": 0.5}, thinker(), VerdictKind.PASS),
    ],
)
def test_each_can_be_gated(
    margins: dict[str, float], candidate: Samples, kind: VerdictKind
) -> None:
    off = dict.fromkeys(("accuracy", "tokens", "truncation"))
    policy = GatePolicy(name="p", margins=Margins(**{**off, **margins}), max_epochs=1)
    verdict = decide(candidate, thinker(), policy)
    assert verdict.kind is kind
    if kind is VerdictKind.REGRESSED:
        assert next(iter(margins)) in {c.metric.value for c in verdict.checks if c.gated}
        assert "more" in wording.reasons(verdict)[0]


def test_ungated_ones_are_shown_where_there_is_anything() -> None:
    verdict = decide(thinker(loops=0.1), thinker(), GatePolicy(name="p"))
    shown = {check.metric: check for check in verdict.checks}
    assert set(NEW) <= set(shown)
    assert not any(shown[metric].gated for metric in NEW)
    calm = decide(
        grid(np.full((30, 2), RIGHT)), grid(np.full((30, 2), RIGHT)), GatePolicy(name="p")
    )
    assert {check.metric for check in calm.checks} == {m for m in Metric if m.core}


def test_a_gated_metric_that_one_side_does_not_know_is_invalid() -> None:
    policy = GatePolicy(name="p", margins=Margins(thinking=0.1))
    old = replace(thinker(), thinking=None, looping=None)
    verdict = decide(thinker(), old, policy)
    assert verdict.kind is VerdictKind.INVALID
    assert "gates thinking, and the baseline does not record it" in " ".join(
        wording.reasons(verdict)
    )
    assert decide(thinker(), old, GatePolicy(name="p")).kind is VerdictKind.PASS


def test_a_plan_knows_what_is_gated() -> None:
    policy = GatePolicy(name="p", margins=Margins(thinking=0.2, looping=0.2), max_epochs=1)
    found = plan(thinker(loops=0.05), policy, trials=5, seed=1)
    assert {"thinking", "looping"} <= set(found.detectable)
    assert {h.metric for h in found.holdable} == {
        *(m for m in Metric if m.core), Metric.THINKING, Metric.LOOPING
    }  # fmt: skip
    assert plan(grid(np.full((9, 2), RIGHT)), policy, trials=5, seed=1).detectable


def test_columns_come_back_from_a_file(tmp_path: Path) -> None:
    samples = thinker(loops=0.2)
    table = to_table(samples)
    pq.write_table(table, tmp_path / "samples.parquet")
    again = read_samples(tmp_path / "samples.parquet")
    assert again.thinking is not None
    assert again.looping is not None
    assert sorted(again.thinking) == sorted(samples.thinking)
    assert again.looping.sum() == samples.looping.sum()
    old = from_table(table.drop_columns(["thinking_tokens", "looping"]), "old")
    assert old.thinking is None
    assert old.looping is None


def test_counts_that_cannot_be_are_refused() -> None:
    table = to_table(thinker(4))
    at = table.column_names.index("thinking_tokens")
    with pytest.raises(BadSamplesError, match="thinking_tokens"):
        from_table(table.set_column(at, "thinking_tokens", pa.array([999] * 8)), "x")
    with pytest.raises(DataError, match="must hold numbers"):
        from_table(table.set_column(at, "thinking_tokens", pa.array(["a"] * 8)), "x")
    unknown = table.set_column(at, "thinking_tokens", pa.array([None] * 8, pa.int32()))
    assert from_table(unknown, "x").thinking is None
