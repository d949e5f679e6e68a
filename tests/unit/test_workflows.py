"""The workflows keep the promises that docs/github-actions.md makes about them."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
ACTIONS = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
TEMPLATES = sorted((ROOT / "smallscale_ci" / "templates").glob("*.yml"))
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*")


def read(path: Path) -> dict:
    # YAML 1.1 reads the key `on` as true.
    value = yaml.safe_load(path.read_text())
    return {("on" if key is True else key): item for key, item in value.items()}


def steps(path: Path) -> list[dict]:
    value = read(path)
    jobs = value.get("jobs", {"": value.get("runs", {})})
    return [step for job in jobs.values() for step in job.get("steps", [])]


def names(paths):
    return [str(path.relative_to(ROOT)) for path in paths]


@pytest.mark.parametrize("path", WORKFLOWS, ids=names(WORKFLOWS))
def test_a_workflow_has_least_rights(path):
    value = read(path)
    assert value["permissions"] == {}
    assert "pull_request_target" not in value["on"]
    assert "workflow_run" not in value["on"]
    assert value["concurrency"]["group"]
    for job in value["jobs"].values():
        assert job["timeout-minutes"] <= (1440 if path.stem == "candidate" else 360)
        written = {key for key, right in job["permissions"].items() if right == "write"}
        assert written <= {"pull-requests", "contents", "id-token", "attestations"}
        if written:
            # Who may write installs nothing and runs no code of the repository.
            said = yaml.safe_dump(job["steps"])
            assert "actions/checkout" not in said
            assert not re.search(r"\bmake\b|\bpip\b|\.venv", said)


@pytest.mark.parametrize("path", WORKFLOWS + ACTIONS, ids=names(WORKFLOWS + ACTIONS))
def test_every_action_is_pinned_by_commit_with_its_version(path):
    for line in path.read_text().splitlines():
        if found := re.search(r"uses:\s*(.+)", line):
            own = found[1].startswith("$/.github/")
            assert own or PINNED.fullmatch(found[1]), line


@pytest.mark.parametrize("path", WORKFLOWS + ACTIONS, ids=names(WORKFLOWS + ACTIONS))
def test_no_expression_is_code_and_no_credentials_stay(path):
    for step in steps(path):
        assert "${{" not in step.get("run", "")
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_forks_never_reach_the_gpu_runner():
    jobs = read(ROOT / ".github/workflows/eval.yml")["jobs"]
    condition = " ".join(jobs["eval"]["if"].split())
    assert "head.repo.full_name == github.repository" in condition
    assert "labels.*.name, 'eval'" in condition
    assert "github.event_name != 'pull_request_target'" in condition
    assert jobs["eval"]["permissions"] == {"contents": "read"}
    job = read(ROOT / ".github/workflows/candidate.yml")["jobs"]["candidate"]
    assert "head.repo.full_name == github.repository" in " ".join(job["if"].split())


@pytest.mark.parametrize(("workflow", "step"), [("eval", "gate"), ("candidate", "candidate")])
def test_what_runs_ends_before_its_job_does(workflow, step):
    job = read(ROOT / f".github/workflows/{workflow}.yml")["jobs"][workflow]
    (gate,) = (one for one in job["steps"] if one.get("id") == step)
    assert float(gate["with"]["deadline"]) < job["timeout-minutes"]


def test_a_report_is_kept_whatever_happened():
    job = read(ROOT / ".github/workflows/eval.yml")["jobs"]["eval"]
    always = [step["name"] for step in job["steps"] if step.get("if") == "always()"]
    assert always == ["Keep the run", "Clean up"]


@pytest.mark.parametrize("action", ["gate", "candidate"])
def test_containers_of_a_cancelled_job_are_removed(action):
    last = steps(ROOT / f".github/actions/{action}/action.yml")[-1]
    assert last["if"] == "always()"
    assert "doctor --clean" in last["run"]


def test_the_pins_are_proposed_only_when_they_changed():
    jobs = read(ROOT / ".github/workflows/pins.yml")["jobs"]
    assert jobs["resolve"]["permissions"] == {"contents": "read"}
    assert jobs["propose"]["if"] == "needs.resolve.outputs.changed == 'true'"
    script = jobs["propose"]["steps"][-1]["run"]
    assert subprocess.run(["bash", "-n"], input=script, text=True, check=False).returncode == 0


@pytest.mark.parametrize("action", ["gate", "candidate"])
def test_no_step_that_runs_a_model_sees_a_token(action):
    for step in steps(ROOT / f".github/actions/{action}/action.yml"):
        assert not [key for key in step.get("env", {}) if "TOKEN" in key]
    for workflow in ("eval", "candidate"):
        assert "secrets" not in (ROOT / f".github/workflows/{workflow}.yml").read_text()


@pytest.mark.parametrize(("action", "name"), [("gate", "eval"), ("candidate", "candidate")])
def test_an_action_passes_options_that_its_command_has(action, name):
    from typer.main import get_command

    from smallscale_ci.cli.main import app

    command = get_command(app).commands[name]
    known = {option.envvar for option in command.params if option.envvar}
    (step,) = (one for one in steps(ROOT / f".github/actions/{action}/action.yml") if one.get("id"))
    exported = re.findall(r"export (SMALLSCALE_\w+)=", step["run"])
    used = {key for key in step["env"] if key.startswith("SMALLSCALE_")} | set(exported)
    assert used - {"SMALLSCALE_ENVIRONMENTS"} <= known


@pytest.mark.parametrize(("workflow", "action"), [("eval", "gate"), ("candidate", "candidate")])
def test_a_workflow_passes_inputs_that_its_action_has(workflow, action):
    job = read(ROOT / f".github/workflows/{workflow}.yml")["jobs"][workflow]
    (step,) = (one for one in job["steps"] if one.get("id") == action)
    assert step["uses"] == f"$/.github/actions/{action}"
    assert set(step["with"]) <= set(read(ROOT / f".github/actions/{action}/action.yml")["inputs"])
