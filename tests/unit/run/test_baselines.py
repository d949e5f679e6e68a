import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from helpers import replayed
from helpers.repositories import git

from smallscale_ci.errors import DataError, InvalidError, UsageError
from smallscale_ci.files import write_json
from smallscale_ci.run import baselines
from smallscale_ci.run.baselines import Place
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.run import Recorded, read_run

NOW = datetime(2026, 2, 1, tzinfo=UTC)
PLACE = Place("tiny", "replay", "m")
NAME = "tiny/replay/m"


@pytest.fixture
def root(tmp_path):
    return tmp_path / "baselines"


def record(stored: Path, run: str, root: Path, reason: str = "why", now: datetime = NOW) -> Path:
    return replayed.record(stored / run, root, reason, now)


def test_what_is_recorded_is_what_the_run_was(stored, root):
    folder = record(stored, "one", root)
    assert folder == root / "tiny" / "replay" / "m"
    back = baselines.resolve("auto", PLACE, root)
    run = RunFolder(stored / "one").read_samples()
    assert len(back.samples) == len(run)
    assert back.samples.outcome_counts() == run.outcome_counts()
    assert np.nansum(back.samples.tokens) == np.nansum(run.tokens)
    assert back.recorded == Recorded(NOW.isoformat(), "Ada", "one", "why")
    assert back.summary == read_run(stored / "one").summary
    assert back.manifest is not None
    assert back.manifest.checkpoint.source == "m"  # no path of this machine goes into git
    assert "/models" not in (folder / "baseline.json").read_text()


def test_an_earlier_baseline_is_kept_in_the_history(stored, root):
    record(stored, "one", root)
    first = (root / NAME / "samples.parquet").read_bytes()
    record(stored, "two", root, "better", NOW + timedelta(days=1))
    record(stored, "two", root, "again", NOW + timedelta(days=2))
    assert baselines.show(root, NAME).recorded.reason == "again"
    kept = baselines.history(root, NAME)
    assert len(kept) == 2
    assert kept[0].startswith("2026-02-01")
    assert (root / NAME / "history" / kept[0] / "samples.parquet").read_bytes() == first
    assert baselines.names(root) == (NAME,)
    assert baselines.verify(root) == []
    assert not list((root / NAME).glob(".*"))


@pytest.mark.parametrize("status", ["running", "interrupted", "failed"])
def test_only_complete_runs_are_recorded(stored, root, tmp_path, status):
    run = RunFolder(shutil.copytree(stored / "one", tmp_path / "run"))
    replayed.alter(run.path, status=status)
    with pytest.raises(InvalidError, match=f"is {status}, not complete") as caught:
        replayed.record(run.path, root)
    assert "--resume" in caught.value.hint
    assert not root.exists()


def test_a_run_that_cannot_be_read_leaves_the_baseline_alone(stored, root, tmp_path):
    record(stored, "one", root)
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    run = RunFolder(shutil.copytree(stored / "two", tmp_path / "run"))
    run.judgements.write_bytes(b"no parquet")
    with pytest.raises(DataError):
        replayed.record(run.path, root)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_disk_error_leaves_the_baseline_alone(stored, root):
    record(stored, "one", root)
    before = (root / NAME / "baseline.json").read_bytes()
    (root / NAME / "history").write_text("a file where the folder belongs")
    with pytest.raises(OSError, match="history"):
        record(stored, "two", root)
    assert (root / NAME / "baseline.json").read_bytes() == before
    assert baselines.verify(root) == []


@pytest.mark.parametrize("shape", ["run", "baseline", "file"])
@pytest.mark.parametrize("name", ["m", NAME])
def test_nothing_in_the_working_folder_hides_a_stored_baseline(
    stored, root, tmp_path, monkeypatch, shape, name
):
    record(stored, "one", root)
    place = tmp_path / "work"
    hiding = place / name
    hiding.parent.mkdir(parents=True)
    if shape == "run":
        shutil.copytree(stored / "two", hiding)
    elif shape == "baseline":
        other = record(stored, "two", tmp_path / "other")
        shutil.copytree(other, hiding)
    else:
        shutil.copy(root / NAME / "samples.parquet", hiding)
    monkeypatch.chdir(place)
    found = baselines.resolve(name, PLACE, root)
    assert found.recorded is not None
    assert found.recorded.run_id == "one"
    meant = baselines.resolve(f"./{name}", PLACE, root)  # as a path
    assert Path(meant.source) == Path(name)


