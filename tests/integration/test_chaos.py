"""Whole runs while everything that can be killed is killed, at random moments, again and again.

Four ranks and the host are real processes; the stored outputs are the truth. However it went,
every planned sample is there exactly once and is what an undisturbed run gives.
"""

from __future__ import annotations

import random
import signal
from pathlib import Path

import pytest
from helpers import kills, replayed
from helpers.kills import EVAL, SAMPLES

from smallscale_ci.run.folder import RunFolder

SLOWER = (*EVAL, "--profile", "slower")  # so slow that it goes on while others start


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    place = kills.make(tmp_path_factory.mktemp("chaos"))
    slow = (place / "configs" / "engines" / "slow.yaml").read_text()
    slower = slow.replace("name: slow", "name: slower").replace("100", "5")
    (place / "configs" / "engines" / "slower.yaml").write_text(slower)
    return place


@pytest.fixture(scope="module")
def undisturbed(place) -> kills.Answers:
    return kills.undisturbed(place)


@pytest.mark.parametrize("seed", range(4))
def test_chaos(place, tmp_path, undisturbed, seed):
    run, _ = kills.storm(place, tmp_path / "runs", random.Random(seed))
    assert kills.faults(run, undisturbed) == {}
    assert len(RunFolder(run).read_samples()) == SAMPLES


def test_a_recording_that_is_killed_leaves_the_old_baseline_or_the_new_one(place):
    _, found = kills.kill_records(place, 3, random.Random(1))
    assert found == {}


def test_a_run_that_was_begun_is_offered_and_taken_up_by_resume_auto(place, tmp_path, undisturbed):
    host = replayed.start(place, *EVAL, "--runs", tmp_path)
    replayed.wait_for(lambda: list(tmp_path.glob("*/work/out/*.jsonl")), "completions")
    (run,) = tmp_path.iterdir()
    host.send_signal(signal.SIGTERM)
    host.communicate(timeout=90)
    again = replayed.smallscale(place, *EVAL, "--runs", tmp_path, "--resume", "auto")
    assert again.returncode == 0, again.stderr
    assert list(tmp_path.iterdir()) == [run]
    assert replayed.answers(run) == undisturbed


def begun(runs: Path) -> list[Path]:
    """The runs that have begun: a folder that was made for one that did not is taken away."""
    return list(runs.glob("*/config.yaml"))


def test_what_was_begun_is_only_offered_where_nobody_asked(place, tmp_path):
    host = replayed.start(place, *SLOWER, "--runs", tmp_path)
    replayed.wait_for(lambda: list(tmp_path.glob("*/work/out/*.jsonl")), "completions")
    (run,) = tmp_path.iterdir()
    busy = replayed.start(place, *SLOWER, "--runs", tmp_path)  # held by its host: not offered
    replayed.wait_for(lambda: len(begun(tmp_path)) == 2, "the second run")
    for process in (host, busy):
        process.send_signal(signal.SIGTERM)
    host.communicate(timeout=90)
    assert "--resume" not in busy.communicate(timeout=90)[1].partition("Interrupted")[0]
    new = replayed.start(place, *SLOWER, "--runs", tmp_path)
    replayed.wait_for(lambda: len(begun(tmp_path)) == 3, "the third run")
    new.send_signal(signal.SIGTERM)
    assert f"is unfinished: continue with --resume {tmp_path}" in new.communicate(timeout=90)[1]
    other = replayed.start(place, *SLOWER, "--runs", tmp_path, "--seed", "5")
    replayed.wait_for(lambda: len(begun(tmp_path)) == 4, "the fourth run")
    other.send_signal(signal.SIGTERM)
    assert "is unfinished" not in other.communicate(timeout=90)[1]
    assert run.exists()
