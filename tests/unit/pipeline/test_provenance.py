"""What a manifest says of a plan and of its suite's judges."""

import pytest
from helpers import replayed

from smallscale_ci.config.suite import JudgeConfig
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.pipeline import prepare, provenance
from smallscale_ci.pipeline.request import Request
from smallscale_ci.run.folder import RunFolder


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    place = tmp_path_factory.mktemp("provenance")
    replayed.make_configs(place, problems=6)
    replayed.make_run(place, "src")
    asked = Request(str(place / "stored" / "src"), "tiny", "replay", baseline="none")
    return prepare.plan(asked, replayed.settings(place), say=lambda _: None)


def test_a_replayed_run_is_asked_as_the_run_that_it_replays(plan):
    begun, source = provenance.begin(plan), RunFolder(plan.checkpoint.path).read_manifest()
    assert begun.run_id == plan.config.name
    assert begun.suite.hash == plan.suite.hash
    assert (begun.template, begun.engine.request) == (source.template, source.engine.request)
    assert begun.judges == provenance.judge_versions(plan.suite)
    assert begun.status == "running"


def test_every_task_has_its_judge_with_version_and_options(plan):
    specs = provenance.judge_specs(plan.suite)
    assert specs.keys() == {task.name for task in plan.suite.tasks}
    assert all(isinstance(spec, JudgeSpec) for spec in specs.values())
    (version,) = set(provenance.judge_versions(plan.suite).values())
    assert version.startswith("math/")


def test_measured_errors_are_no_option_of_a_judge():
    """A suite that states its judge's errors judges as before."""
    counts = {"right": (9, 10), "wrong": (8, 10)}
    measured = JudgeConfig.model_validate({"name": "llm", "model": "m", "measured": counts})
    assert "measured" not in JudgeSpec(**measured.model_dump(exclude={"measured"})).__slots__