def test_auto_falls_back_to_the_reference(stored, root):
    record(stored, "one", root)
    found = baselines.resolve("auto", Place("tiny", "replay", "candidate", "m"), root)
    assert found.name == "m"


def test_a_baseline_is_named_by_model_by_path_and_in_full(stored, root, monkeypatch, tmp_path):
    record(stored, "one", root)
    spots = ["m", NAME, str(root / NAME), str(root / NAME / "samples.parquet")]
    assert all(len(baselines.resolve(spot, PLACE, root).samples) == 16 for spot in spots)
    assert baselines.resolve(spots[-1], PLACE, root).manifest is None
    assert len(baselines.resolve(str(stored / "two"), PLACE, root).samples) == 8
    (tmp_path / "m").mkdir()  # a checkpoint, say
    monkeypatch.chdir(tmp_path)
    assert baselines.resolve("m", PLACE, root).name == "m"


def test_none_names_what_there_is_and_how_to_record_one(stored, root):
    with pytest.raises(InvalidError) as caught:
        baselines.resolve("auto", Place("tiny", "slow", "new", given="/m/my new"), root)
    assert "no baseline of 'new' for suite 'tiny' and profile 'slow'" in caught.value.message
    assert "None is stored yet" in caught.value.hint
    assert "smallscale generate '/m/my new' --suite tiny --profile slow" in caught.value.hint
    record(stored, "one", root)
    with pytest.raises(InvalidError) as caught:
        baselines.resolve("other", PLACE, root)
    assert f"Stored: {NAME}" in caught.value.hint
    assert caught.value.exit_code == 4


def test_a_folder_with_neither_is_refused(tmp_path, root):
    with pytest.raises(UsageError, match="neither a baseline nor a run"):
        baselines.resolve(str(tmp_path), PLACE, root)


def test_a_baseline_changed_by_hand_is_refused(stored, root):
    record(stored, "one", root)
    record(stored, "two", root / "other")
    shutil.copy(root / "other" / NAME / "samples.parquet", root / NAME / "samples.parquet")
    with pytest.raises(DataError, match="changed by hand"):
        baselines.resolve("auto", PLACE, root)
    (problem,) = baselines.verify(root)
    assert NAME in problem


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"manifest": {}}', '{"manifest": 1, "recorded": 2, "summary": 3}']
)
def test_a_damaged_baseline_is_told_and_can_be_replaced(stored, root, text):
    record(stored, "one", root)
    (root / NAME / "baseline.json").write_text(text)
    for act in (
        lambda: baselines.resolve("auto", PLACE, root),
        lambda: baselines.show(root, NAME),
    ):
        with pytest.raises(DataError, match="is damaged") as caught:
            act()
        assert "git" in caught.value.hint
    assert len(baselines.verify(root)) == 1
    record(stored, "one", root)
    assert baselines.verify(root) == []
    assert baselines.history(root, NAME)[0].startswith("damaged-until")


def test_damaged_samples_with_the_recorded_hash_are_told(stored, root):
    from smallscale_ci.ids import file_hash

    record(stored, "one", root)
    (root / NAME / "samples.parquet").write_bytes(b"PAR1 nothing")
    value = json.loads((root / NAME / "baseline.json").read_text())
    value["samples_sha256"] = file_hash(root / NAME / "samples.parquet")
    write_json(root / NAME / "baseline.json", value)
    with pytest.raises(DataError, match="is damaged"):
        baselines.resolve("auto", PLACE, root)


def test_a_lost_half_is_a_problem(stored, root):
    record(stored, "one", root)
    (root / NAME / "samples.parquet").unlink()
    assert baselines.verify(root) == [f"{NAME}: samples.parquet is missing"]


