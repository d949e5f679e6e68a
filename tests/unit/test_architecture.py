"""The rules of who may import whom, as pyproject.toml states them."""

import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import smallscale_ci

PACKAGE = Path(smallscale_ci.__file__).parent
ROOT = PACKAGE.parent
MODULES = sorted(PACKAGE.rglob("*.py"))
TESTS = sorted(PACKAGE.parent.glob("tests/**/*.py"))


def lint_imports(root):
    program = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [str(program), "--no-cache"], cwd=root, capture_output=True, text=True, check=False
    )


def test_the_contracts_are_kept():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout[-3000:]
    assert re.search(r"[1-9]\d* kept, 0 broken", done.stdout)


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("worker/loop.py", "import numpy", "the worker imports alone"),
        ("worker/engines/base.py", "import pydantic", "the worker imports alone"),
        ("stats/tokens.py", "import pyarrow", "statistics know only numbers"),
        ("report/markdown.py", "import pyarrow", "what a report looks like"),
        ("report/html.py", "import scipy", "what a report looks like"),
        ("report/html.py", "from smallscale_ci.report import collect", "nothing that renders"),
        ("report/interface.py", "from smallscale_ci.report import stored", "nothing that renders"),
        ("records/limits.py", "from smallscale_ci import files", "records import the standard"),
        ("report/collect.py", "from smallscale_ci.containers import spec", "reports know nothing"),
        ("doctor/machine.py", "import docker", "only containers/ speaks"),
        ("train/session.py", "import docker", "only containers/ speaks"),
        ("nowhere.py", "", "Missing layer"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path, module, line, broken):
    for name in ("smallscale_ci", "tests/helpers"):
        hidden = shutil.ignore_patterns("__pycache__", "data", "templates")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=hidden)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    path = tmp_path / "smallscale_ci" / module
    path.write_text((path.read_text() if path.exists() else "") + f"\n{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode != 0
    found = re.search(rf"{broken}[^\n]*BROKEN", done.stdout)
    assert found or "smallscale_ci.nowhere" in done.stdout, done.stdout[-2000:]


def test_a_room_is_a_package(tmp_path):
    """Import rules do not see a folder without __init__.py."""
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    (tmp_path / "smallscale_ci" / "new").mkdir(parents=True)
    (tmp_path / "smallscale_ci" / "__init__.py").touch()
    (tmp_path / "smallscale_ci" / "new" / "room.py").write_text("import docker\n")
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--no-cache", "."],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "INP001" in done.stdout


# Programs of their own: engine processes, and the worker's node of a Ray cluster.
ELSEWHERE = ("cli/", "worker/", "generate/outpost.py")
READ = re.compile(
    r"datetime\.now\b|utcnow\b|date\.today\b|time\.time(_ns)?\b"
    r"|\bsecrets\.|import secrets|from secrets"
    r"|sys\.exit\(|^\s*print\("
    r"|\buuid\b|os\.environ|getenv|default_rng\(\)|random\.(random|randint|choice|shuffle)\(|Random\(\)"
)


def test_below_the_command_line_nothing_reads_time_chance_or_environment_prints_or_exits():
    found = [
        f"{name}:{number}: {line.strip()}"
        for path in MODULES
        if not (name := str(path.relative_to(PACKAGE))).startswith(ELSEWHERE)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if READ.search(line.partition("#")[0])
    ]
    assert found == []


# Others write what nobody reads before it is whole: inside a sandbox or an engine's image, requests
# to it, folders that appear as a whole, downloads that are resumed, pipes that a user names.
PARTS = (
    *("files.py", "sandbox/", "worker/", "train/preflight.py", "generate/store.py"),
    *("run/recording.py", "suite/fetch.py", "cli/targets.py"),
)
WRITES = re.compile(r"\.write_(text|bytes)\(|open\([^)=]*[\"'][wx]b?[\"']")


def test_files_are_written_whole_by_one_module():
    found = [
        f"{name}:{number}: {line.strip()}"
        for path in MODULES
        if not (name := str(path.relative_to(PACKAGE))).startswith(PARTS)
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if WRITES.search(line)
    ]
    assert found == []


def test_the_root_is_a_hall_of_rooms():
    entries = [path for path in PACKAGE.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 26, sorted(path.name for path in entries)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_short(path):
    """One noun in about 300 lines; grammars and the worker's loop are longer ones."""
    longest = 400 if path.is_relative_to(PACKAGE / "judges") else 340
    assert len(path.read_text(encoding="utf-8").splitlines()) <= longest


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


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_test_files_have_names_of_their_own():
    """pytest collects no two of one name in a session."""
    names = Counter(path.name for path in (ROOT / "tests").rglob("test_*.py"))
    assert [name for name, count in names.items() if count > 1] == []
