"""Every suite that is shipped passes an unchanged model with the policy that it names."""

import zlib
from pathlib import Path

import numpy as np
import pytest
import yaml
from helpers import typical
from helpers.runs import simulate, together

from smallscale_ci.config.folders import names
from smallscale_ci.config.load import load
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.gate.holdable import too_fine
from smallscale_ci.gate.power import plan
from smallscale_ci.report import planning
from smallscale_ci.run.baselines import load as stored

ROOT = Path(__file__).resolve().parents[3]
ROOTS = (ROOT / "configs",)
HERE = {"smoke", "smoke-code"}  # with baselines of their own
LARGE = {"full", "mmlu"}  # the simulation of 14,000 problems takes a minute
PUBLISHED = sorted(set(names(SuiteConfig, ROOTS)) - HERE - {"smoke-train"})


def shipped(name):
    config = load(SuiteConfig, name, ROOTS)
    tasks = {task.name: task.limit for task in config.tasks}
    repeats = {task: typical.SHAPES[task][1] for task in tasks}
    seed = zlib.crc32(name.encode())
    return typical.suite(tasks, 8, seed), load(GatePolicy, config.gate, ROOTS), repeats


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_published_suite_can_hold_its_policy(name):
    baseline, policy, repeats = shipped(name)
    assert too_fine(baseline, policy, repeats=repeats) == ()
    if name not in LARGE:
        found = plan(baseline, policy, trials=40, losses=(), repeats=repeats)
        assert found.passed.high >= 0.95
        assert found.passed.value >= 0.9


@pytest.mark.parametrize("name", sorted(HERE))
def test_so_can_ours(name):
    baseline = stored(ROOT / "baselines" / name / "vllm-cpu" / "smollm2")
    policy = load(GatePolicy, load(SuiteConfig, name, ROOTS).gate, ROOTS)
    assert plan(baseline.samples, policy, trials=60, losses=()).passed.value >= 0.93


def test_what_init_writes_for_smoke_can_pass():
    template = ROOT / "smallscale_ci" / "github" / "templates" / "gate-smoke.yaml"
    policy = GatePolicy(**yaml.safe_load(template.read_text()))
    baseline = stored(ROOT / "baselines" / "smoke" / "vllm-cpu" / "smollm2")
    assert plan(baseline.samples, policy, trials=60, losses=()).passed.value >= 0.93


def test_too_fine_covers_the_mean_over_tasks():
    rng = np.random.default_rng(0)
    parts = [simulate(rng, rng.beta(1.6, 0.4, 60), 8, task=task) for task in ("a", "b")]
    policy = GatePolicy(name="p", gated="mean", max_epochs=1)
    found = [planning.limit(one) for one in too_fine(together(*parts), policy)]
    assert any(w.startswith("mean over tasks accuracy: the margin of 2 pp") for w in found)
    assert all("would rarely PASS" in w for w in found if "truncation" in w)
    assert not any(w.startswith(("a ", "b ")) for w in found)
