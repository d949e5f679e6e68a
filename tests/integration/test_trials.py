"""``--limit``, ``--dry-run`` and ``--set``: trying a run out, and what is written down about it."""

import json
from pathlib import Path

import pytest
from helpers import replayed

from smallscale_ci.run.folder import RunFolder

EVAL = (
    "eval",
    "stored/src",
    "--suite",
    "tiny",
    "--profile",
    "replay",
    "--baseline",
    "tiny/replay/m",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """Configurations, a stored run and its baseline."""
    place = tmp_path_factory.mktemp("place")
    replayed.make_configs(place, problems=20)
    source = replayed.make_run(place, "src", epochs=2)
    replayed.record(source, place / "baselines", "first")
    return place


@pytest.mark.parametrize("command", ["eval", "generate"])
def test_a_dry_run_shows_the_plan_and_writes_nothing(place, tmp_path, command):
    asked = EVAL if command == "eval" else ("generate", *EVAL[1:-2])
    options = ("--dry-run", "--runs", tmp_path / "runs", "--epochs", "2")
    done = replayed.smallscale(place, *asked, *options)
    assert done.returncode == 0, done.stderr
    for told in ("tiny, 20 problems, max_tokens 64", "2 epochs: 40 samples"):
        assert told in done.stdout
    assert ("about 1,050 tokens" in done.stdout) is ("m, recorded 20" in done.stdout)
    assert ("sums accuracy: the margin" in done.stderr) is (command == "eval")  # too fine for 20
    found = json.loads(replayed.smallscale(place, *asked, *options, "--json").stdout)
    assert found["expected"]["samples"] == 40
    assert any("is finer than" in one for one in found["warnings"]) is (command == "eval")
    assert found["config"]["epochs"] == 2
    assert not (tmp_path / "runs").exists()


def test_a_dry_run_finds_what_would_stop_the_run(place):
    done = replayed.smallscale(place, *EVAL[:-1], "nowhere", "--dry-run")
    assert done.returncode == 4
    assert "nowhere" in done.stderr


def test_a_part_of_a_suite_decides_nothing(place, tmp_path):
    done = replayed.smallscale(place, *EVAL, "--limit", "5", "--runs", tmp_path)
    assert done.returncode == 5, done.stderr
    assert "INCONCLUSIVE: --limit 5 tried 5 problems" in done.stderr
    (path,) = tmp_path.iterdir()
    run = RunFolder(path)
    assert len(run.read_samples().tokens) == 5
    assert run.read_config().limit == 5
    recorded = replayed.smallscale(place, "baseline", "record", path, "-m", "no")
    assert recorded.returncode == 2
    assert "--limit 5" in " ".join(recorded.stderr.split())
    again = replayed.smallscale(place, "generate", *EVAL[1:-2], "--limit", "5", "--runs", tmp_path)
    assert again.returncode == 0, again.stderr


def test_an_override_is_recorded_and_makes_runs_incomparable(place, tmp_path):
    change = ("--set", "sampling.max_tokens=32")
    made = replayed.smallscale(place, "generate", *EVAL[1:-2], *change, "--runs", tmp_path)
    assert made.returncode == 0, made.stderr
    (path,) = tmp_path.iterdir()
    config = RunFolder(path).read_config()
    assert config.suite.sampling.max_tokens == 32
    assert config.overrides == ("sampling.max_tokens=32",)
    refused = replayed.smallscale(place, *EVAL, *change, "--runs", tmp_path)
    assert refused.returncode == 4
    assert "sampling.max_tokens" in refused.stdout
    wrong = replayed.smallscale(place, *EVAL, "--set", "profile.rank=2")
    assert wrong.returncode == 2
    assert "did you mean 'ranks'" in wrong.stderr


def test_a_run_says_first_what_it_will_do(place, tmp_path):
    done = replayed.smallscale(place, *EVAL, "--runs", tmp_path)
    head = done.stderr.partition("run folder")[0]
    for told in (
        "baseline: tiny/replay/m, recorded",
        "policy:   tiny",
        "expected: 1 epoch: 20 samples",
    ):
        assert told in head
