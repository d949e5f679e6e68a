"""The wheel outside of a checkout: what it needs is in it."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """The package as the wheel has it, unpacked, beside this environment's libraries."""
    place = tmp_path_factory.mktemp("wheel")
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(place)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = place.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(place / "site")
    return place / "site"


def smallscale(site: Path, cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SMALLSCALE_")}
    where = {"PYTHONPATH": str(site), "XDG_CACHE_HOME": str(cwd / "cache"), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "smallscale_ci", *arguments],
        cwd=cwd,
        env={**kept, **where},
        capture_output=True,
        text=True,
        check=False,
    )


def test_suites_and_baselines_are_there(installed, tmp_path):
    code = "import smallscale_ci; print(smallscale_ci.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(installed)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.startswith(str(installed))
    listed = smallscale(installed, tmp_path, "baseline", "list", "--json")
    assert "smoke/vllm-cpu/smollm2" in json.loads(listed.stdout)
    assert smallscale(installed, tmp_path, "baseline", "verify").returncode == 0
    checked = smallscale(installed, tmp_path, "suite", "verify", "smoke")
    assert checked.returncode == 0, checked.stderr
    planned = smallscale(installed, tmp_path, "plan", "--trials", "5", "--json")
    assert json.loads(planned.stdout)["policy"] == "smoke"


def test_a_missing_engine_has_a_remedy_that_works_without_a_makefile(installed, tmp_path):
    done = smallscale(installed, tmp_path, "eval", "smollm2", "--runtime", "local")
    assert done.returncode == 3
    assert "-m smallscale_ci engine install`" in done.stderr
    assert "make engine" not in done.stderr
    assert str(tmp_path / "cache" / "smallscale" / "envs") in done.stderr


def test_recipes_and_locks_are_there(installed):
    for name in (
        "_requirements/engine-vllm-cpu.txt",
        "_docker/sandbox.Dockerfile",
        "_docker/images.lock.yaml",
    ):
        assert (installed / "smallscale_ci" / name).is_file()
