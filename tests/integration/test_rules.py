"""``--rules git:REF``: a pull request that changes what judges it is still judged by REF."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from helpers import replayed
from helpers.repositories import git

from smallscale_ci.errors import UsageError
from smallscale_ci.run.stores import GitStore

VLLM = "name: vllm\nengine: replay\nruntime: local\n"
LOOSE = "{accuracy: 1.0, tokens: 10.0, truncation: 1.0}"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a baseline on main, and beside it a good and a bad run to replay."""
    place = tmp_path_factory.mktemp("world")
    replayed.make_configs(place)
    git(place, "init", "-q", "-b", "main")
    real = "name: vllm\nengine: vllm\nruntime: local\n"
    (place / "configs/engines/vllm.yaml").write_text(real)
    (place / ".gitignore").write_text("stored/\n")
    for name, wrong in (("good", 0.2), ("bad", 0.8)):
        replayed.make_run(place, name, epochs=4, wrong=wrong)
    replayed.record(place / "stored" / "good", place / "baselines")
    replayed.record(place / "stored" / "bad", place / "examples" / "baselines")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "rules")
    return place


@pytest.fixture
def clone(world: Path, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "-q", f"file://{world}", "clone")
    return tmp_path / "clone"


def change(clone: Path, path: str, **keys: object) -> None:
    file = clone / "configs" / path
    file.parent.mkdir(parents=True, exist_ok=True)
    known = yaml.safe_load(file.read_text()) if file.exists() else {}
    file.write_text(yaml.safe_dump({**known, **keys}))


