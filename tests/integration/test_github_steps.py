"""The scripts of the workflows and actions, run by bash as a runner would run them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from helpers import replayed

ROOT = Path(__file__).resolve().parents[2]


def script(path: str, name: str) -> str:
    value = yaml.safe_load((ROOT / path).read_text())
    jobs = value.get("jobs", {"": value.get("runs", {})})
    (found,) = (
        step["run"] for job in jobs.values() for step in job["steps"] if step.get("name") == name
    )
    return str(found)


def bash(text: str, folder: Path, **environment: str) -> tuple[int, dict[str, str]]:
    """Exit code and outputs of a step."""
    outputs = folder / "outputs.txt"
    outputs.write_text("")
    kept = {key: value for key, value in os.environ.items() if not key.startswith("SMALLSCALE_")}
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
        cwd=folder,
        env={**kept, **environment, "GITHUB_OUTPUT": str(outputs), "GITHUB_ACTIONS": "true"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = [line.split("=", 1) for line in outputs.read_text().splitlines()]
    return done.returncode, dict(lines)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The action in a folder of its own, with the environment that its first step would make."""
    action = tmp_path / "checkout" / ".github" / "actions" / "gate"
    action.mkdir(parents=True)
    command = tmp_path / "checkout" / ".venv" / "bin" / "smallscale"
    command.parent.mkdir(parents=True)
    command.symlink_to(Path(sys.executable).with_name("smallscale"))
    return action


@pytest.mark.parametrize(("wrong", "code", "verdict"), [(0.2, 0, "PASS"), (0.8, 1, "REGRESSED")])
def test_the_gate_step_sets_outputs_and_fails_like_the_verdict(
    tmp_path: Path, checkout: Path, wrong: float, code: int, verdict: str
) -> None:
    replayed.make_configs(tmp_path)
    replayed.make_run(tmp_path, "base", epochs=4)
    replayed.make_run(tmp_path, "new", wrong=wrong, seed=0).rename(tmp_path / "stored/it's new")
    found, outputs = bash(
        script(".github/actions/gate/action.yml", "Evaluate"),
        tmp_path,
        GITHUB_ACTION_PATH=str(checkout),
        RUNNER_TOOL_CACHE=str(tmp_path),
        MODEL="stored/it's new",
        SMALLSCALE_SUITE="tiny",
        SMALLSCALE_PROFILE="slow",
        SMALLSCALE_GATE="",
        SMALLSCALE_BASELINE="stored/base",
        SMALLSCALE_DEADLINE="5",
        SMALLSCALE_RUNS="runs",
    )
    assert found == code
    assert outputs["exit-code"] == str(code)
    assert outputs["verdict"] == verdict
    assert (tmp_path / outputs["report"]).is_file()


@pytest.mark.parametrize(
    ("action", "step"), [("gate", "Evaluate"), ("candidate", "Make the candidate")]
)
def test_a_hostile_model_name_is_only_a_name(
    tmp_path: Path, checkout: Path, action: str, step: str
) -> None:
    found, outputs = bash(
        script(f".github/actions/{action}/action.yml", step),
        tmp_path,
        GITHUB_ACTION_PATH=str(checkout),
        GITHUB_RUN_ID="7",
        RUNNER_TOOL_CACHE=str(tmp_path),
        MODEL='--help"; touch owned; $(touch owned)\nverdict=PASS',
        FOLDER="",
        DEADLINE="5",
        SMALLSCALE_PROFILE="replay",
    )
    assert found != 0
    assert outputs["exit-code"] == str(found)
    assert "verdict" not in outputs
    assert not (tmp_path / "owned").exists()
    if action == "candidate":
        folder = Path(outputs["folder"])
        assert folder.parent == tmp_path / "smallscale" / "candidates"
        assert re.fullmatch(r"7-[0-9a-f]{8}", folder.name)


