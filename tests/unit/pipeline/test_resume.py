"""Resuming a run that was started: found, checked, and placed where it may run now."""

from pathlib import Path

import pytest
from helpers import replayed
from helpers.plans import plan, request, settings

from smallscale_ci.config import load
from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.files import write_json
from smallscale_ci.pipeline import resume
from smallscale_ci.pipeline.prepare import Plan
from smallscale_ci.pipeline.request import Request
from smallscale_ci.run.folder import RunFolder


def started(place: Path) -> Plan:
    """A plan whose run folder is there, unfinished."""
    found = plan(place)
    found.run.path.mkdir(parents=True)
    found.run.config.write_text(load.dump(found.config))
    write_json(found.run.manifest, RunFolder(place / "stored" / "src").read_manifest())
    replayed.alter(found.run.path, suite={"hash": found.suite.hash}, status="interrupted")
    replayed.rehash(found.run.path)
    return found


def test_a_resumed_plan_is_the_one_that_was_begun(place):
    first = started(place)
    again = resume.resume(first.run.path, settings(place), say=lambda text: None)
    assert again.config == first.config
    assert again.run == first.run
    assert again.suite == first.suite


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"model": "stored/other"}, "was started with the model"),
        ({"gate": "default"}, "was started under the policy tiny"),
    ],
)
def test_a_run_is_not_resumed_as_another(place, asked, message):
    """It would go on as it was started, and its verdict would pass for that of what was named."""
    path = started(place).run.path

    def again(**named: object) -> Plan:
        wanted = Request(**{"model": "", **named})
        return resume.resume(path, settings(place), say=lambda text: None, request=wanted)

    with pytest.raises(UsageError, match=message) as caught:
        again(**asked)
    assert "--resume" in caught.value.hint
    same = again(model=str(place / "stored" / "src"), gate="tiny")
    assert same.config == again().config


def test_bounds_that_were_raised_since_hold_for_a_resumed_run(place):
    slow = place / "configs" / "engines" / "slow.yaml"
    asked = request(place, profile="slow", baseline="none")
    found = plan(place, profile="slow", baseline="none")
    found.run.path.mkdir(parents=True)
    found.run.config.write_text(load.dump(found.config))
    write_json(found.run.manifest, RunFolder(place / "stored" / "src").read_manifest())
    replayed.alter(found.run.path, suite={"hash": found.suite.hash}, status="failed")
    replayed.rehash(found.run.path)
    slow.write_text(slow.read_text() + "container: {memory_gib: 7}\nstall_timeout_s: 9\n")
    assert resume.unfinished(asked, settings(place)) == found.run.path
    assert resume.only_unfinished(settings(place), compares=False) == found.run.path
    with pytest.raises(UsageError, match="No unfinished run of eval"):
        resume.only_unfinished(settings(place), compares=True)
    again = resume.resume(found.run.path, settings(place), say=lambda text: None).config
    assert again.profile.container.memory_gib == 7
    assert again.profile.stall_timeout_s == 9
    # What changes results is as it was; and without the profile, all is.
    slow.write_text(slow.read_text().replace("max_in_flight: 4", "max_in_flight: 5"))
    assert resume.unfinished(asked, settings(place)) is None
    again = resume.resume(found.run.path, settings(place), say=lambda text: None).config
    assert again.profile.max_in_flight == 4
    slow.unlink()
    again = resume.resume(found.run.path, settings(place), say=lambda text: None).config
    assert again == found.config


def test_a_run_goes_on_on_the_gpus_that_are_named_then(place):
    """Others may be busy, or broken: who draws a sample changes nothing of it."""
    found = started(place)

    def again(**named: object) -> Plan:
        wanted = Request(**{"model": "", **named})
        return resume.resume(found.run.path, settings(place), say=lambda _: None, request=wanted)

    moved = again(gpus=("2", "3", "4")).config
    assert (moved.gpus, moved.profile.ranks) == (("2", "3", "4"), 3)
    assert again(ranks=2).config.profile.ranks == 2
    assert again(gpus=("5",), ranks=4).config.profile.ranks == 4
    assert again().config == found.config


def test_a_run_is_not_resumed_with_other_template_variables(place):
    found = started(place)
    wanted = Request(model="", template=("enable_thinking=false",))
    with pytest.raises(UsageError, match="other template variables"):
        resume.resume(found.run.path, settings(place), say=lambda _: None, request=wanted)


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("weights_hash", "weights"),
        ("config_hash", "config.json"),
        ("generation_hash", "generation_config.json"),
        ("tokenizer_hash", "tokenizer"),
        ("template_hash", "chat template"),
    ],
)
def test_what_changed_since_is_not_resumed(place, part, name):
    run = started(place).run
    replayed.alter(run.path, suite={"hash": "other"}, checkpoint={part: "other"})
    with pytest.raises(UsageError, match=f"The {name} and the suite changed since") as caught:
        resume.resume(run.path, settings(place), say=lambda text: None)
    assert "leave out --resume" in caught.value.hint


def test_a_complete_run_is_not_resumed(place):
    run = started(place).run
    replayed.alter(run.path, status="complete", files=None, schema_version="1")
    write_json(run.verdict, {})
    with pytest.raises(UsageError, match="is complete") as caught:
        resume.resume(run.path, settings(place), say=lambda text: None)
    assert "smallscale compare" in caught.value.hint


def test_a_run_without_its_configuration_is_not_resumed(place):
    run = started(place).run
    run.config.unlink()
    with pytest.raises(DataError, match="config"):
        resume.resume(run.path, settings(place), say=lambda text: None)
