"""``make eval`` with a stand-in for the command line: what it is given, and make's exit code."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SMALLSCALE = f"""\
#!{sys.executable}
import json, os, sys
print(json.dumps(sys.argv[1:]))
sys.exit(int(os.environ.get("CODE", "0")))
"""


def make(place: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return subprocess.run(
        ["make", *arguments],
        cwd=place,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def place(tmp_path) -> Path:
    """A checkout in a folder with a space, whose environments look ready."""
    place = tmp_path / "my checkout"
    place.mkdir()
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, place)
    shutil.copytree(ROOT / "requirements", place / "requirements")
    database = make(place, "--print-data-base", "--question", "help").stdout
    for ready in re.findall(r"^(?:CORE|ENGINE)_READY := (.+)$", database, re.MULTILINE):
        (place / ready).parent.mkdir(parents=True)
        (place / ready).touch()
    program = place / ".venv" / "bin" / "smallscale"
    program.parent.mkdir()
    program.write_text(SMALLSCALE)
    program.chmod(0o755)
    return place


@pytest.mark.parametrize("code", [0, 1, 2, 3, 4, 5, 130])
def test_the_exit_code_is_that_of_the_command(place, code):
    """GNU make makes 2 of every failing recipe; ours is ended from inside."""
    done = make(place, "eval", CODE=str(code))
    assert done.returncode == code, done.stderr
    assert done.stderr == ""
    options = ["--suite", "smoke", "--profile", "vllm-cpu", "--baseline", "auto"]
    assert json.loads(done.stdout) == ["eval", "smollm2", *options]
    assert make(place, "baseline", CODE=str(code)).returncode == code
    assert list(place.glob(".venv/.code-*")) == []


def test_without_a_compiler_make_says_the_exit_code(place):
    done = make(place, "eval", "CC=false", CODE="3")
    assert done.returncode == 2
    assert "Error 3" in done.stderr
    assert make(place, "eval", "CC=false", CODE="0").returncode == 0


@pytest.mark.parametrize("options", [("-n",), ("-n", "--no-print-directory"), ("--dry-run",)])
def test_a_dry_run_runs_nothing(place, options):
    before = sorted(place.rglob("*"))
    done = make(place, *options, "eval", "MODEL=m", CODE="3")
    assert done.returncode == 0, done.stderr
    assert ".venv/bin/smallscale eval 'm' --suite 'smoke'" in done.stdout
    assert sorted(place.rglob("*")) == before
    shutil.rmtree(place / ".venv")
    assert make(place, "-n", "eval", CODE="3").returncode == 0
    assert not (place / ".venv").exists()


def test_values_may_hold_spaces_and_quotes(place, tmp_path):
    odd = tmp_path / "a b"
    odd.mkdir()
    model, suite, gate = "/models/my model", "it's mine.yaml", "a;b.yaml"
    values = (f"MODEL={model}", f"SUITE={suite}", f"GATE={gate}", "BASELINE=git:main:x y")
    done = make(place, "eval", *values, "ARGS=--seed 7 --runs 'r s'", TMPDIR=str(odd))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        "eval", model, "--suite", suite, "--profile", "vllm-cpu", "--baseline", "git:main:x y",
        "--gate", gate, "--seed", "7", "--runs", "r s",
    ]  # fmt: skip
    assert list(odd.iterdir()) == []
    done = make(place, "baseline", *values)
    options = ["--suite", suite, "--profile", "vllm-cpu", "--epochs", "8"]
    assert json.loads(done.stdout) == ["generate", model, *options]


def test_an_older_python_is_told_in_one_line(place, tmp_path):
    """A stand-in: the real check, run by this Python as if it were 3.10."""
    old = tmp_path / "python3.10"
    fake = (
        'import sys; sys.version_info = (3, 10, 4); exec(sys.argv[2].removeprefix("import sys; "))'
    )
    old.write_text(f"#!{sys.executable}\n{fake}\n")
    old.chmod(0o755)
    shutil.rmtree(place / ".venv")
    done = make(place, "venv", f"PYTHON={old}")
    assert done.returncode == 2
    first = done.stderr.splitlines()[0]
    assert "needs Python 3.11 or newer" in first
    assert "is 3.10: make PYTHON=python3.11" in first
