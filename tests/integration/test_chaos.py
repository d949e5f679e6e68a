"""Whole runs while everything that can be killed is killed, at random moments, again and again.

Four ranks and the host are real processes; the stored outputs are the truth. However it went,
every planned sample is there exactly once and is what an undisturbed run gives.
"""

from __future__ import annotations

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from helpers import replayed

from smallscale_ci.run.folder import RunFolder

SAMPLES = 200
EVAL = ("eval", "stored/src", "--suite", "tiny", "--profile", "slow", "--baseline", "tiny/replay/m")

SLOWER = (*EVAL, "--profile", "slower")  # so slow that it goes on while others start


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    place = tmp_path_factory.mktemp("chaos")
    replayed.make_configs(place, problems=SAMPLES)
    slow = replayed.SLOW.replace("200", "100").replace("ranks: 2", "ranks: 4")
    (place / "configs" / "engines" / "slow.yaml").write_text(slow)
    slower = slow.replace("name: slow", "name: slower").replace("100", "5")
    (place / "configs" / "engines" / "slower.yaml").write_text(slower)
    source = replayed.make_run(place, "src", epochs=2)
    done = replayed.smallscale(
        place,
        "baseline",
        "record",
        source,
        "-m",
        "first",
        "--by",
        "Ada",
        "--baselines",
        "baselines",
    )
    assert done.returncode == 0, done.stderr
    return place


@pytest.fixture(scope="module")
def undisturbed(place) -> list:
    done = replayed.smallscale(place, *EVAL, "--profile", "replay", "--runs", place / "calm")
    assert done.returncode == 0, done.stderr
    (run,) = (place / "calm").iterdir()
    return replayed.answers(run)


@pytest.mark.parametrize("seed", range(4))
def test_chaos(place, tmp_path, undisturbed, seed):
    chance = random.Random(seed)
    runs = tmp_path / "runs"
    host = replayed.start(place, *EVAL, "--runs", runs)
    replayed.wait_for(lambda: list(runs.glob("*/manifest.json")), "the run folder")
    (run,) = runs.iterdir()
    resumed = 0
    while resumed < 5 and not is_complete(run):
        for _ in range(chance.randint(0, 4)):
            time.sleep(chance.expovariate(4))
            kill_some(host, chance)
        time.sleep(chance.expovariate(2))
        host.send_signal(chance.choice((signal.SIGKILL, signal.SIGKILL, signal.SIGTERM)))
        host.communicate(timeout=90)
        if not is_complete(run):  # at once, while orphaned workers may still be there
            host = replayed.start(place, "eval", "--resume", run)
            resumed += 1
    if not is_complete(run):
        out, err = host.communicate(timeout=60)
        assert host.returncode == 0, out + err
    assert replayed.answers(run) == undisturbed
    assert len(RunFolder(run).read_samples()) == SAMPLES


def is_complete(run: Path) -> bool:
    return RunFolder(run).verdict.exists()


def kill_some(host: subprocess.Popen[str], chance: random.Random) -> None:
    for worker in replayed.workers_of(host.pid):
        if chance.random() < 0.3:
            replayed.kill(worker)
            time.sleep(chance.uniform(0, 0.05))


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
    assert "--resume" not in busy.communicate(timeout=90)[1].partition("interrupted")[0]
    new = replayed.start(place, *SLOWER, "--runs", tmp_path)
    replayed.wait_for(lambda: len(begun(tmp_path)) == 3, "the third run")
    new.send_signal(signal.SIGTERM)
    assert f"is unfinished: continue with --resume {tmp_path}" in new.communicate(timeout=90)[1]
    other = replayed.start(place, *SLOWER, "--runs", tmp_path, "--seed", "5")
    replayed.wait_for(lambda: len(begun(tmp_path)) == 4, "the fourth run")
    other.send_signal(signal.SIGTERM)
    assert "is unfinished" not in other.communicate(timeout=90)[1]
    assert run.exists()
