"""The rules of who may import whom, as pyproject.toml states them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import smallscale_ci

PACKAGE = Path(smallscale_ci.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))


def test_the_contracts_are_kept():
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [str(program), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"[1-9]\d* kept, 0 broken", done.stdout)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_only_the_command_line_reads_the_environment_prints_or_exits():
    found = []
    for path in MODULES:
        inside = path.relative_to(PACKAGE).parts[0]
        # An actor of the ray runtime is a process on another machine, with that machine's own.
        if inside in {"cli", "worker"} or path.name == "ray.py":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if re.search(r"os\.environ|os\.getenv|sys\.exit\(|^\s*print\(", line):
                found.append(f"{path.relative_to(PACKAGE)}:{number}: {line.strip()}")
    assert found == []


def test_the_worker_starts_in_a_python_that_has_nothing_installed(tmp_path):
    worker = PACKAGE / "worker"
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(worker), "--help"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "--work" in done.stdout
