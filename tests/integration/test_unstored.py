"""Run folders that are renamed, removed, full or read-only while a run goes on."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from helpers import disks, replayed

from smallscale_ci.run.folder import RunFolder

EVAL = ("eval", "stored/src", "--suite", "tiny", "--profile", "slow", "--baseline", "tiny/replay/m")
SAMPLES = 60


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with configurations, stored runs and a baseline."""
    place = tmp_path_factory.mktemp("place")
    replayed.make_configs(place, problems=SAMPLES)
    slow = replayed.SLOW.replace("200", "60")
    (place / "configs" / "engines" / "slow.yaml").write_text(slow)
    replayed.make_run(place, "src", epochs=2)
    replayed.make_run(place, "damaged", wrong=0.9, longer=1.5, seed=3)
    replayed.record(place / "stored" / "src", place / "baselines")
    return place


@pytest.fixture(scope="module")
def undisturbed(place: Path) -> list[tuple[str, int, str, tuple[int, ...]]]:
    """What the source gives when nothing happens."""
    done = replayed.smallscale(
        place, *EVAL, "--profile", "replay", "--runs", place / "calm", "--json"
    )
    assert done.returncode == 0, done.stderr
    return replayed.answers(Path(json.loads(done.stdout)["run"]))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    with disks.small(tmp_path / "disk", "1m") as disk:
        yield disk


def begin(
    place: Path, runs: Path, source: str = "stored/src", *more: str
) -> tuple[subprocess.Popen[str], Path]:
    """An evaluation that has some completions on disk, but not all."""
    host = replayed.start(place, "eval", source, *EVAL[2:], "--runs", runs, *more)
    replayed.wait_for(lambda: list(runs.glob("*/work/out/*.jsonl")), "the run folder")
    run = next(path for path in runs.iterdir() if path.is_dir())
    replayed.wait_for(lambda: replayed.lines_out(run) >= 8, "completions")
    assert host.poll() is None
    return host, run


def at_its_last_sample(place: Path, runs: Path, *more: str) -> tuple[subprocess.Popen[str], Path]:
    """A host that is stopped, and whose workers completed all that was asked for."""
    host, run = begin(place, runs, *more)
    replayed.wait_for(lambda: replayed.lines_out(run) >= SAMPLES - 12, "most completions")
    host.send_signal(signal.SIGSTOP)  # all items were handed out
    replayed.wait_for(lambda: replayed.lines_out(run) == SAMPLES, "all completions")
    return host, run


def ended(host: subprocess.Popen[str]) -> tuple[str, str]:
    out, err = host.communicate(timeout=240)
    for word in ("Traceback", "nternal error"):
        assert word not in err, err
    return out, err


# -- renamed and removed --------------------------------------------------------------------------


@pytest.mark.parametrize("renamed", ["The run", "its parent"])
def test_a_renamed_run_is_interrupted_and_goes_on_where_it_is(
    place, tmp_path, undisturbed, renamed
):
    host, run = begin(place, tmp_path / "runs")
    workers = replayed.workers_of(host.pid)
    new = tmp_path / "other" / run.name if renamed == "its parent" else run.with_name("renamed")
    if renamed == "its parent":
        run.parent.rename(tmp_path / "other")
    else:
        run.rename(new)
    out, err = ended(host)
    assert host.returncode == 130, out + err
    assert f"was renamed to {new}" in err
    assert f"smallscale eval --resume {new}" in err
    assert not run.exists()
    assert all(not Path(f"/proc/{worker}").exists() for worker in workers)
    assert RunFolder(new).read_manifest().status == "interrupted"
    assert (new / "report" / "report.md").exists()
    done = replayed.smallscale(place, "eval", "--resume", new)
    assert done.returncode == 0, done.stderr
    assert replayed.answers(new) == undisturbed
    assert len(RunFolder(new).read_samples()) == SAMPLES


