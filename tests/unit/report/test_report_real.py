"""Reports of verdicts that the real gate has reached on simulated runs."""

import io

import numpy as np
import pyarrow as pa
import pytest
from rich.console import Console

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.gate.decide import decide
from smallscale_ci.gate.summary import summarise
from smallscale_ci.records import Difference
from smallscale_ci.report import annotations, console, html, junit, markdown
from smallscale_ci.report.interface import ReportData
from smallscale_ci.run.records_json import (
    summary_from_json,
    summary_json,
    verdict_from_json,
    verdict_json,
)
from smallscale_ci.run.samples import Samples
from smallscale_ci.run.samples_table import from_table

PROBLEMS = 150


def run(seed: int, *, loss: float = 0.0, longer: float = 1.0, errors: float = 0.0) -> Samples:
    """One epoch of two tasks; solve rates are the same for every seed."""
    rates = np.random.default_rng(5).beta(1.6, 0.4, 2 * PROBLEMS)
    rng = np.random.default_rng(seed)
    tokens = np.minimum(rng.lognormal(4.5, 0.4, len(rates)) * longer, 256).astype(int)
    right = rng.random(len(rates)) < rates - loss
    outcome = np.where(right, "CORRECT", "WRONG").astype(object)
    outcome[tokens == 256] = "TRUNCATED"
    outcome[rng.random(len(rates)) < errors] = "ERRORED"
    columns = {
        "task": ["math"] * PROBLEMS + ["mcq"] * PROBLEMS,
        "problem_id": [f"problem-{number}" for number in range(len(rates))],
        "sample_index": [0] * len(rates),
        "outcome": list(outcome),
        "completion_tokens": tokens,
    }
    return from_table(pa.table(columns), "simulated")


def report(candidate: Samples, *differences: Difference) -> ReportData:
    baseline = run(1)
    verdict = decide(candidate, baseline, GatePolicy(name="default"), differences=differences)
    return ReportData(
        run_id="run",
        model="tiny",
        suite="smoke",
        profile="cpu",
        candidate=summarise(candidate),
        verdict=verdict,
        baseline=summarise(baseline),
        baseline_name="smollm2",
    )


CASES = {
    "PASS: tiny reproduces smollm2 exactly": report(run(1)),
    "REGRESSED: tiny is worse than smollm2: math accuracy fell by": report(run(2, loss=0.3)),
    "REGRESSED: tiny is worse than smollm2: math tokens rose by": report(run(3, longer=1.5)),
    "INCONCLUSIVE: tiny against smollm2": report(run(4)),
    "INVALID: no conclusion about tiny against smollm2. Only": report(run(5, errors=0.1)),
    "INVALID: no conclusion": report(run(1), Difference("sampling.temperature", "0.6", "1.0")),
}


@pytest.mark.parametrize("start", CASES)
def test_every_renderer_on_a_real_verdict(start: str) -> None:
    data = CASES[start]
    stream = io.StringIO()
    Console(file=stream, width=80, color_system=None).print(console.render(data))
    printed = stream.getvalue()
    assert " ".join(printed.split()).startswith(start)
    assert max(map(len, printed.splitlines())) <= 80
    assert start in markdown.render(data)
    assert start.split(":", maxsplit=1)[0] in html.render(data)
    passed = start.startswith("PASS")
    assert ('failures="0" errors="0"' in junit.render(data)) == passed
    assert (annotations.render(data) == "") == passed


@pytest.mark.parametrize("start", CASES)
def test_json_and_back(start: str) -> None:
    data = CASES[start]
    # Text is compared, because NaN is not equal to itself.
    assert repr(verdict_from_json(verdict_json(data.verdict))) == repr(data.verdict)
    assert repr(summary_from_json(summary_json(data.candidate))) == repr(data.candidate)
