import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from helpers import replayed
from helpers.repositories import git

from smallscale_ci.config.load import load
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.errors import UsageError
from smallscale_ci.github import init
from smallscale_ci.interop.readers import READERS

WORKFLOW = Path(".github/workflows/smallscale.yml")
BIN = Path(sys.executable).parent


def refuse_faults(workflow):
    """What GitHub, and people who look for holes in workflows, would object to."""
    for command in (
        ["zizmor", "--offline", "--quiet", "--persona", "pedantic"],
        ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"],
    ):
        done = subprocess.run(
            [str(BIN / command[0]), *command[1:], str(workflow)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr


def repository(path, branch="trunk", remote=""):
    path.mkdir(parents=True, exist_ok=True)
    git(path, "init", "-q", "-b", branch)
    git(path, "commit", "-q", "--allow-empty", "-m", "first")
    if remote:
        git(path, "remote", "add", "origin", remote)
    return path


@pytest.fixture
def package(tmp_path):
    return repository(tmp_path / "smallscale", remote="git@github.com:octo/smallscale-ci.git")


@pytest.fixture
def folder(tmp_path):
    return repository(tmp_path / "models")


def test_the_workflow_is_pinned_and_passes_the_linters(folder, package):
    facts = init.find_out(folder, package)
    result = init.write(folder, facts)
    assert result.written == (str(WORKFLOW), "configs/gates/ci.yaml", "baselines/README.md")
    text = (folder / WORKFLOW).read_text()
    assert f"octo/smallscale-ci/.github/workflows/eval.yml@{facts.ref}" in text
    assert len(facts.ref) == 40
    value = yaml.safe_load(text)
    assert value["permissions"] == {}
    assert value[True]["push"]["branches"] == ["trunk"]
    assert "<<" not in text + (folder / "baselines" / "README.md").read_text()
    refuse_faults(folder / WORKFLOW)


def test_a_checkout_without_a_remote_still_pins_its_commit(folder, tmp_path):
    package = repository(tmp_path / "offline")
    facts = init.find_out(folder, package)
    assert (facts.repository, len(facts.ref)) == ("OWNER/smallscale-ci", 40)
    advice = "\n".join(init.write(folder, facts).advice)
    assert "replace OWNER/smallscale-ci by its repository." in advice


def test_a_smallscale_in_an_environment_is_not_from_the_repository_around_it(package):
    installed = package / ".venv" / "lib" / "site-packages"
    installed.mkdir(parents=True)
    facts = init.find_out(package, installed)
    assert (facts.repository, facts.ref) == ("OWNER/smallscale-ci", "v1")


def test_the_called_workflow_takes_what_is_passed(folder, package):
    init.write(folder, init.find_out(folder, package))
    passed = yaml.safe_load((folder / WORKFLOW).read_text())["jobs"]["eval"]["with"]
    root = Path(__file__).resolve().parents[3]
    called = yaml.safe_load((root / ".github/workflows/eval.yml").read_text())
    assert set(passed) <= set(called[True]["workflow_call"]["inputs"])


def test_the_written_policy_loads(folder, package):
    init.write(folder, init.find_out(folder, package))
    policy = load(GatePolicy, "ci", (folder / "configs",))
    assert policy.margins.accuracy == 0.10  # for the suite smoke


def test_what_the_repository_has_is_found_out(folder, package):
    replayed.make_configs(folder)
    checkpoint = folder / "checkpoints" / "it's new"
    checkpoint.mkdir(parents=True)
    (checkpoint / "config.json").write_text("{}")
    (checkpoint / "model.safetensors").write_bytes(b"")
    facts = init.find_out(folder, package)
    assert (facts.suite, facts.profile, facts.gate) == ("tiny", "slow", "tiny")
    assert facts.model == "checkpoints/it's new"
    result = init.write(folder, facts)
    assert "configs/gates/ci.yaml" not in result.written
    passed = yaml.safe_load((folder / WORKFLOW).read_text())["jobs"]["eval"]["with"]
    assert passed["model"] == "${{ inputs.model || 'checkpoints/it''s new' }}"
    assert passed["gate"] == "tiny"


def test_nothing_is_overwritten_and_a_second_call_does_nothing(folder, package):
    (folder / WORKFLOW).parent.mkdir(parents=True)
    (folder / WORKFLOW).write_text("mine")
    facts = init.find_out(folder, package)
    assert init.write(folder, facts).skipped == (str(WORKFLOW),)
    assert (folder / WORKFLOW).read_text() == "mine"
    again = init.write(folder, init.find_out(folder, package))
    assert again.written == ()
    assert len(again.skipped) == 3


def test_odd_names_and_bytes_of_a_repository(folder, package):
    (folder / "my model").mkdir()
    (folder / "my model" / "config.json").write_text("{}")
    (folder / "my model" / "a.safetensors").touch()
    (folder / ".gitignore").write_bytes(b"caf\xe9/\n/runs/\n")
    result = init.write(folder, init.find_out(folder, package))
    assert not any(".gitignore" in line for line in result.advice)
    said = (folder / "baselines" / "README.md").read_text()
    assert "smallscale generate 'my model' --suite smoke" in said


def test_a_folder_inside_of_a_repository_is_said_to_be_none(folder, package):
    inside = folder / "models" / "small"
    inside.mkdir(parents=True)
    advice = init.write(inside, init.find_out(inside, package)).advice
    assert any(f"smallscale init {folder}" in line for line in advice)
    advice = init.write(folder, init.find_out(folder, package)).advice
    assert not any("smallscale init" in line for line in advice)


def test_what_cannot_be_found_out_is_said(tmp_path):
    bare = tmp_path / "bare"
    bare.mkdir()
    facts = init.find_out(bare, bare)
    assert (facts.branch, facts.ref) == ("main", "v1")
    advice = "\n".join(init.write(bare, facts).advice)
    assert "git init" in advice
    assert "replace OWNER/smallscale-ci" in advice
    assert "echo /runs/ >> .gitignore" in advice


def test_a_detached_head_falls_back_to_the_remote_or_to_custom(folder, package):
    git(folder, "checkout", "-q", "--detach")
    assert init.find_out(folder, package).branch == "main"
    git(folder, "update-ref", "refs/remotes/origin/develop", "HEAD")
    git(folder, "symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/develop")
    assert init.find_out(folder, package).branch == "develop"


def test_no_folder_is_an_error(tmp_path):
    with pytest.raises(UsageError, match="not a folder"):
        init.find_out(tmp_path / "missing", tmp_path)


def test_the_command(folder):
    done = replayed.smallscale(folder, "init")
    assert done.returncode == 0, done.stderr
    assert f"written: {WORKFLOW}" in done.stdout
    assert f"left as it is: {WORKFLOW}" in replayed.smallscale(folder, "init", ".").stdout


def test_the_gate_of_another_tool_s_results_needs_no_gpu(folder, package):
    facts = init.find_out(folder, package)
    result = init.write(folder, facts, "lm-eval")
    assert result.written == (str(WORKFLOW),)
    assert not any("GPU" in line for line in result.advice)
    text = (folder / WORKFLOW).read_text()
    assert "<<" not in text
    value = yaml.safe_load(text)
    job = value["jobs"]["compare"]
    assert job["runs-on"] == "ubuntu-latest"
    assert job["steps"][1]["uses"] == f"octo/smallscale-ci/.github/actions/compare@{facts.ref}"
    refuse_faults(folder / WORKFLOW)


def test_no_half_of_a_file_is_left_behind(folder, package, monkeypatch):
    """The next `init` would have left it as it is."""
    monkeypatch.setattr(init, "_filled", lambda *_: "half a \udcff")  # cannot be encoded
    with pytest.raises(UnicodeEncodeError):
        init.write(folder, init.find_out(folder, package))
    assert not (folder / WORKFLOW).exists()


def test_lines_of_another_system_stay_as_they_are(folder, package):
    facts = init.find_out(folder, package)
    init.write(folder, replace(facts, repository=init.UNKNOWN))
    text = (folder / WORKFLOW).read_bytes().replace(b"\n", b"\r\n")
    (folder / WORKFLOW).write_bytes(text)
    assert str(WORKFLOW) in init.write(folder, facts).written
    expected = text.replace(init.UNKNOWN.encode(), facts.repository.encode())
    assert (folder / WORKFLOW).read_bytes() == expected


def test_an_unknown_tool_is_named(folder, package):
    with pytest.raises(UsageError, match=r"--from lm_eval: unknown tool .did you mean 'lm-eval'"):
        init.write(folder, init.find_out(folder, package), "lm_eval")


@pytest.mark.parametrize("tool", [reader.name for reader in READERS])
def test_every_tool_of_the_readers_can_be_named(folder, package, tool):
    """lighteval could not, although its results are read."""
    assert init.write(folder, init.find_out(folder, package), tool).written == (str(WORKFLOW),)


@pytest.mark.parametrize("place", [".github", ".github/workflows"])
def test_a_file_where_a_folder_must_be_is_named(folder, package, place):
    """It was an error of the disk (exit 3)."""
    (folder / "file").touch()
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).symlink_to(folder / "file")
    with pytest.raises(UsageError, match=f"{place} is not a folder, so .* cannot be written"):
        init.write(folder, init.find_out(folder, package))
