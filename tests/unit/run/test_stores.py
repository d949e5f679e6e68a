"""Where stored baselines are: a folder, or the same folder in a commit."""

from pathlib import Path, PurePosixPath

import pytest
from helpers.repositories import git

from smallscale_ci.errors import UsageError
from smallscale_ci.run.stores import FolderStore, GitStore, folders

MODELS = ("tiny", "modèle v2", "模型", 'a"b')


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``baselines/`` of a repository, in a folder of it, with models of any name."""
    place = tmp_path_factory.mktemp("repository")
    git(place, "init", "-q", "-b", "main")
    root = place / "modèles et données" / "baselines"
    for model in MODELS:
        folder = root / "smoke" / "vllm" / model
        folder.mkdir(parents=True)
        (folder / "baseline.json").write_text(model)
        (folder / "samples.parquet").write_bytes(b"\x00\xff")
    (root / "README.md").write_text("none")
    (root / "smoke" / "baseline.json").write_text("no baseline: its folder is no model's")
    git(place, "add", "-A")
    git(place, "commit", "-q", "-m", "x")
    return root


def test_both_stores_hold_the_same_files(root):
    """git quotes names that are not ASCII: baselines of such models were not found in a commit."""
    here, there = FolderStore(root), GitStore("HEAD", root)
    assert sorted(there.files()) == sorted(here.files())
    for path in here.files():
        assert there.read(path) == here.read(path)
    assert sorted(folders(there)) == sorted(folders(here))
    assert {path.name for path in folders(there)} == set(MODELS)


def test_a_commit_does_not_change_with_the_folder(root):
    store = GitStore("HEAD", root)
    path = PurePosixPath("smoke/vllm/tiny/baseline.json")
    file = root / path
    file.write_text("loosened")
    try:
        assert store.read(path) == b"tiny"
        assert FolderStore(root).read(path) == b"loosened"
    finally:
        file.write_text("tiny")


def test_a_file_that_is_not_there_is_none(root):
    for store in (FolderStore(root), GitStore("HEAD", root)):
        assert store.read(PurePosixPath("smoke/vllm/none/baseline.json")) is None


def test_a_folder_that_is_not_there_has_no_baselines(root, tmp_path):
    assert list(folders(FolderStore(tmp_path / "none"))) == []
    assert list(folders(GitStore("HEAD", root.parent / "none"))) == []


def test_labels_find_a_baseline_again(root):
    assert FolderStore(root).label == f"{root}/"
    assert GitStore("main", root).label == "git:main:"


def test_without_a_repository_there_is_no_commit(tmp_path):
    with pytest.raises(UsageError, match="is not in a git repository") as caught:
        GitStore("HEAD", tmp_path / "baselines")
    assert "Run inside the repository" in caught.value.hint


@pytest.mark.parametrize(
    ("ref", "fetch"),
    [
        ("v1", "git fetch origin v1"),
        ("origin/next", "git fetch origin next:refs/remotes/origin/next"),
    ],
)
def test_a_commit_that_a_shallow_clone_lacks_can_be_fetched(root, ref, fetch):
    with pytest.raises(UsageError, match=f"knows no commit '{ref}'") as caught:
        GitStore(ref, root)
    assert fetch in caught.value.hint


def test_a_submodule_in_the_place_of_the_baselines_chooses_nothing(root):
    """Its commits are its own: HEAD would be another repository's."""
    inner = root.parent / "inner"
    inner.mkdir()
    git(inner, "init", "-q", "-b", "main")
    (inner / "x").write_text("x")
    git(inner, "add", "-A")
    git(inner, "commit", "-q", "-m", "inner")
    (root.parent / "linked").symlink_to(inner)
    assert list(GitStore("HEAD", root.parent / "linked").files()) == []
