"""The suite smoke-code: its stored run, and the judge that runs its programs for real."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
from helpers.clock import now
from helpers.needed import absent

from smallscale_ci.config import load
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.gate.decide import decide
from smallscale_ci.judges.blocks import program as program_in
from smallscale_ci.judges.registry import judge_version
from smallscale_ci.judges.stream import JudgeStream
from smallscale_ci.pipeline.provenance import judge_specs
from smallscale_ci.records import FinishReason, Generation, Outcome, VerdictKind
from smallscale_ci.run import baselines
from smallscale_ci.run.samples import Samples
from smallscale_ci.sandbox.choice import choose
from smallscale_ci.suite.local import load_suite

ROOT = Path(__file__).resolve().parents[2]
BASELINE = ROOT / "baselines" / "smoke-code" / "vllm-cpu" / "smollm2"
FILE = ROOT / "configs" / "suites" / "smoke-code.yaml"
SUITE = load_suite(load.load(SuiteConfig, str(FILE), ()), FILE.parent)


def test_the_stored_run_has_something_to_lose_and_is_of_this_suite():
    stored = baselines.load(BASELINE)
    assert stored.manifest is not None
    assert stored.manifest.suite.hash == SUITE.hash
    assert stored.manifest.judges["code"].startswith(judge_version("code"))
    rows = pq.read_table(BASELINE / "samples.parquet").to_pylist()
    assert len(rows) == 60 * 8
    right = sum(row["outcome"] == "CORRECT" for row in rows) / len(rows)
    assert 0.2 <= right <= 0.8
    assert not any(row["outcome"] == "ERRORED" for row in rows)


def test_one_epoch_of_the_same_model_passes_its_gate():
    stored = baselines.load(BASELINE).samples
    policy = load.load(GatePolicy, str(ROOT / "configs" / "gates" / "smoke-code.yaml"), ())
    kinds = [
        decide(part(stored, held_out), part(stored, held_out, rest=True), policy).kind
        for held_out in range(8)
    ]
    assert kinds.count(VerdictKind.PASS) >= 7
    assert VerdictKind.REGRESSED not in kinds


def part(samples: Samples, index: int, *, rest: bool = False) -> Samples:
    """One epoch of a stored run, or all others."""
    keep = (samples.sample_index != index) if rest else (samples.sample_index == index)
    return Samples(
        samples.tasks, samples.problem_ids, samples.problem_task, samples.clusters,
        samples.problem[keep], samples.sample_index[keep], samples.outcome[keep],
        samples.tokens[keep], samples.truncated[keep],
    )  # fmt: skip


SOLUTIONS = {
    "add": "def add(a, b):\n    return a + b",
    "largest": "def largest(numbers):\n    return max(numbers)",
    "unique": "class Solution:\n    def unique(self, items):\n        return sorted(set(items))",
    "factorial": "def factorial(n):\n    return n if n < 2 else n * factorial(n - 1)",
}
OUTCOMES = {"add": "CORRECT", "largest": "CORRECT", "unique": "WRONG", "factorial": "WRONG"}


def test_its_problems_are_judged_by_running_programs():
    choice = choose(
        "auto",
        ROOT / "docker" / "images.lock.yaml",
        dict(os.environ),
        now,
        nonce="a1b2c3",
    )
    if choice.sandbox is None:
        absent(choice.reason)
    problems = {p.tests[0].function: p for p in SUITE.problems if p.tests[0].function in SOLUTIONS}
    reader = next(p for p in SUITE.problems if "prints its square" in p.question)
    given = [
        Generation(problems[name].id, 0, f"Here:\n```python\n{text}\n```", (), 1, 1,
                   FinishReason.STOP, 0, 0.1)
        for name, text in SOLUTIONS.items()
    ]  # fmt: skip
    square = "```python\nprint(int(input()) ** 2)\n```"
    cut = "```python\nprint(int(input()"
    stop, length = FinishReason.STOP, FinishReason.LENGTH
    given.append(Generation(reader.id, 0, square, (), 1, 1, stop, 0, 0.1))
    given.append(Generation(reader.id, 1, cut, (), 1, 1, length, 0, 0.1))
    specs = judge_specs(SUITE)
    with JudgeStream(SUITE.problems, specs, workers=2, sandbox=lambda: choice) as stream:
        for generation in given:
            stream.feed(generation)
        found = {(j.problem_id, j.sample_index): j for _, j in stream.drain()}
    for name, outcome in OUTCOMES.items():
        judgement = found[problems[name].id, 0]
        assert judgement.outcome.value == outcome, (name, judgement.reason)
    assert "test 1 of 3" in found[problems["factorial"].id, 0].reason  # factorial(0) is 1
    assert "test 3 of 3" in found[problems["unique"].id, 0].reason
    assert found[reader.id, 0].outcome is Outcome.CORRECT
    assert found[reader.id, 1].outcome is Outcome.TRUNCATED
    assert stream.sandbox == choice.record()


def test_the_example_turns_are_programs_that_a_judge_would_find():
    for _, answer in SUITE.tasks[0].prompt.examples:
        program = program_in(answer)
        assert program is not None
        ast.parse(program)


def test_a_gate_of_its_own_is_the_suite_s_default():
    command = "from smallscale_ci.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", command, "baseline", "list", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "smoke-code" in done.stdout
    assert load.load(SuiteConfig, str(FILE), ()).gate == "smoke-code"
