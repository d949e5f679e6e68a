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


@pytest.mark.parametrize(("code", "expected"), [(0, 0), (1, 1), (3, 2), (5, 2), (130, 2)])
def test_the_exit_code_is_the_verdict(place, code, expected):
    done = make(place, "eval", CODE=str(code))
    assert done.returncode == expected, done.stderr
    assert (f"exit code {code}" in done.stderr) is (expected == 2)
    options = ["--suite", "smoke", "--profile", "vllm-cpu", "--baseline", "auto"]
    assert json.loads(done.stdout) == ["eval", "smollm2", *options]


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