def evaluate(
    clone: Path, world: Path, *more: str | Path, run: str = "bad", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Judge ``run`` by the rules of main, after everything here was committed."""
    git(clone, "add", "-A", "-f")
    git(clone, "commit", "-q", "--allow-empty", "-m", "a pull request")
    options = ("--suite", "tiny", "--profile", "replay", "--rules", "git:origin/main", *more)
    cache = str(clone.parent / "cache")
    return replayed.smallscale(
        clone, "eval", world / "stored" / run, *options, SMALLSCALE_CACHE=cache, **environment
    )


def test_the_rules_are_in_the_manifest_and_an_honest_change_passes(clone, world):
    done = evaluate(clone, world, "--json", run="good")
    assert done.returncode == 0, done.stderr
    commit = git(clone, "rev-parse", "origin/main")
    manifest = json.loads(Path(clone, json.loads(done.stdout)["run"], "manifest.json").read_text())
    assert manifest["rules"] == commit
    assert f"rules: git:origin/main (commit {commit[:12]})" in done.stderr
    assert "does not count" not in done.stderr


def test_without_rules_the_ways_below_would_pass(clone, world):
    margins = yaml.safe_load(LOOSE)
    change(clone, "gates/tiny.yaml", margins=margins)
    run = world / "stored" / "bad"
    options = ("--suite", "tiny", "--profile", "replay", "--baseline", "git:origin/main")
    assert replayed.smallscale(clone, "eval", run, *options).returncode == 0


def loosened_margins(clone):
    change(clone, "gates/tiny.yaml", margins=yaml.safe_load(LOOSE))
    return ["configs/gates/tiny.yaml"]


def another_gate(clone):
    change(clone, "gates/loose.yaml", name="loose", margins=yaml.safe_load(LOOSE))
    change(clone, "suites/tiny.yaml", gate="loose")
    return ["configs/gates/loose.yaml", "configs/suites/tiny.yaml"]


def task_margins(clone):
    change(clone, "gates/tiny.yaml", task_margins={"sums": yaml.safe_load(LOOSE)})
    return ["configs/gates/tiny.yaml"]


def deleted_gate(clone):
    (clone / "configs/gates/tiny.yaml").unlink()
    return ["configs/gates/tiny.yaml"]


def same_name_with_another_ending(clone):
    file = clone / "configs/gates/tiny.yml"
    file.write_text(f"name: tiny\nmargins: {LOOSE}\n")
    return ["configs/gates/tiny.yml"]


def no_configurations_at_all(clone):
    shutil.rmtree(clone / "configs")
    shutil.rmtree(clone / "baselines")
    return ["configs/suites/tiny.yaml"]


def changed_data(clone):
    table = pa.table({"question": ["What is 1 + 1?"], "gold": ["-7"]})
    pq.write_table(table, clone / "configs/suites/tiny.parquet")
    return ["configs/suites/tiny.parquet"]


@pytest.mark.parametrize(
    "way",
    [
        loosened_margins,
        another_gate,
        task_margins,
        deleted_gate,
        same_name_with_another_ending,
        no_configurations_at_all,
        changed_data,
    ],
)
def test_what_a_pull_request_changes_does_not_count_and_is_listed(clone, world, way):
    changed = way(clone)
    done = evaluate(clone, world)
    assert done.returncode == 1, done.stderr
    for path in changed:
        assert path in done.stderr


def test_a_new_baseline_does_not_count(clone, world):
    shutil.rmtree(clone / "baselines")
    replayed.record(world / "stored" / "bad", clone / "baselines")
    done = evaluate(clone, world)
    assert done.returncode == 1, done.stderr
    assert "changed here, does not count: baselines/tiny/replay/m/baseline.json" in done.stderr


def test_a_profile_of_a_known_name_is_that_of_the_rules(world, clone):
    """The rules' ``vllm`` loads a checkpoint, and a run's folder is none."""
    (clone / "configs/engines/vllm.yaml").write_text(VLLM)
    named = ("--profile", "vllm", "--baseline", "tiny/replay/m", "--engine-python", sys.executable)
    done = evaluate(clone, world, *named, run="good")
    assert done.returncode == 2, done.stderr
    assert "changed here, does not count: configs/engines/vllm.yaml" in done.stderr


def test_a_new_profile_cannot_replay(world, clone):
    (clone / "configs/engines/fast.yaml").write_text(VLLM.replace("vllm", "fast"))
    done = evaluate(clone, world, "-p", "fast", "-b", "tiny/replay/m", run="good")
    assert done.returncode == 2, done.stderr
    assert "loads no checkpoint" in done.stderr
    path = "configs/engines/fast.yaml"
    done = evaluate(clone, world, "-p", path, "-b", "tiny/replay/m", run="good")
    assert done.returncode == 2, done.stderr
    assert f"has no file {path}" in done.stderr


def test_a_new_suite_is_judged_by_the_policies_of_the_rules(world, clone):
    change(clone, "gates/loose.yaml", name="loose", margins=yaml.safe_load(LOOSE))
    suite = yaml.safe_load(replayed.SUITE)
    change(clone, "suites/new.yaml", **{**suite, "name": "new", "gate": "loose"})
    done = evaluate(clone, world, "-s", "new", "-b", "tiny/replay/m")
    assert done.returncode == 1, done.stderr
    assert "has no suite 'new'; it is judged by the policy 'default'" in done.stderr


@pytest.mark.parametrize(
    "environment",
    [
        {"SMALLSCALE_CONFIGS": "elsewhere"},
        {"SMALLSCALE_BASELINES": "elsewhere/baselines"},
        {"SMALLSCALE_IMAGES": "elsewhere/lock.yaml"},
        {"SMALLSCALE_GATE": "elsewhere/gates/tiny.yaml"},
        {"SMALLSCALE_GATE": "configs/gates/tiny.yaml"},
        {"SMALLSCALE_GATE": "loose"},
        {"SMALLSCALE_SET": "gate.margins.accuracy=1.0"},
        {"SMALLSCALE_BASELINE": "git:HEAD"},
        {"SMALLSCALE_RESUME": "auto"},
        {"SMALLSCALE_DRY_RUN": "1"},
        {"SMALLSCALE_PROFILE": "configs/engines/vllm.yml"},
        {"SMALLSCALE_SUITE": "elsewhere/suites/tiny.yaml"},
    ],
    ids=str,
)
def test_the_environment_cannot_loosen_the_rules(world, clone, environment):
    loosened_margins(clone)
    another_gate(clone)
    shutil.copytree(clone / "configs", clone / "elsewhere")
    replayed.record(world / "stored" / "bad", clone / "elsewhere" / "baselines")
    git(clone, "add", "-A")
    git(clone, "commit", "-q", "-m", "a pull request")
    named = {"SMALLSCALE_SUITE": "tiny", "SMALLSCALE_PROFILE": "replay"}
    run, rules = world / "stored" / "bad", {"SMALLSCALE_RULES": "git:origin/main"}
    cache = {"SMALLSCALE_CACHE": str(clone.parent / "cache")}
    done = replayed.smallscale(clone, "eval", run, **{**named, **rules, **cache, **environment})
    assert done.returncode in {1, 2, 4}, done.stderr
    assert "internal" not in done.stderr


def test_what_lies_in_the_cache_is_not_believed(world, clone):
    assert evaluate(clone, world).returncode == 1
    (gate,) = (clone.parent / "cache/rules").rglob("gates/tiny.yaml")
    gate.write_text(f"name: tiny\nmargins: {LOOSE}\n")
    (gate.parent / "loose.yaml").write_text(f"name: loose\nmargins: {LOOSE}\n")
    assert evaluate(clone, world).returncode == 1
    assert evaluate(clone, world, "--gate", "loose").returncode == 2


def test_compare_takes_policy_and_baseline_from_the_rules(world, clone):
    loosened_margins(clone)
    shutil.rmtree(clone / "baselines")
    replayed.record(world / "stored" / "bad", clone / "baselines")
    cache = {"SMALLSCALE_CACHE": str(clone.parent / "cache")}
    run = world / "stored" / "bad"
    assert replayed.smallscale(clone, "compare", run, "auto", **cache).returncode == 0
    ruled = ("compare", run, "auto", "--rules", "git:origin/main")
    done = replayed.smallscale(clone, *ruled, **cache)
    assert done.returncode == 1, done.stderr
    done = replayed.smallscale(clone, *ruled, "--gate", "configs/gates/tiny.yaml", **cache)
    assert done.returncode == 2, done.stderr


@pytest.mark.parametrize("kind", ["tag", "branch"])
def test_a_tag_or_branch_of_that_name_does_not_become_the_rules(world, clone, kind):
    """git takes a tag origin/main before the branch main of origin."""
    loosened_margins(clone)
    git(clone, "commit", "-qam", "loose")
    git(clone, kind, "origin/main", "HEAD")
    for rules in ("git:origin/main", "git:origin/main~0"):
        done = evaluate(clone, world, "--rules", rules)
        assert done.returncode == 2, done.stderr
        assert "git knows 'origin/main' as" in done.stderr
        assert "refs/remotes/origin/main" in done.stderr
    done = evaluate(clone, world, "--rules", "git:refs/remotes/origin/main")
    assert done.returncode == 1, done.stderr
    with pytest.raises(UsageError, match="git knows"):
        GitStore("origin/main", clone / "baselines")


@pytest.mark.parametrize("kind", ["GIT_DIR", "GIT_OBJECT_DIRECTORY"])
def test_the_environment_names_no_other_repository(world, clone, forged, kind):
    """git would ask it what the commit's name means."""
    git(forged, "update-ref", "refs/remotes/origin/main", "HEAD")
    place = {"GIT_DIR": ".git", "GIT_OBJECT_DIRECTORY": ".git/objects"}[kind]
    done = evaluate(clone, world, **{kind: str(forged / place)})
    assert done.returncode == 2, done.stderr
    assert f"{kind} is set" in done.stderr


@pytest.mark.parametrize("what", ["origin/main", "origin/main:configs/gates/tiny.yaml"])
def test_an_object_is_not_replaced_by_another(world, clone, what):
    loosened_margins(clone)
    git(clone, "commit", "-qam", "loose")
    git(
        clone,
        "replace",
        git(clone, "rev-parse", what),
        git(clone, "rev-parse", what.replace("origin/main", "HEAD")),
    )
    done = evaluate(clone, world)
    assert done.returncode == 1, done.stderr


@pytest.mark.parametrize("rules", ["main", "git:", "git:nowhere", "git:main:x", "git:--all"])
def test_rules_that_name_no_commit_are_a_usage_error(world, clone, rules):
    done = evaluate(clone, world, "--rules", rules)
    assert done.returncode == 2, done.stderr


def test_the_engine_in_use_is_in_manifest_and_report(world, clone):
    """Without rules a profile may call itself vllm; what it runs is shown all the same."""
    (clone / "configs/engines/vllm.yaml").write_text(VLLM)
    run = world / "stored" / "good"
    options = ("-s", "tiny", "-p", "vllm", "-b", "tiny/replay/m", "--json")
    done = replayed.smallscale(clone, "eval", run, *options)
    assert done.returncode == 0, done.stderr
    folder = Path(clone, json.loads(done.stdout)["run"])
    assert json.loads((folder / "manifest.json").read_text())["runtime"]["engine"] == "replay"
    for report in ("report.md", "report.html"):
        assert "replay" in (folder / "report" / report).read_text().replace("tiny/replay", "")


def test_a_link_in_the_cache_is_replaced(world, clone):
    assert evaluate(clone, world).returncode == 1
    (gate,) = (clone.parent / "cache/rules").rglob("gates/tiny.yaml")
    loosened_margins(clone)
    gate.unlink()
    gate.symlink_to(clone / "configs/gates/tiny.yaml")
    assert evaluate(clone, world).returncode == 1


def bare(folder: Path, source: Path, *, tree: Path) -> None:
    """Files that make git take ``folder`` for a repository: each can be committed."""
    folder.mkdir(parents=True, exist_ok=True)
    git(folder.parent, "clone", "-q", "--bare", f"file://{source}", str(folder.parent / "made"))
    shutil.copytree(folder.parent / "made", folder, dirs_exist_ok=True)
    shutil.rmtree(folder.parent / "made")
    git(folder, "--git-dir=.", "config", "core.bare", "false")
    git(folder, "--git-dir=.", "config", "core.worktree", str(tree))
    git(folder, "--git-dir=.", "update-ref", "refs/remotes/origin/main", "HEAD")


@pytest.fixture
def forged(world: Path, clone: Path, tmp_path: Path) -> Path:
    """A repository of the attacker's, whose main is loose and has the bad run as its baseline."""
    forged = tmp_path / "forged"
    git(tmp_path, "clone", "-q", f"file://{world}", "forged")
    change(forged, "gates/tiny.yaml", margins=yaml.safe_load(LOOSE))
    shutil.rmtree(forged / "baselines")
    replayed.record(world / "stored" / "bad", forged / "baselines")
    git(forged, "add", "-A")
    git(forged, "commit", "-q", "-m", "loose")
    return forged


@pytest.mark.parametrize("way", ["bare", "link", "submodule"])
def test_the_folder_of_baselines_is_the_projects_own(world, clone, forged, way):
    """git asked inside of it would be asked about what the pull request put there."""
    folder = clone / "baselines"
    shutil.rmtree(folder)
    if way == "bare":
        bare(folder, forged, tree=forged)
    elif way == "link":
        folder.symlink_to("examples/baselines")
    else:
        git(clone, "rm", "-rq", "--cached", "baselines")
        git(clone, "submodule", "-q", "add", f"file://{forged}", "baselines")
    run = world / "stored" / "bad"
    options = ("--suite", "tiny", "--profile", "replay", "--baseline", "git:origin/main")
    cache = {"SMALLSCALE_CACHE": str(clone.parent / "cache")}
    for rules in ((), ("--rules", "git:origin/main")):
        done = replayed.smallscale(clone, "eval", run, *options, *rules, **cache)
        assert done.returncode == 1, (done.stdout, done.stderr)


@pytest.mark.parametrize("way", ["bare", "submodule"])
def test_a_folder_that_the_pull_request_made_a_repository_has_no_rules(world, clone, forged, way):
    """As where a workflow has ``working-directory: models``."""
    if way == "bare":
        bare(clone / "models", forged, tree=clone / "models")
        shutil.copytree(forged / "configs", clone / "models" / "configs")
    else:
        git(clone, "submodule", "-q", "add", f"file://{forged}", "models")
    run = world / "stored" / "bad"
    options = ("--suite", "tiny", "--profile", "replay", "--rules", "git:origin/main")
    cache = {"SMALLSCALE_CACHE": str(clone.parent / "cache")}
    done = replayed.smallscale(clone / "models", "eval", run, *options, **cache)
    assert done.returncode == 2, (done.stdout, done.stderr)


def test_modules_in_the_working_folder_are_not_imported(clone):
    """Python looks there for the modules of processes that are started with -c."""
    for name in ("multiprocessing", "socket", "signal", "numpy", "smallscale_ci"):
        (clone / f"{name}.py").write_text("raise SystemExit(0)")
    hard = {"gold": r"\frac{\sin(x)^2+x}{\sqrt{x+1}}", "question": "x"}
    rows = [
        {**hard, "id": number, "output": r"\boxed{\frac{1-\cos(x)^2+x}{(x+1)^{1/2}}}"}
        for number in range(3)
    ]
    (clone / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    program = Path(sys.executable).with_name("smallscale")
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    done = subprocess.run(
        [program, "judge", "rows.jsonl"],
        cwd=clone, env=kept, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "CORRECT" in done.stdout