def test_git_ref_reads_another_commit_whatever_lies_in_the_folder(stored, root, tmp_path):
    record(stored, "one", root)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    record(stored, "two", root)
    git(tmp_path, "checkout", "-q", "-b", "candidate/loosen")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "two")
    assert len(baselines.resolve("auto", PLACE, root).samples) == 8
    for spec in ("git:main", "git:HEAD~1", "git:main:m", f"git:main:{NAME}"):
        assert len(baselines.resolve(spec, PLACE, root).samples) == 16
    found = baselines.resolve("git:main", PLACE, root)
    # The source is a spec of its own, so that a report can find the baseline again.
    assert len(baselines.resolve(found.source, Place("", "", ""), root).samples) == 16
    assert len(baselines.resolve("git:candidate/loosen", PLACE, root).samples) == 8
    shutil.rmtree(root)
    assert len(baselines.resolve("git:main", PLACE, root).samples) == 16
    with pytest.raises(InvalidError, match="in git:main") as caught:
        baselines.resolve("git:main:none", PLACE, root)
    assert f"Stored: {NAME}" in caught.value.hint


def test_git_at_the_top_of_the_repository(stored, root, tmp_path):
    record(stored, "one", root)
    git(root, "init", "-q", "-b", "main")
    git(root, "add", ".")
    git(root, "commit", "-q", "-m", "one")
    assert len(baselines.resolve("git:main", PLACE, root).samples) == 16
    with pytest.raises(InvalidError) as caught:
        baselines.resolve("git:main:none", PLACE, root)
    assert f"Stored: {NAME}" in caught.value.hint


def test_a_shallow_clone_is_told_what_to_fetch(stored, root, tmp_path):
    record(stored, "one", root)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "one")
    git(tmp_path, "checkout", "-q", "-b", "candidate")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "two")
    git(tmp_path, "clone", "-q", "--depth", "1", f"file://{tmp_path}", str(tmp_path / "clone"))
    with pytest.raises(UsageError, match="git knows no commit 'origin/main'") as caught:
        baselines.resolve("git:origin/main", PLACE, tmp_path / "clone" / "baselines")
    assert "git fetch origin main" in caught.value.hint
    assert "fetch-depth" in caught.value.hint


def test_git_outside_of_a_repository_is_told(tmp_path):
    with pytest.raises(UsageError, match="not in a git repository"):
        baselines.resolve("git:main", PLACE, tmp_path / "baselines")


@pytest.mark.parametrize("ref", ["--output=x", "", "no such ref", "-h"])
def test_a_strange_ref_is_refused(tmp_path, ref):
    git(tmp_path, "init", "-q")
    with pytest.raises(UsageError, match="git knows no commit"):
        baselines.resolve(f"git:{ref}", PLACE, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [".git"]


def test_reading_one_leaves_no_thread_with_a_hold_on_python(stored, root):
    """Such a thread may outlive the interpreter, and then ends it with abort() for the verdict."""
    record(stored, "one", root)
    code = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from smallscale_ci.run import baselines\n"
        "threads = lambda: len(os.listdir('/proc/self/task'))\n"
        "before = threads()\n"
        "baselines.load(Path(sys.argv[1]))\n"
        "print(threads() - before)\n"
    )
    command = [sys.executable, "-c", code, str(root / NAME)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


@pytest.mark.parametrize("spec", ["org/mm", "org/mm/", "tiny/replay/org-mm/", "org-mm"])
@pytest.mark.parametrize("place", [PLACE, Place("", "", "")])
def test_a_model_with_its_organization_names_its_baseline(stored, root, spec, place):
    """It was taken for a path that does not exist."""
    record(stored, "one", root).rename(root / "tiny" / "replay" / "org-mm")
    assert baselines.resolve(spec, place, root).recorded is not None


@pytest.mark.parametrize("spec", ["./org/mm", "org/nn", "~/org/mm", "../org/mm", "a/b/c/d", "/"])
def test_what_is_neither_stored_nor_a_path_does_not_exist(stored, root, spec):
    record(stored, "one", root).rename(root / "tiny" / "replay" / "org-mm")
    with pytest.raises(UsageError):
        baselines.resolve(spec, PLACE, root)
