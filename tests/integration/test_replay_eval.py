"""Whole runs of the command line over stored outputs: real processes, no engine."""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import disks, replayed

from smallscale_ci.run.folder import RunFolder

EVAL = ("eval", "stored/src", "--suite", "tiny", "--profile", "slow", "--baseline", "tiny/replay/m")
SAMPLES = 60
AT_ONCE_S = 30  # on a busy machine; on a quiet one it takes one or two


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with configurations, stored runs and a baseline of 2 epochs."""
    place = tmp_path_factory.mktemp("place")
    replayed.make_configs(place, problems=SAMPLES)
    slow = replayed.SLOW.replace("200", "60")
    (place / "configs" / "engines" / "slow.yaml").write_text(slow)
    source = replayed.make_run(place, "src", epochs=2)
    replayed.alter(source, checkpoint={"weights_bytes": 269_060_552})  # as a run of weights has it
    replayed.make_run(place, "other", epochs=2, seed=8)
    replayed.make_run(place, "damaged", wrong=0.6, longer=1.5, seed=3)
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
def calm(place) -> Path:
    """A run that nothing happened to."""
    arguments = ("--profile", "replay", "--runs", place / "calm", "--json")
    done = replayed.smallscale(place, *EVAL, *arguments)
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["run"])


@pytest.fixture(scope="module")
def undisturbed(calm) -> list:
    """What the source gives when nothing happens."""
    found = replayed.answers(calm)
    assert len(found) == SAMPLES
    return found


def folder_of(runs: Path) -> Path:
    """The one run in ``runs``, once it is there."""
    replayed.wait_for(lambda: list(runs.glob("*/work/out")), "the run folder")
    (found,) = runs.iterdir()
    return found


def begin(place: Path, runs: Path, *more: str) -> tuple[subprocess.Popen[str], Path]:
    """An evaluation that has some completions on disk, but not all."""
    host = replayed.start(place, *EVAL, "--runs", runs, *more)
    run = folder_of(runs)
    replayed.wait_for(lambda: replayed.lines_out(run) >= 8, "completions")
    assert host.poll() is None
    return host, run


def status(run: Path) -> str:
    return RunFolder(run).read_manifest().status


# -- verdicts -------------------------------------------------------------------------------------


def test_the_same_outputs_pass_and_say_so(place, tmp_path):
    done = replayed.smallscale(place, *EVAL, "--profile", "replay", "--runs", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "PASS" in done.stdout
    assert "exactly" in done.stdout
    (run,) = tmp_path.iterdir()
    assert status(run) == "complete"
    assert sorted(path.name for path in run.iterdir()) == [
        "config.yaml", "evidence.intoto.json", "generations.parquet", "judgements.parquet",
        "manifest.json",
        "prompts.parquet", "report", "summary.json", "verdict.json", "work",
    ]  # fmt: skip
    assert {"report.md", "junit.xml"} <= {path.name for path in (run / "report").iterdir()}
    left = {path.name for path in (run / "work").iterdir()}
    assert not left & {"out", "pending", "claimed", "replay.jsonl"}
    manifest = RunFolder(run).read_manifest()
    assert manifest.engine.version == "0.31.0"  # of the run whose outputs these are
    assert manifest.checkpoint.name == "m"
    shown = replayed.smallscale(place, "report", run)
    assert shown.returncode == 0, shown.stderr
    assert "PASS" in shown.stdout


def test_other_draws_of_the_same_model_pass(place, tmp_path):
    other = ("eval", "stored/other", *EVAL[2:4], "--profile", "replay", "--runs", tmp_path)
    done = replayed.smallscale(place, *other)  # auto: the baseline of the same model
    assert done.returncode == 0, done.stdout + done.stderr
    assert "exactly" not in done.stdout


def test_a_damaged_copy_is_regressed_and_says_in_what(place, tmp_path):
    worse = ("eval", "stored/damaged", *EVAL[2:4], "--profile", "replay", "--runs", tmp_path)
    done = replayed.smallscale(place, *worse, "--json")
    assert done.returncode == 1, done.stderr
    verdict = json.loads(done.stdout)
    assert verdict["kind"] == "REGRESSED"
    kinds = {check["metric"]: check["kind"] for check in verdict["checks"]}
    assert kinds == {"accuracy": "REGRESSED", "tokens": "REGRESSED", "truncation": "PASS"}
    again = replayed.smallscale(place, "compare", verdict["run"], "m")
    assert again.returncode == 1
    assert "lost" in again.stdout


def test_what_was_judged_again_is_not_reported_with_its_old_verdict(place, calm, tmp_path):
    run = shutil.copytree(calm, tmp_path / "run")
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "planned": 1}))
    done = replayed.smallscale(place, "report", run)
    assert done.returncode == 4
    assert "summary.json was changed" in done.stderr
    assert "smallscale judge" in done.stderr


# -- what may happen to processes -----------------------------------------------------------------


def test_a_killed_worker_costs_nothing(place, tmp_path, undisturbed):
    host, run = begin(place, tmp_path / "runs")
    replayed.kill(replayed.workers_of(host.pid)[0])
    out, err = host.communicate(timeout=90)
    assert host.returncode == 0, out + err
    assert replayed.answers(run) == undisturbed
    (warning,) = RunFolder(run).read_manifest().warnings
    assert "died and was started again" in warning


@pytest.mark.parametrize("seed", [1, 2])
def test_kills_at_random_moments_lose_and_double_nothing(place, tmp_path, undisturbed, seed):
    chance = random.Random(seed)
    host, run = begin(place, tmp_path / "runs")
    for _ in range(2):
        time.sleep(chance.uniform(0, 0.4))
        for worker in replayed.workers_of(host.pid):
            if chance.random() < 0.5:
                replayed.kill(worker)
        time.sleep(chance.uniform(0, 0.3))
        host.kill()
        host.communicate()
        if status(run) == "complete":
            break
        # At once, while orphaned workers may still be there.
        host = replayed.start(place, "eval", "--resume", run)
        time.sleep(chance.uniform(1.0, 2.0))
    out, err = host.communicate(timeout=90)
    assert host.returncode == 0, out + err
    assert status(run) == "complete"
    assert replayed.answers(run) == undisturbed
    assert len(RunFolder(run).read_samples()) == SAMPLES


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_at_once_and_goes_on_later(place, tmp_path, undisturbed, number):
    host, run = begin(place, tmp_path / "runs")
    workers = replayed.workers_of(host.pid)
    began = time.monotonic()
    host.send_signal(number)
    out, err = host.communicate(timeout=90)
    assert time.monotonic() - began < AT_ONCE_S
    assert host.returncode == 130, out + err
    assert "Traceback" not in err
    assert f"smallscale eval --resume {run}" in err
    assert f"of {SAMPLES} samples complete" in err
    assert all(not Path(f"/proc/{worker}").exists() for worker in workers)
    assert status(run) == "interrupted"
    assert "nterrupted" in (run / "report" / "report.md").read_text()
    shown = replayed.smallscale(place, "report", run)
    assert f"of {SAMPLES} samples done" in shown.stdout
    partial = replayed.answers(run)
    assert 0 < len(partial) < SAMPLES
    done = replayed.smallscale(place, "eval", "--resume", run)
    assert done.returncode == 0, done.stderr
    assert replayed.answers(run) == undisturbed


def test_an_interruption_takes_no_longer_where_a_million_samples_are_planned(place, tmp_path):
    host, run = begin(place, tmp_path / "runs", "--epochs", "17000")
    workers = replayed.workers_of(host.pid)
    began = time.monotonic()
    host.send_signal(signal.SIGTERM)
    out, err = host.communicate(timeout=90)
    assert time.monotonic() - began < AT_ONCE_S
    assert host.returncode == 130, out + err
    assert "of 1,020,000 samples complete" in err
    assert all(not Path(f"/proc/{worker}").exists() for worker in workers)
    assert replayed.lines_out(run) >= 8  # where --resume finds them
    assert status(run) == "interrupted"
    assert "nterrupted" in (run / "report" / "report.md").read_text()
    shown = replayed.smallscale(place, "report", run)
    assert "of 1,020,000 samples done" in shown.stdout, shown.stderr


def test_ci_sends_two_signals_and_still_gets_its_report(place, tmp_path):
    host, run = begin(place, tmp_path / "runs")
    host.send_signal(signal.SIGINT)
    time.sleep(0.05)
    host.send_signal(signal.SIGTERM)
    _, err = host.communicate(timeout=90)
    assert host.returncode == 130, err
    assert status(run) == "interrupted"


def test_two_hosts_on_one_folder(place, tmp_path, undisturbed):
    host, run = begin(place, tmp_path / "runs")
    host.send_signal(signal.SIGSTOP)  # as if it were slow: it must not end before the second begins
    before = (run / "manifest.json").read_bytes()
    second = replayed.smallscale(place, "eval", "--resume", run)
    host.send_signal(signal.SIGCONT)
    assert second.returncode == 2
    assert "Another smallscale process is working" in second.stderr
    assert (run / "manifest.json").read_bytes() == before
    out, err = host.communicate(timeout=90)
    assert host.returncode == 0, out + err
    assert replayed.answers(run) == undisturbed


def test_a_complete_run_is_not_run_again(place, calm):
    run = calm
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    again = replayed.smallscale(place, "eval", "--resume", run)
    assert again.returncode == 2
    assert "is complete" in again.stderr
    assert f"smallscale report {run}" in again.stderr
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_what_was_killed_after_its_last_sample_still_gets_its_verdict(place, calm, tmp_path):
    run = shutil.copytree(calm, tmp_path / "runs" / calm.name)
    verdict = json.loads((run / "verdict.json").read_text())
    (run / "verdict.json").unlink()  # as if killed between the last sample and the verdict
    shutil.rmtree(run / "report")
    again = replayed.smallscale(
        place, *EVAL, "--profile", "replay", "--runs", run.parent, "--resume", "auto"
    )
    assert again.returncode == 0, again.stderr
    assert list(run.parent.iterdir()) == [run]
    assert json.loads((run / "verdict.json").read_text()) == verdict
    assert (run / "report" / "junit.xml").exists()
    assert replayed.answers(run) == replayed.answers(calm)
    refused = replayed.smallscale(place, "eval", "--resume", run)
    assert refused.returncode == 2
    assert "is complete" in refused.stderr


def test_generate_sends_a_run_that_lacks_only_its_verdict_to_eval(place, calm, tmp_path):
    """It was an internal error: KeyError."""
    run = shutil.copytree(calm, tmp_path / "runs" / calm.name)
    (run / "verdict.json").unlink()
    refused = replayed.smallscale(place, "generate", "--resume", run)
    assert refused.returncode == 2, refused.stderr
    assert f"All samples of {run} are complete: it lacks only its verdict." in refused.stderr
    assert f"smallscale eval --resume {run}" in refused.stderr


def test_a_complete_trial_is_not_resumed(place, tmp_path):
    runs = tmp_path / "runs"
    done = replayed.smallscale(
        place, *EVAL, "--profile", "replay", "--limit", "2", "--runs", str(runs)
    )
    (run,) = runs.iterdir()
    refused = replayed.smallscale(place, "eval", "--resume", run)
    assert refused.returncode == 2, done.stderr + refused.stderr
    assert "is complete: there is nothing to resume" in refused.stderr


def test_a_run_whose_model_changed_is_not_resumed(place, tmp_path):
    source = shutil.copytree(place / "stored" / "src", tmp_path / "src")
    host = replayed.start(place, "eval", source, *EVAL[2:], "--runs", tmp_path / "runs")
    run = folder_of(tmp_path / "runs")
    replayed.wait_for(lambda: replayed.lines_out(run) >= 1, "completions")
    host.kill()
    host.communicate()
    replayed.alter(source, checkpoint={"weights_hash": "other"})
    done = replayed.smallscale(place, "eval", "--resume", run)
    assert done.returncode == 2
    assert "The weights changed since" in done.stderr


# -- disks ----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path) -> Iterator[Path]:
    """A disk of 160 KiB."""
    with disks.small(tmp_path / "disk", "160k") as disk:
        yield disk


def test_a_full_disk_ends_in_a_sentence(place, small_disk):
    (small_disk / "ballast").write_bytes(bytes(60_000))
    done = replayed.smallscale(place, *EVAL, "--runs", small_disk)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "No space left" in done.stderr
    assert "Traceback" not in done.stderr
    (small_disk / "ballast").unlink()
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    (run,) = small_disk.iterdir()
    done = replayed.smallscale(place, "eval", "--resume", run)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_read_only_folder_ends_in_a_sentence(place, small_disk):
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = replayed.smallscale(place, *EVAL, "--runs", small_disk)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "Read-only file system" in done.stderr
    assert "--runs" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_file_where_the_runs_should_be(place, tmp_path):
    (tmp_path / "runs").touch()
    done = replayed.smallscale(place, *EVAL, "--runs", tmp_path / "runs")
    assert done.returncode == 3
    assert "Not a directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_interrupted_while_the_model_loads(place, tmp_path):
    slow = (place / "configs" / "engines" / "slow.yaml").read_text()
    late = slow.replace("name: slow", "name: late").replace("60}", "60, start_s: 60}")
    (place / "configs" / "engines" / "late.yaml").write_text(late)
    host = replayed.start(place, *EVAL, "--profile", "late", "--runs", tmp_path / "runs")
    run = folder_of(tmp_path / "runs")
    replayed.wait_for(lambda: list((run / "work" / "alive").glob("*.json")), "a worker")
    workers = replayed.workers_of(host.pid)
    began = time.monotonic()
    host.send_signal(signal.SIGTERM)
    out, err = host.communicate(timeout=90)
    assert time.monotonic() - began < AT_ONCE_S
    assert host.returncode == 130, out + err
    assert f"0 of {SAMPLES} samples complete" in err
    assert status(run) == "interrupted"
    assert all(not Path(f"/proc/{worker}").exists() for worker in workers)
    assert f"0 of {SAMPLES} samples done" in (run / "report" / "report.md").read_text()
    shown = replayed.smallscale(place, "report", run)
    assert shown.returncode == 4, shown.stderr
    assert "it is interrupted" in shown.stderr
    assert f"--resume {run}" in shown.stderr


def test_a_worker_that_is_killed_again_and_again_is_given_up_with_its_log(place, tmp_path):
    host, run = begin(place, tmp_path / "runs", "--ranks", "1")
    killed = 0
    while host.poll() is None and killed < 9:
        for worker in replayed.workers_of(host.pid):
            replayed.kill(worker)
            killed += 1
        time.sleep(0.05)
    out, err = host.communicate(timeout=90)
    assert host.returncode == 3, out + err
    assert "ended with code -9" in err
    assert "Traceback" not in err
    assert status(run) == "failed"
    done = replayed.smallscale(place, "eval", "--resume", run)
    assert done.returncode in {0, 4}, done.stderr
    assert len(RunFolder(run).read_samples()) == SAMPLES
