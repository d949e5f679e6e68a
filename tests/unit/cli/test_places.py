import subprocess
import sys
from pathlib import Path

import pytest

from smallscale_ci.cli import places
from smallscale_ci.errors import UsageError


@pytest.mark.parametrize("mark", ["configs/gates", "baselines"])
def test_the_project_is_the_nearest_folder_above_with_our_files(tmp_path, mark):
    (tmp_path / mark).mkdir(parents=True)
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    assert places.project(inner) == tmp_path
    (tmp_path / "a" / "configs" / "suites").mkdir(parents=True)
    assert places.project(inner) == tmp_path / "a"


def test_a_repository_ends_the_search(tmp_path):
    (tmp_path / "baselines").mkdir()
    inner = tmp_path / "repository" / "src"
    inner.mkdir(parents=True)
    (tmp_path / "repository" / ".git").mkdir()
    assert places.project(inner) == inner


def test_other_folders_called_configs_or_runs_are_not_ours(tmp_path):
    for name in ("configs", "runs", "configs/models"):
        (tmp_path / name).mkdir()
    inner = tmp_path / "src"
    inner.mkdir()
    assert places.project(inner) == inner


def test_settings_come_from_the_project(tmp_path, monkeypatch):
    (tmp_path / "configs" / "suites").mkdir(parents=True)
    (tmp_path / "baselines").mkdir()
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    for name in ("SMALLSCALE_CONFIGS", "SMALLSCALE_CACHE", "SMALLSCALE_IMAGES"):
        monkeypatch.delenv(name, raising=False)
    found = places.find()
    assert (found.runs, found.baselines) == (tmp_path / "runs", tmp_path / "baselines")
    assert found.roots[0] == tmp_path / "configs"
    assert found.nonce() != found.nonce()
    given = places.find(runs=Path("here"), baselines=Path("there"))
    assert (given.runs, given.baselines) == (Path("here"), Path("there"))


@pytest.mark.parametrize("start", ["script", "module"])
def test_remedies_begin_with_the_word_that_started_this_program(tmp_path, start):
    """The error of a run folder that is none names commands; here only the suite's schema."""
    (tmp_path / "configs" / "gates").mkdir(parents=True)
    (tmp_path / "configs" / "gates" / "wrong.yaml").write_text("name: wrong\nmargin: 1\n")
    script = Path(sys.executable).with_name("smallscale")
    began = [str(script)] if start == "script" else [sys.executable, "-m", "smallscale_ci"]
    done = subprocess.run(
        [*began, "eval", "smollm2", "--gate", "wrong"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    word = " ".join(began)
    assert f"`{word} schema gate` prints" in done.stderr
    told = done.stderr.split("`")[1]
    again = subprocess.run(told, shell=True, cwd=tmp_path, capture_output=True, check=False)
    assert again.returncode == 0, again.stderr


def test_configurations_that_are_named_and_not_there_are_a_usage_error(tmp_path, monkeypatch):
    """They were ignored, and the suites that ship were listed."""
    monkeypatch.setenv("SMALLSCALE_CONFIGS", str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"SMALLSCALE_CONFIGS=.*none is not a folder") as caught:
        places.find()
    assert caught.value.hint
    monkeypatch.setenv("SMALLSCALE_CONFIGS", str(tmp_path))
    assert places.find().roots[0] == tmp_path
