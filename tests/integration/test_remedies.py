"""Every remedy that names a command is pasted into a shell, where it was printed."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import replayed

from smallscale_ci.config import load
from smallscale_ci.run.folder import RunFolder

PROGRAM = Path(sys.executable).with_name("smallscale")
ASKED = ("--suite", "tiny", "--profile", "replay")


def shell(place: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command line as a person would, without smallscale on the PATH."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SMALLSCALE_")}
    return subprocess.run(
        command,
        shell=True,
        cwd=place,
        env={**kept, "PATH": "/usr/bin:/bin", "COLUMNS": "300"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def remedies(told: str) -> list[str]:
    """The commands in what was printed: in backticks, or up to the end of a line."""
    word = re.escape(str(PROGRAM))
    return [
        (found[1] or found[2]).rstrip(".")
        for found in re.finditer(rf"`({word} [^`]+)`|({word} .+)", told)
    ]


@pytest.fixture
def place(tmp_path) -> Path:
    """Configurations and a judged run, in a folder whose name needs quoting."""
    place = tmp_path / "my project"
    replayed.make_configs(place, problems=6)
    replayed.make_run(place, "src", epochs=8)
    return place


def printed(place: Path, *arguments: str) -> list[str]:
    """The remedies that a failing command prints."""
    done = shell(place, " ".join([str(PROGRAM), *arguments]))
    assert done.returncode != 0, done.stdout
    found = remedies(done.stderr)
    assert found, done.stderr
    return found


def unfinished(place: Path, baseline: str = "none") -> Path:
    """The stored run as if it had been interrupted, with what it had done gone."""
    run = RunFolder(shutil.copytree(place / "stored" / "src", place / "runs" / "cut short"))
    source = run.read_config().model_copy(update={"model": str(place / "stored" / "src")})
    run.config.write_text(load.dump(source.model_copy(update={"baseline": baseline})))
    manifest = json.loads(run.manifest.read_text())
    run.manifest.write_text(json.dumps({**manifest, "status": "interrupted"}))
    for path in (run.generations, run.judgements, run.summary, run.prompts):
        path.unlink()
    (run.path / "work").mkdir(exist_ok=True)
    return run.path


def test_no_baseline_is_recorded_by_what_is_printed(place):
    generate, record = printed(place, "eval", "'stored/src'", *ASKED)
    made = shell(place, f"{generate} --json")
    assert made.returncode == 0, made.stderr
    run = json.loads(made.stdout)["run"]
    recorded = shell(place, record.replace("RUN", f"'{run}'"))
    assert recorded.returncode == 0, recorded.stderr
    done = shell(place, f"{PROGRAM} eval stored/src --suite tiny --profile replay --epochs 2")
    assert done.returncode in {0, 5}, done.stderr


def test_a_run_without_judgements_is_judged(place):
    run = RunFolder(place / "stored" / "src")
    run.judgements.unlink()
    (command,) = printed(place, "pairs", "stored/src", "--eval-suite", "tiny")
    assert shell(place, command).returncode == 0
    assert run.judgements.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("compare", "{run}", "stored/src"),
        ("compare", "stored/src", "{run}"),
        ("baseline", "record", "{run}", "-m", "x"),
        ("report", "--compare", "{run}", "stored/src"),
        ("pairs", "{run}", "--eval-suite", "tiny"),
    ],
)
def test_a_run_that_was_never_judged_is_judged(place, arguments):
    made = shell(place, f"{PROGRAM} generate stored/src {' '.join(ASKED)} --no-judge --json")
    assert made.returncode == 0, made.stderr
    run = json.loads(made.stdout)["run"]
    (command,) = printed(place, *(word.replace("{run}", f"'{run}'") for word in arguments))
    judged = shell(place, command)
    assert judged.returncode == 0, judged.stderr
    assert RunFolder(Path(run)).judgements.exists()


def test_a_run_without_a_verdict_is_compared(place):
    recorded = shell(place, f"{PROGRAM} baseline record stored/src -m first --baselines baselines")
    assert recorded.returncode == 0, recorded.stderr
    (command,) = printed(place, "report", "stored/src")
    done = shell(place, command)
    assert done.returncode in {0, 5}, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("baseline", "record", "'runs/cut short'", "-m", "x"),
        ("report", "--compare", "'runs/cut short'", "stored/src"),
        ("pairs", "'runs/cut short'", "--eval-suite", "tiny"),
    ],
)
def test_an_unfinished_run_is_finished(place, arguments):
    unfinished(place)
    (command,) = printed(place, *arguments)
    done = shell(place, command)
    assert "--resume" in command
    assert done.returncode != 2, done.stderr


def test_a_complete_run_is_shown_instead_of_resumed(place):
    show, compare = printed(place, "generate", "--resume", "stored/src")
    assert shell(place, show).returncode in {0, 4}
    assert shell(place, compare).returncode in {0, 4}


def test_a_model_s_name_is_enough_for_its_only_baseline(place):
    recorded = shell(place, f"{PROGRAM} baseline record stored/src -m first --baselines baselines")
    assert recorded.returncode == 0, recorded.stderr
    commands = ("baseline show m", "verify m", "calibrate m --trials 2")
    for command in commands:
        assert shell(place, f"{PROGRAM} {command}").returncode == 0, command
    shutil.copytree(place / "baselines/tiny/replay/m", place / "baselines/tiny/vllm/m")
    for command in commands:
        done = shell(place, f"{PROGRAM} {command}")
        assert done.returncode == 2, done.stderr
        names = re.findall(r"^  (\S+/\S+/m)$", done.stderr, re.M)
        assert names == ["tiny/replay/m", "tiny/vllm/m"]
        asked = command.replace(" m", f" {names[0]}", 1)
        assert shell(place, f"{PROGRAM} {asked}").returncode == 0


def test_no_runs_yet_is_how_everybody_starts(place):
    """What is printed needs an engine, and is not run."""
    done = shell(place, f"{PROGRAM} history")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    (command,) = remedies(done.stdout)
    assert shell(place, f"{command} --help").returncode == 0
    assert shell(place, f"{PROGRAM} history nowhere").returncode == 2


def test_wrong_files_name_their_schema(place):
    (place / "configs" / "pairs").mkdir()
    for kind, option in (("gates", "gate"), ("suites", "suite"), ("engines", "profile")):
        (place / "configs" / kind / "wrong.yaml").write_text("name: wrong\nnonsense: 1\n")
        (command,) = printed(place, "eval", "stored/src", f"--{option}", "wrong")
        assert shell(place, command).returncode == 0


def test_a_missing_engine_is_installed_by_what_is_printed(place):
    """Not run: it downloads gigabytes."""
    empty = place / "no environments"
    command = (
        f"SMALLSCALE_ENVIRONMENTS='{empty}' {PROGRAM} eval smollm2 --suite tiny "
        "--profile vllm-cpu --runtime local --baseline 'stored/src'"
    )
    done = shell(place, command)
    assert done.returncode == 3, done.stderr
    told = remedies(done.stderr)[0]
    assert told.endswith("engine install")
    assert shell(place, f"{told} --help").returncode == 0
