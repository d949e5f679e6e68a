"""``--baseline git:REF`` as a pull request's job meets it: other branches, shallow, detached."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from helpers import replayed
from helpers.repositories import git


@pytest.fixture(scope="module")
def origin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a good baseline on main, and a branch that replaced it by a bad one."""
    place = tmp_path_factory.mktemp("origin")
    replayed.make_configs(place)
    (place / ".gitignore").write_text("stored/\n")
    git(place, "init", "-q", "-b", "main")
    replayed.make_run(place, "good", epochs=4)
    replayed.make_run(place, "bad", wrong=0.8, seed=3)
    for run, branch in (("good", "main"), ("bad", "loosened")):
        if branch != "main":
            git(place, "checkout", "-q", "-b", branch)
        done = replayed.smallscale(
            place,
            "baseline",
            "record",
            f"stored/{run}",
            "-m",
            "why",
            "--by",
            "Ada",
            "--baselines",
            "baselines",
        )
        assert done.returncode == 0, done.stderr
        git(place, "add", "-A")
        git(place, "commit", "-q", "-m", run)
    return place


def compare(clone: Path, origin: Path, ref: str) -> subprocess.CompletedProcess[str]:
    bad = origin / "stored" / "bad"
    return replayed.smallscale(clone, "compare", bad, f"git:{ref}", "--baselines", "baselines")


def test_a_branch_cannot_loosen_its_own_gate(origin: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", "-b", "loosened", f"file://{origin}", "clone")
    assert compare(clone, origin, "HEAD").returncode == 0  # by its own baseline it would pass
    assert compare(clone, origin, "origin/main").returncode == 1
    git(clone, "checkout", "-q", "--detach")
    assert compare(clone, origin, "origin/main").returncode == 1


def test_a_shallow_clone_is_told_which_fetch_is_missing(origin: Path, tmp_path: Path) -> None:
    clone = tmp_path / "shallow"
    git(tmp_path, "clone", "-q", "--depth", "1", "-b", "loosened", f"file://{origin}", "shallow")
    done = compare(clone, origin, "origin/main")
    assert done.returncode == 2
    assert "git knows no commit 'origin/main'" in done.stderr
    assert "fetch-depth: 0" in done.stderr
    fetch = re.search(r"git (fetch \S+ \S+)", done.stderr)
    assert fetch is not None
    git(clone, *fetch[1].split())
    assert compare(clone, origin, "origin/main").returncode == 1


def test_a_branch_without_baselines_is_held_to_those_of_the_other_branch(
    origin: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "-q", "-b", "main", f"file://{origin}", "clone")
    clone, runs = tmp_path / "clone", ("--runs", tmp_path / "runs")
    git(clone, "rm", "-q", "-r", "baselines")
    assert not (clone / "baselines").exists()
    evaluated = ("--suite", "tiny", "--profile", "replay", "--baseline", "git:origin/main", *runs)
    done = replayed.smallscale(clone, "eval", origin / "stored" / "bad", *evaluated, "--json")
    assert done.returncode == 1, done.stderr
    run = json.loads(done.stdout)["run"]
    assert replayed.smallscale(clone, "report", run).returncode == 1
    assert replayed.smallscale(clone, "compare", run, "git:origin/main:m").returncode == 1
    said = replayed.smallscale(clone, "compare", run, "git:origin/main:n").stderr
    assert "Stored: tiny/replay/m." in said
