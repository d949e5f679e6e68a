"""An engine that came without compiled modules is compiled once."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from smallscale_ci.worker import bytecode
bytecode.keep("engine")
import subprocess
import engine.part
child = "import sys; sys.path.insert(0, sys.argv[1]); import engine.part as p; print(p.__cached__)"
child = subprocess.run([sys.executable, "-c", child, sys.argv[1]], capture_output=True, text=True)
print(json.dumps([sys.pycache_prefix, engine.part.__cached__, child.stdout.strip()]))
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with the package ``engine``, as source alone."""
    package = tmp_path / "site" / "engine"
    package.mkdir(parents=True)
    for name in ("__init__.py", "part.py"):
        (package / name).write_text("value = 1\n")
    return package.parent


def started(site: Path, cache: Path, **environment: str) -> list[str]:
    """What a worker that is to import the engine comes to."""
    found = {"PATH": os.environ["PATH"], "XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(ROOT)}
    found |= {"PYTHONDONTWRITEBYTECODE": "1", **environment}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(site)],
        check=False,
        env=found,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_modules_are_compiled_once_and_found_again_by_children(site, tmp_path):
    prefix, compiled, of_child = started(site, tmp_path / "cache")
    assert Path(prefix) == tmp_path / "cache/smallscale/bytecode"
    assert Path(compiled).is_relative_to(prefix)
    assert of_child == compiled
    made = Path(compiled).stat()
    assert started(site, tmp_path / "cache")[1] == compiled
    assert Path(compiled).stat().st_mtime_ns == made.st_mtime_ns
    assert not (site / "engine/__pycache__").exists()


def test_what_the_installer_compiled_is_used_as_it_is(site, tmp_path):
    subprocess.run([sys.executable, "-m", "compileall", "-q", str(site)], check=True)
    prefix, compiled, _ = started(site, tmp_path / "cache")
    assert prefix is None
    assert Path(compiled).parent == site / "engine/__pycache__"
    assert not (tmp_path / "cache").exists()


def test_a_place_that_the_user_chose_is_kept(site, tmp_path):
    chosen = str(tmp_path / "own")
    assert started(site, tmp_path / "cache", PYTHONPYCACHEPREFIX=chosen)[0] == chosen


def test_a_cache_that_cannot_be_written_and_an_engine_that_is_not_there_stop_nothing(
    site, tmp_path
):
    (tmp_path / "file").touch()
    assert started(site, tmp_path / "file")[0] is not None
    (site / "engine/__init__.py").rename(site / "engine.py")
    (site / "engine/part.py").unlink()
    (site / "engine").rmdir()
    script = SCRIPT.replace('keep("engine")', 'keep("absent")').replace("engine.part", "engine")
    done = subprocess.run(
        [sys.executable, "-c", script, str(site)],
        check=False,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[0] is None