def test_another_run_in_its_place_is_left_alone(place, tmp_path, undisturbed):
    host, run = begin(place, tmp_path / "runs")
    host.send_signal(signal.SIGSTOP)
    new = run.rename(run.with_name("renamed"))
    shutil.copytree(place / "stored" / "src", run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    host.send_signal(signal.SIGCONT)
    _, err = ended(host)
    assert host.returncode == 130, err
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    done = replayed.smallscale(place, "eval", "--resume", new)
    assert done.returncode == 0, done.stderr
    assert replayed.answers(new) == undisturbed


def test_a_run_renamed_after_its_last_sample_still_gets_its_verdict(place, tmp_path, undisturbed):
    host, run = at_its_last_sample(place, tmp_path / "runs")
    new = run.rename(run.with_name("renamed"))
    host.send_signal(signal.SIGCONT)
    _, err = ended(host)
    assert host.returncode == 130, err
    done = replayed.smallscale(place, "eval", "--resume", new)
    assert done.returncode == 0, done.stderr
    assert replayed.answers(new) == undisturbed


def test_a_removed_run_is_reported(place, tmp_path):
    host, run = begin(place, tmp_path / "runs")
    workers = replayed.workers_of(host.pid)
    host.send_signal(signal.SIGSTOP)
    for worker in workers:  # else their heartbeats come back while they are removed
        os.kill(worker, signal.SIGSTOP)
    shutil.rmtree(run)
    host.send_signal(signal.SIGCONT)
    _, err = ended(host)
    assert host.returncode == 3, err
    assert f"The run folder {run}, or part of it, was removed during the run" in err
    assert "start the run again" in err
    assert not run.exists()
    assert all(not Path(f"/proc/{worker}").exists() for worker in workers)


@pytest.mark.parametrize("part", ["work/claimed", "work"])
def test_a_removed_part_is_reported(place, tmp_path, part):
    host, run = begin(place, tmp_path / "runs")
    (run / part).rename(tmp_path / "gone")
    _, err = ended(host)
    assert host.returncode in {3, 130}, err
    if part != "work":
        assert "part of it, was removed during the run" in err


# -- full and read-only ---------------------------------------------------------------------------


def fill(disk: Path) -> Path:
    """A file that takes all that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    return ballast


def test_a_full_disk_keeps_no_verdict_from_being_printed(place, disk):
    host, run = at_its_last_sample(place, disk / "runs", "stored/damaged")
    ballast = fill(disk)
    host.send_signal(signal.SIGCONT)
    out, err = ended(host)
    assert host.returncode == 1, out + err
    assert "REGRESSED" in out
    assert "The verdict is not stored" in err
    assert "No space left on device" in err
    ballast.unlink()
    done = replayed.smallscale(place, "eval", "--resume", run)
    assert done.returncode == 1, done.stdout + done.stderr
    assert (run / "verdict.json").exists()
    assert len(RunFolder(run).read_samples()) == SAMPLES


def test_as_json_it_says_that_it_is_not_stored(place, disk):
    host, _ = at_its_last_sample(place, disk / "runs", "stored/src", "--json")
    fill(disk)
    host.send_signal(signal.SIGCONT)
    out, err = ended(host)
    assert host.returncode == 0, err
    told = json.loads(out)
    assert told["kind"] == "PASS"
    assert "No space left on device" in told["unstored"]


def test_a_stored_run_on_a_read_only_disk_is_compared_and_reported(place, disk):
    done = replayed.smallscale(
        place, *EVAL, "--profile", "replay", "--runs", disk / "runs", "--json"
    )
    run = Path(json.loads(done.stdout)["run"])
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    done = replayed.smallscale(place, "compare", run, "tiny/replay/m")
    assert done.returncode == 0, done.stderr
    assert "PASS" in done.stdout
    assert "The verdict is not stored" in done.stderr
    assert "Read-only file system" in done.stderr
    done = replayed.smallscale(place, "report", run)
    assert done.returncode == 0, done.stderr
    assert "PASS" in done.stdout
    done = replayed.smallscale(place, "verify", run)
    assert done.returncode == 0, done.stderr


def test_a_full_disk_of_the_step_summary_hides_no_verdict(place, disk, tmp_path):
    fill(disk)
    job = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(disk / "summary.md")}
    done = replayed.smallscale(
        place, *EVAL, "--profile", "replay", "--runs", tmp_path / "runs", **job
    )
    assert done.returncode == 0, done.stderr
    assert "PASS" in done.stdout
    assert "The step summary cannot be written" in done.stderr


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_a_full_disk_behind_the_output_is_no_verdict(place, tmp_path, stream):
    """Exit code 1 would mean REGRESSED."""
    main = "from smallscale_ci.cli.main import main; main()"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", main, "compare", "stored/src", "tiny/replay/m"],
            cwd=place,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, stream: full},
            text=True,
            check=False,
        )
    assert done.returncode in {0, 3}
    assert "Traceback" not in (done.stderr or "")
