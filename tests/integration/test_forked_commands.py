"""Most tests run the command line as a fork of one process: it behaves as one that was started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import forked, replayed


@pytest.mark.parametrize(
    "arguments", [("--version",), ("no-such-command",), ("report", "nowhere"), ("suite", "list")]
)
def test_code_and_output_are_those_of_a_start(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    environment = {**os.environ, "COLUMNS": "200", "SMALLSCALE_RUNS": "elsewhere"}
    begun = subprocess.run(
        [sys.executable, "-c", forked.MAIN, *arguments],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    done = forked.run(arguments, tmp_path, environment, 60)
    assert (done.args, done.returncode) == (begun.args, begun.returncode)
    assert (done.stdout, done.stderr) == (begun.stdout, begun.stderr)


def test_each_has_its_own_folder_and_environment(tmp_path: Path) -> None:
    for name in ("ada", "bob"):
        (tmp_path / name / "configs" / "suites").mkdir(parents=True)
        (tmp_path / name / "configs" / "suites" / f"of-{name}.yaml").write_text(
            f"name: of-{name}\ntasks:\n  - {{name: t, source: t.jsonl, judge: {{name: math}}}}\n"
        )
    other = {"SMALLSCALE_CONFIGS": str(tmp_path / "bob" / "configs")}
    found = []
    for folder, more in (("ada", {}), ("bob", {}), ("ada", other), ("ada", {})):
        listed = replayed.smallscale(tmp_path / folder, "suite", "list", **more).stdout
        found.append(["of-ada" in listed, "of-bob" in listed])
    assert found == [[True, False], [False, True], [True, True], [True, False]]


def test_files_have_the_rights_that_the_caller_gives(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"question": "1 + 1?", "gold": "2", "output": "2"}\n')
    before = os.umask(0o077)
    try:
        done = replayed.smallscale(tmp_path, "judge", "rows.jsonl", "--output", "judged.parquet")
    finally:
        os.umask(before)
    assert done.returncode == 0, done.stderr
    made = [path for path in tmp_path.rglob("*") if path.name != "rows.jsonl"]
    assert made
    assert all(path.stat().st_mode & 0o077 == 0 for path in made)


def test_one_that_does_not_end_is_killed_and_the_next_runs(tmp_path: Path) -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        replayed.smallscale(tmp_path, "suite", "list", timeout=0.001)
    assert replayed.smallscale(tmp_path, "--version").returncode == 0


def test_what_is_read_at_the_start_takes_a_start_of_its_own() -> None:
    ours = dict(os.environ)
    assert not forked.starts_otherwise({**ours, "SMALLSCALE_RUNS": "x", "HOME": "/"})
    assert forked.starts_otherwise({**ours, "PYTHONWARNINGS": "error::UserWarning"})
    assert forked.starts_otherwise({**ours, "LC_ALL": "de_DE"})
