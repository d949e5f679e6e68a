from pathlib import Path

import pytest

from smallscale_ci.containers import images
from smallscale_ci.containers.images import Image, ImageLock
from smallscale_ci.errors import ConfigError, ContainerError, StorageError, UsageError

ROOT = Path(__file__).resolve().parents[3]
A, B = ("sha256:" + letter * 64 for letter in "ab")


def lock(**image: str | None) -> ImageLock:
    values = {"repository": "r/i", "tag": "1", **image}
    return ImageLock(name="images", images={"it": Image(**values)})


def test_the_lock_of_this_repository_has_what_the_design_pins():
    shipped = images.read(ROOT / "docker" / "images.lock.yaml")
    assert {"vllm", "sglang", "cuda-base", "vllm-cpu", "train", "train-cpu", "sandbox"} <= set(
        shipped.images
    )
    for name in ("vllm", "sglang"):
        image = images.pinned(shipped, name)
        assert image.reference == f"{image.repository}@{image.digest}"
        assert image.gpu
        assert image.version in shipped.images[name].tag
    for name, image in shipped.images.items():
        if image.dockerfile:
            recipe = (ROOT / "docker" / image.dockerfile).read_text()
            assert "ARG BASE_IMAGE=" in recipe, name
            assert "\nUSER 10001" in recipe
        if image.base and name != "train-cpu":  # whose recipe is made for GPUs
            base = images.pinned(shipped, image.base)
            assert f"ARG BASE_IMAGE={base.repository}:{base.tag}@{base.digest}\n" in recipe


def test_an_image_is_meant_by_its_digest_or_its_own_id():
    assert images.pinned(lock(digest=A), "it").reference == f"r/i@{A}"
    assert images.pinned(lock(id=B), "it").reference == B


def test_an_unpinned_image_is_refused():
    with pytest.raises(ContainerError, match="not pinned") as caught:
        images.pinned(lock(), "it")
    assert "image lock it" in caught.value.hint
    with pytest.raises(ContainerError) as caught:
        images.pinned(lock(dockerfile="x"), "it")
    assert "image build it" in caught.value.hint


def test_an_unknown_name():
    with pytest.raises(UsageError, match=r"no image 'itt'.*did you mean 'it'"):
        images.pinned(lock(digest=A), "itt")


def test_changes_and_what_they_make():
    before = lock(digest=A, seen="somewhere")
    assert images.changes(before, {"it": A}) == []
    (change,) = images.changes(before, {"it": B})
    assert (change.name, change.before, change.after) == ("it", A, B)
    after = images.resolved(before, {"it": B}, "2026-01-31").image("it")
    assert (after.digest, after.resolved, after.seen) == (B, "2026-01-31", "")


def test_a_tag_that_means_the_same_keeps_its_day():
    """So that a weekly look at the registries changes nothing where nothing changed."""
    known = lock(digest=A, resolved="2026-01-31")
    assert images.resolved(known, {"it": A}, "2026-02-07") == known
    seen = images.resolved(lock(digest=A, seen="somewhere"), {"it": A}, "2026-02-07").image("it")
    assert (seen.digest, seen.resolved, seen.seen) == (A, "2026-02-07", "")


def test_what_is_written_is_read_again(tmp_path):
    path = tmp_path / "images.lock.yaml"
    for value in (lock(digest=A), lock(id=B, engine="vllm", version="1"), lock()):
        images.write(value, path)
        assert images.read(path) == value
    assert "null" not in path.read_text()


def test_faults_are_told_with_file_and_line(tmp_path):
    path = tmp_path / "images.lock.yaml"
    with pytest.raises(UsageError, match="There is no image lock"):
        images.read(path)
    path.write_text("name: images\nimages:\n  it: {repository: r, tag: '1', digest: latest}\n")
    with pytest.raises(ConfigError) as caught:
        images.read(path)
    assert any(":3" in problem and "digest" in problem for problem in caught.value.problems)
    with pytest.raises(StorageError):
        images.write(lock(), tmp_path / "none" / "x.yaml")
