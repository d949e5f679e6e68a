"""``image``: listed, locked, pulled and verified, with a container engine in memory."""

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smallscale_ci.cli.image import _checkout
from smallscale_ci.cli.main import app
from smallscale_ci.containers import images, memory

LOCK = Path(__file__).parents[3] / "docker" / "images.lock.yaml"
MOVED = "sha256:" + "f" * 64


@pytest.fixture
def lock(tmp_path, monkeypatch, request):
    """A copy of the image lock, which commands may change, and a container engine of its own."""
    path = tmp_path / "images.lock.yaml"
    shutil.copy(LOCK, path)
    monkeypatch.setenv("SMALLSCALE_IMAGES", str(path))
    monkeypatch.setenv("DOCKER_HOST", f"memory:{request.node.name}")
    return path


@pytest.fixture
def engine(lock, request):
    """The engine, whose registry has what the lock pins."""
    found = memory.engine(request.node.name)
    for name in ("vllm", "sglang"):
        pinned = images.pinned(images.read(lock), name)
        found.registry[f"{pinned.repository}:{pinned.tag}"] = pinned.digest
    return found


def call(*arguments):
    done = CliRunner().invoke(app, ["image", *arguments])
    return done.exit_code, done.stdout, " ".join(done.stderr.split())


def move(engine, lock, name):
    pinned = images.pinned(images.read(lock), name)
    engine.registry[f"{pinned.repository}:{pinned.tag}"] = MOVED


def test_the_list_says_what_is_here(engine, lock):
    code, said, _ = call("list", "--json")
    rows = {row["name"]: row for row in json.loads(said)}
    assert code == 0
    assert rows["vllm"]["state"] == rows["sglang"]["state"]
    assert call("pull", "vllm")[0] == 0
    rows = {row["name"]: row for row in json.loads(call("list", "--json")[1])}
    assert rows["vllm"]["state"] != rows["sglang"]["state"]


def test_tags_that_mean_what_the_lock_says_change_nothing(engine, lock):
    before = lock.read_bytes()
    assert call("lock", "--check", "vllm")[:2] == (0, "1 tag matches the lock.\n")
    assert call("lock", "--check", "vllm", "sglang")[1] == "2 tags match the lock.\n"
    assert lock.read_bytes() == before


def test_a_tag_that_moved_is_told_and_pinned_only_without_check(engine, lock):
    move(engine, lock, "vllm")
    before = lock.read_bytes()
    code, said, _ = call("lock", "--check", "vllm")
    assert code == 4
    assert f"+ {MOVED}" in said
    assert lock.read_bytes() == before
    code, said, _ = call("lock", "vllm", "--json")
    assert code == 0
    assert [change["after"] for change in json.loads(said)["changes"]] == [MOVED]
    assert images.pinned(images.read(lock), "vllm").digest == MOVED
    assert call("lock", "--check", "vllm")[0] == 0


def test_all_failures_are_told_and_the_rest_is_done(engine, lock):
    engine.registry.clear()
    move(engine, lock, "sglang")
    code, _, said = call("lock", "vllm", "sglang")
    assert code == 3
    assert "error: " in said
    assert images.pinned(images.read(lock), "sglang").digest == MOVED


def test_an_image_that_the_lock_does_not_have_is_a_usage_error(engine, lock):
    code, _, said = call("pull", "vlm")
    assert code == 2
    assert "did you mean 'vllm'?" in said


def test_recipes_are_those_around_the_lock_or_ours(tmp_path):
    assert _checkout(tmp_path / "docker" / "images.lock.yaml") == LOCK.parents[1]
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker" / "mine.Dockerfile").write_text("FROM x\n")
    assert _checkout(tmp_path / "docker" / "images.lock.yaml") == tmp_path
