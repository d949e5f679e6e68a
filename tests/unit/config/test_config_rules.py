"""Rules from a commit: what is read from it, and what of the working tree is listed."""

import shutil
from dataclasses import replace

import pytest
from helpers.repositories import git

from smallscale_ci.config import rules
from smallscale_ci.errors import UsageError

MARKS = ("configs/gates", "baselines")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A repository with one commit, and a project in a folder of it."""
    tmp_path = tmp_path_factory.mktemp("rules")
    root = tmp_path / "clone" / "prüfung"
    for name in ("configs/gates/a.yaml", "configs/gates/b c.yaml", "baselines/s/p/m/baseline.json"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"of the commit: {name}")
    git(tmp_path / "clone", "init", "-q", "-b", "main")
    git(tmp_path / "clone", "add", "-A")
    git(tmp_path / "clone", "commit", "-q", "-m", "x")
    return tmp_path / "clone"


@pytest.fixture
def project(made, tmp_path):
    """A copy of the project, which a test may change."""
    return shutil.copytree(made, tmp_path / "clone") / "prüfung"


def read(project, spec="git:main", start=None):
    return rules.read(spec, start or project, MARKS, project.parents[1] / "cache")


def test_the_files_are_those_of_the_commit(project):
    (project / "configs/gates/a.yaml").write_text("loosened")
    found = read(project)
    assert (found.ref, found.folder) == ("main", project)
    assert (found.files / "configs/gates/a.yaml").read_text().startswith("of the commit")
    assert (found.files / "configs/gates/b c.yaml").is_file()


def test_what_differs_in_the_working_tree_is_listed(project):
    (project / "configs/gates/a.yaml").write_text("loosened")
    (project / "configs/gates/b c.yaml").unlink()
    (project / "configs/gates/neu für alle.yaml").write_text("added")
    (project / "baselines/s/p/m/baseline.json").write_text("another")
    first, *said = read(project).lines()
    assert first.startswith("rules: git:main (commit ")
    assert said == [
        "rules: changed here, does not count: baselines/s/p/m/baseline.json, configs/gates/a.yaml",
        "rules: deleted here, still counts: configs/gates/b c.yaml",
        "rules: added here, replaces nothing: configs/gates/neu für alle.yaml",
    ]


def test_many_files_are_counted(project):
    found = replace(read(project), differing=tuple(("A", f"f{n}") for n in range(30)))
    assert [*found.lines()][-1].endswith("f19 and 10 more")


def test_the_project_is_found_from_a_folder_below_it(project):
    below = project / "deep" / "er"
    below.mkdir(parents=True)
    assert read(project, start=below).folder == project


def test_a_file_of_the_working_tree_is_that_of_the_commit(project, monkeypatch):
    monkeypatch.chdir(project)
    found = read(project)
    named = found.at_commit("configs/gates/a.yaml")
    assert named == found.files / "configs/gates/a.yaml"
    (project / "configs/gates/new.yaml").write_text("x")
    assert found.at_commit("configs/gates/new.yaml") is None
    assert found.at_commit("../outside.yaml") is None
    assert found.at_commit("configs/../configs/gates/a.yaml") == named


def test_a_baseline_is_that_of_the_commit(project):
    found = read(project)
    whole = f"git:{found.commit}"
    assert found.baseline("auto") == whole
    assert found.baseline("m") == f"{whole}:m"
    assert found.baseline("git:main:m") == f"{whole}:m"
    assert found.baseline(f"git:{found.commit}") == whole
    (project / "later").write_text("x")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "later")
    with pytest.raises(UsageError, match="names another commit than --rules git:main") as caught:
        found.baseline("git:HEAD")
    assert "Leave out --baseline" in caught.value.hint


@pytest.mark.parametrize("spec", ["main", "git:", "git:main:x", ""])
def test_what_names_no_commit_is_refused(project, spec):
    with pytest.raises(UsageError, match="does not name a commit") as caught:
        read(project, spec)
    assert "git:origin/main" in caught.value.hint


def test_a_commit_that_is_not_here_is_told_with_what_fetches_it(project):
    with pytest.raises(UsageError, match="git knows no commit 'origin/main' here") as caught:
        read(project, "git:origin/main")
    assert "fetch" in caught.value.hint


def test_outside_of_a_repository_there_are_no_rules(tmp_path):
    with pytest.raises(UsageError, match="is not in a git repository"):
        rules.read("git:main", tmp_path, MARKS, tmp_path / "cache")


def test_a_link_in_the_commit_is_not_followed(project):
    (project / "configs/gates/link.yaml").symlink_to("/etc/passwd")
    git(project, "add", "-A")
    git(project, "commit", "-q", "-m", "link")
    with pytest.raises(UsageError, match=r"link\.yaml of commit \w+ is a link") as caught:
        read(project)
    assert "Put a copy" in caught.value.hint


def test_what_lies_in_the_cache_does_not_stay(project):
    found = read(project)
    (found.files / "configs/gates/forged.yaml").write_text("forged")
    (found.files / "configs/gates/a.yaml").write_text("forged")
    again = read(project)
    assert not (again.files / "configs/gates/forged.yaml").exists()
    assert (again.files / "configs/gates/a.yaml").read_text().startswith("of the commit")
