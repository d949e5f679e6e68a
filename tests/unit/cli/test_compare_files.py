"""``compare`` of bare samples files, as another tool writes them."""

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from smallscale_ci.cli.main import app


def columns(seed: int, problems: int = 60, epochs: int = 2) -> dict[str, list]:
    rng, n = np.random.default_rng(seed), problems * epochs
    return {
        "task": ["math"] * n,
        "problem_id": [f"p{i // epochs}" for i in range(n)],
        "sample_index": [i % epochs for i in range(n)],
        "outcome": ["CORRECT" if right else "WRONG" for right in rng.random(n) < 0.8],
        "completion_tokens": [float(t) for t in rng.integers(50, 150, n)],
    }


@pytest.fixture
def compare(tmp_path, monkeypatch):
    """Compare two tables of columns: exit code, the JSON of stdout, and stderr."""
    monkeypatch.chdir(tmp_path)

    def call(candidate: dict[str, list], baseline: dict[str, list], *arguments: str):
        pq.write_table(pa.table(candidate), "candidate.parquet")
        pq.write_table(pa.table(baseline), "baseline.parquet")
        words = ["compare", "candidate.parquet", "baseline.parquet", "--json", *arguments]
        done = CliRunner().invoke(app, words)
        assert "Traceback" not in done.stderr
        return done.exit_code, json.loads(done.stdout), done.stderr

    return call


def changed(columns: dict[str, list], name: str, row: int, value) -> dict[str, list]:
    return {**columns, name: [*columns[name][:row], value, *columns[name][row + 1 :]]}


def twice(columns: dict[str, list]) -> dict[str, list]:
    return {name: [*values, values[7]] for name, values in columns.items()}


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (twice, "holds 1 sample twice, first: problem p3, sample_index 1"),
        (lambda c: changed(c, "completion_tokens", 7, math.nan), "1 sample has empty, NaN or"),
        (lambda c: changed(c, "completion_tokens", 7, -3.0), "1 sample has empty, NaN or"),
        (lambda c: changed(c, "completion_tokens", 7, None), "1 sample has empty, NaN or"),
        (lambda c: {name: values[:0] for name, values in c.items()}, "holds no samples"),
        (
            lambda c: {**c, "cluster": ["a", *["b"] * 119]},
            "problem p0 is in the clusters 'a' and 'b'",
        ),
    ],
)
def test_samples_that_cannot_be_counted_are_invalid_with_the_reason(compare, spoil, reason, side):
    sides = [columns(1), columns(2)]
    sides[side] = spoil(sides[side])
    code, verdict, said = compare(*sides, "--gate", "smoke", "--look", "2", "--of", "3")
    assert code == 4
    assert verdict["kind"] == "INVALID"
    assert (verdict["look"], verdict["of"], verdict["policy"]) == (2, 3, "smoke")
    assert verdict["checks"] == []
    assert reason in verdict["reasons"][0]["sentence"]
    assert ("candidate.parquet", "baseline.parquet")[side] in verdict["reasons"][0]["sentence"]
    assert reason in said
    assert "INVALID" in said


def test_a_job_on_github_is_told_why_samples_cannot_be_counted(compare, tmp_path, monkeypatch):
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "summary.md"))
    code, _, said = compare(twice(columns(1)), columns(2))
    assert code == 4
    assert "::error" in said
    assert "holds 1 sample twice" in (tmp_path / "summary.md").read_text()


def test_a_file_of_another_kind_is_a_mistake_of_the_call(compare):
    code, value, _ = compare({"a": [1]}, columns(2))
    assert code == 2
    assert "no column with the model's text" in value["error"]


def test_rows_in_any_order_give_the_very_same_verdict(compare):
    candidate, baseline = (
        {name: [*values, *(other if name == "task" else values)] for name, values in side.items()}
        for side, other in ((columns(s), ["code"] * 120) for s in (1, 2))
    )
    rng = np.random.default_rng(0)
    shuffled = []
    for side in (candidate, baseline):
        order = rng.permutation(len(side["task"]))
        shuffled.append({name: [values[i] for i in order] for name, values in side.items()})
    assert compare(*shuffled)[:2] == compare(candidate, baseline)[:2]


@pytest.mark.parametrize("varied", ["completion_tokens", "outcome"])
def test_a_baseline_that_is_reproduced_passes_whatever_its_size(compare, varied):
    side = columns(1, problems=1 if varied == "completion_tokens" else 30, epochs=8)
    n = len(side["task"])
    if varied == "outcome":
        side["completion_tokens"] = [100] * n
    code, verdict, _ = compare(side, side)
    assert verdict["reproduced_exactly"]
    assert (code, verdict["kind"]) == (0, "PASS")
    side |= {"completion_tokens": [100] * n, "outcome": ["CORRECT"] * n}
    code, verdict, _ = compare(side, side)  # nothing could have come out otherwise
    assert verdict["reproduced_exactly"]
    assert (code, verdict["kind"]) == (5, "INCONCLUSIVE")


def test_a_finish_reason_may_be_unknown(compare):
    side = columns(1)
    side["outcome"][3:5] = ["TRUNCATED", "ERRORED"]
    side["completion_tokens"][4] = None
    known = {**side, "finish_reason": ["STOP"] * 3 + ["LENGTH", None] + ["STOP"] * 115}
    empty = {**side, "finish_reason": ["STOP"] * 3 + ["LENGTH", ""] + ["STOP"] * 115}
    assert compare(empty, side)[1]["checks"] == compare(side, side)[1]["checks"]
    unknown = {**side, "finish_reason": pa.array([None] * 120, pa.string())}
    assert compare(known, side)[1]["checks"] == compare(side, side)[1]["checks"]
    assert compare(unknown, side)[1]["checks"] == compare(side, side)[1]["checks"]


def test_a_plan_without_a_baseline_names_the_command_that_records_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["plan", "--suite", "gsm8k"])
    assert done.exit_code == 4
    assert "no baseline for suite 'gsm8k'" in done.stderr
    assert "smallscale generate MODEL --suite gsm8k" in done.stderr
