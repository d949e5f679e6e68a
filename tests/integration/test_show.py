"""``show``: one sample of a run with all that is known about it."""

import json
from pathlib import Path

import pytest
from helpers import replayed


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("place")
    replayed.make_configs(place, problems=4)
    source = replayed.make_run(place, "src", epochs=8)
    done = replayed.smallscale(
        place, "baseline", "record", source, "--by", "me", "-m", "first", "--baselines", "baselines"
    )
    assert done.returncode == 0, done.stderr
    return place


def test_a_sample_is_shown_whole(place):
    _, suite = replayed.read_suite(place)
    problem = suite.problems[2]
    done = replayed.smallscale(place, "show", "stored/src", f"{problem.id[:8]}:1")
    assert done.returncode == 0, done.stderr
    for told in (
        f"{problem.id}, task sums, sample 1",
        "[user]\nWhat is 2 + 3?",
        "[answer]\nThe sum is",
        "the quantity 5",
        "9 in the prompt",
        "The baseline m:",
    ):
        assert told in done.stdout
    found = json.loads(
        replayed.smallscale(place, "show", "stored/src", f"{problem.id}:1", "--json").stdout
    )
    assert found["golds"] == ["5"]
    assert found["sample"] == 1
    assert len(found["baseline"]["answers"]) == 8


def test_what_is_not_there_is_said(place):
    done = replayed.smallscale(place, "show", "stored/src", "nothing")
    assert done.returncode == 2
    assert "names no problems" in done.stderr


def test_a_baseline_begins_with_who_when_and_why(place):
    done = replayed.smallscale(place, "baseline", "show", "tiny/replay/m")
    head = [line.split()[0] for line in done.stdout.splitlines() if line.strip()]
    assert head[:5] == ["baseline", "recorded", "why", "from", "task"]


def test_a_suite_is_shown_on_stdout(place):
    done = replayed.smallscale(place, "suite", "show", "tiny")
    assert "What is 0 + 1?" in done.stdout


def test_a_plan_that_nothing_can_pass_is_not_a_success(place):
    (place / "configs" / "gates" / "fine.yaml").write_text(
        "name: fine\nmargins: {accuracy: 0.001, tokens: 0.001, truncation: 0.001}\nmax_epochs: 1\n"
    )
    asked = ("plan", "m", "--suite", "tiny", "--profile", "replay", "--trials", "20")
    done = replayed.smallscale(place, *asked, "--gate", "fine")
    assert done.returncode == 2, done.stdout
    assert "An unchanged model would pass only" in done.stderr