def test_candidates_of_one_workflow_run_have_folders_and_files_of_their_own(
    tmp_path: Path, checkout: Path
) -> None:
    text = script(".github/actions/candidate/action.yml", "Make the candidate")
    names = script(".github/workflows/candidate.yml", "Name the files")
    told = []
    for model in ("org/small", "org/large", "org/small"):
        given = {"MODEL": model, "FOLDER": "", "DEADLINE": "5", "SMALLSCALE_PROFILE": "replay"}
        places = {"GITHUB_ACTION_PATH": str(checkout), "RUNNER_TOOL_CACHE": str(tmp_path)}
        _, outputs = bash(text, tmp_path, GITHUB_RUN_ID="7", **given, **places)
        code, named = bash(names, tmp_path, RUN=f"lcpo smoke-train smoke {model}")
        assert code == 0
        told.append((outputs["folder"], named["artifact"]))
    small, large, again = told
    assert small == again  # a failed job that is run again goes on where it was
    assert small[0] != large[0]
    assert small[1] == "smallscale-candidate-lcpo-smoke-train-smoke-org-small"
    assert large[1] == "smallscale-candidate-lcpo-smoke-train-smoke-org-large"


@pytest.mark.parametrize("changed", [False, True])
def test_the_pins_are_handed_on_when_they_changed(tmp_path: Path, changed: bool) -> None:
    """The step's own logic: a stand-in for the command, whose own tests are elsewhere."""
    lock = tmp_path / "docker" / "images.lock.yaml"
    lock.parent.mkdir()
    lock.write_text("before")
    for command in (["init", "-q"], ["add", "-A"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    command = tmp_path / ".venv" / "bin" / "smallscale"
    command.parent.mkdir(parents=True)
    written = f"echo after > {lock}" if changed else "true"
    command.write_text(f"#!/bin/sh\necho 'vllm (x:1)'\n{written}\n")
    command.chmod(0o755)
    summary = tmp_path / "summary.md"
    text = script(".github/workflows/pins.yml", "Resolve")
    code, outputs = bash(text, tmp_path, GITHUB_STEP_SUMMARY=str(summary))
    assert code == 0
    assert outputs == ({"changed": "true"} if changed else {})
    assert "vllm (x:1)" in summary.read_text()
    if changed:
        assert (tmp_path / "pins" / "images.lock.yaml").read_text() == "after\n"
        assert (tmp_path / "pins" / "changes.txt").read_text() == "vllm (x:1)\n"


@pytest.mark.parametrize(
    ("base", "spec"),
    [
        ("", ""),
        ("main", "git:refs/remotes/origin/main"),
        ("refs/heads/release/1", "git:refs/remotes/origin/release/1"),
    ],
)
def test_the_rules_are_those_of_the_target_branch(tmp_path: Path, base: str, spec: str) -> None:
    text = script(".github/workflows/eval.yml", "Choose the rules")
    code, outputs = bash(text, tmp_path, BASE=base, RUN="smoke vllm org/model@v1\nx=y")
    assert code == 0
    assert outputs == {"rules": spec, "artifact": "smallscale-smoke-vllm-org-model-v1-x-y"}


def test_calibrate_fails_when_one_baseline_does(tmp_path: Path) -> None:
    """The step's loop alone: a stand-in for the command, whose own tests are elsewhere."""
    command = tmp_path / ".venv" / "bin" / "smallscale"
    command.parent.mkdir(parents=True)
    command.write_text('#!/bin/sh\necho "asked for $2"\ncase "$2" in *bad*) exit 1; esac\n')
    command.chmod(0o755)
    summary = tmp_path / "summary.md"
    text = script(".github/workflows/calibrate.yml", "Calibrate")
    for models, code in (((), 0), (("good",), 0), (("good", "bad", "better"), 1)):
        for model in models:
            folder = tmp_path / "baselines" / "smoke" / "vllm" / model
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "baseline.json").write_text("{}")
        assert bash(text, tmp_path, GITHUB_STEP_SUMMARY=str(summary))[0] == code
    assert summary.read_text().count("asked for baselines/smoke/vllm/") == 4


def test_the_compare_step_gates_two_files_without_an_engine(tmp_path: Path, checkout: Path) -> None:
    log = Path(__file__).parents[1] / "data" / "interop" / "inspect-0.3.285" / "sums.eval"
    summary = tmp_path / "summary.md"
    found, outputs = bash(
        script(".github/actions/compare/action.yml", "Compare"),
        tmp_path,
        GITHUB_ACTION_PATH=str(checkout),
        GITHUB_STEP_SUMMARY=str(summary),
        CANDIDATE=str(log),
        BASELINE=str(log),
        SMALLSCALE_GATE="",
        SMALLSCALE_REJUDGE="",
        SMALLSCALE_COLUMNS="",
        SMALLSCALE_METRIC="",
    )
    assert found == 0
    assert (outputs["verdict"], outputs["exit-code"]) == ("PASS", "0")
    assert "PASS" in summary.read_text()
