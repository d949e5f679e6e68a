"""What is done with the image lock, on an engine in memory."""

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from smallscale_ci.cli.main import app
from smallscale_ci.containers import box, catalog, images
from smallscale_ci.containers.box import Inside
from smallscale_ci.containers.catalog import published
from smallscale_ci.containers.images import Image, ImageLock, read
from smallscale_ci.containers.memory import MemoryEngine
from smallscale_ci.errors import ContainerError, UsageError

ROOT = Path(__file__).resolve().parents[3]
A, B = ("sha256:" + letter * 64 for letter in "ab")


def lock(**image: str | None) -> ImageLock:
    values = {"repository": "r/i", "tag": "1", **image}
    return ImageLock(name="images", images={"it": Image(**values)})


def having(digest: str = A, program: box.Program = box.nothing) -> MemoryEngine:
    """An engine whose registry has the image."""
    engine = MemoryEngine(program=program)
    engine.registry["r/i:1"] = digest
    return engine


def prints(text: bytes, code: int = 0) -> box.Program:
    def program(inside: Inside) -> int:
        inside.write(text)
        return code

    return program


def test_what_is_pulled_without_a_name_is_in_a_registry():
    shipped = images.read(ROOT / "docker" / "images.lock.yaml")
    assert published(shipped) == ["vllm", "sglang", "cuda-base", "python-base"]
    assert "vllm-cpu" in published(shipped.replaced("vllm-cpu", digest=A))
    assert "vllm-cpu" not in published(shipped.replaced("vllm-cpu", id=A))
    assert published(lock()) == ["it"]  # not pinned yet: `image lock` does


def test_two_builds_at_once_keep_each_other_s_pins(tmp_path, monkeypatch):
    path = tmp_path / "images.lock.yaml"
    plain = Image(repository="r/i", tag="1", dockerfile="sandbox.Dockerfile")
    images.write(ImageLock(name="images", images={"one": plain, "other": plain}), path)

    def build(locked: ImageLock, name: str, *_: object, **__: object) -> ImageLock:
        images.write(images.read(path).replaced("other", id=B), path)  # is ready meanwhile
        return locked.replaced(name, id=A)

    monkeypatch.setattr("smallscale_ci.containers.catalog.build", build)
    here = {"SMALLSCALE_IMAGES": str(path), "DOCKER_HOST": "memory:two-builds"}
    done = CliRunner().invoke(app, ["image", "build", "one"], env=here)
    assert done.exit_code == 0, done.stderr
    assert {name: image.id for name, image in images.read(path).images.items()} == {
        "one": A,
        "other": B,
    }


def test_wheels_that_are_not_there(tmp_path):
    shipped = read(ROOT / "docker" / "images.lock.yaml")
    with pytest.raises(UsageError, match=r"no folder .*none"):
        catalog.build(
            shipped, "sandbox", None, ROOT, base=None, ca=None, wheels=tmp_path / "none",
            network=None, push=False, today=date(2026, 1, 1), say=print,
        )  # fmt: skip


def test_the_table_says_of_each_image_whether_it_is_here():
    engine = having()
    assert catalog.table(lock(digest=A), None)[0].state == "no engine"
    assert catalog.table(lock(), engine)[0].state == "unpinned"
    assert catalog.table(lock(digest=A), engine)[0].state == "absent"
    catalog.pull(lock(digest=A), "it", engine, print)
    assert catalog.table(lock(digest=A), engine)[0].state == "present"
    engine.registry["r/i:1"] = B
    assert catalog.table(lock(digest=B), engine)[0].state == "another content"


def test_a_pulled_image_has_its_tag_and_is_pulled_once():
    engine, said = having(), []
    pulled = catalog.pull(lock(digest=A), "it", engine, said.append)
    assert pulled.reference == f"r/i@{A}"
    assert engine.image("r/i:1").id == A
    before = len(said)
    catalog.pull(lock(digest=A), "it", engine, said.append)
    assert len(said) == before


def test_an_image_that_was_only_built_here_is_built_and_not_pulled():
    with pytest.raises(ContainerError, match="'it' is in no registry") as caught:
        catalog.pull(lock(id=B, dockerfile="x"), "it", having(), print)
    assert "image build it" in caught.value.hint


def test_registries_are_asked_for_all_and_failures_are_kept_for_the_end():
    two = lock(digest=A).having("gone", Image(repository="r/gone", tag="1"))
    changed, found, failed = catalog.resolve(two, (), having(B), print)
    assert [(change.name, change.after) for change in changed] == [("it", B)]
    assert found == {"it": B}
    (error,) = failed
    assert "r/gone:1" in error.message
    with pytest.raises(UsageError, match="no image 'itt'"):
        catalog.resolve(two, ("itt",), having(), print)


def test_a_build_is_pinned_by_its_id_and_once_pushed_by_its_digest():
    engine = MemoryEngine()

    def built(*, push: bool) -> Image:
        made = catalog.build(
            lock(dockerfile="sandbox.Dockerfile", seen="x"), "it", engine, ROOT,
            base=None, ca=None, wheels=None, network=None, push=push, today=date(2026, 1, 31),
            say=lambda _: None,
        )  # fmt: skip
        return made.image("it")

    here, pushed = built(push=False), built(push=True)
    assert engine.image(here.id).id == here.content == here.id
    assert (here.digest, here.resolved, here.seen) == (None, "", "")
    assert (pushed.digest, pushed.id, pushed.resolved) == (here.id, None, "2026-01-31")
    with pytest.raises(UsageError, match="is an upstream image") as caught:
        catalog.build(
            lock(digest=A), "it", engine, ROOT, base=None, ca=None, wheels=None, network=None,
            push=False, today=date(2026, 1, 31), say=print,
        )  # fmt: skip
    assert "image pull it" in caught.value.hint


def verified(program: box.Program, version: str = "0.31.0") -> str:
    engine = having(program=program)
    promised = lock(digest=A, engine="vllm", version=version)
    catalog.pull(promised, "it", engine, lambda _: None)
    try:
        return catalog.verify(promised, "it", engine, nonce="n", now=0.0)
    finally:
        assert engine.labelled() == []


def test_an_image_holds_the_engine_that_the_lock_promises():
    assert verified(prints(b"0.31.0+cu129\n")) == f"{A} with vllm 0.31.0"
    with pytest.raises(ContainerError, match=r"holds vllm 0\.30\.0, .* promises 0\.31\.0"):
        verified(prints(b"0.30.0\n"))
    with pytest.raises(ContainerError, match="holds vllm of no version"):
        verified(prints(b""))
    # Python warns on standard error, which comes with it.
    warned = b"<frozen importlib>: RuntimeWarning: slow\n0.31.0\n"
    assert verified(prints(warned)).endswith("vllm 0.31.0")


@pytest.mark.parametrize("code", [1, 125, 127])
def test_an_image_that_cannot_be_asked_has_no_wrong_version(code: int):
    """The lock is right: it is the image that lacks something."""
    said = b"timeout: failed to run command 'python3': No such file or directory\n"
    with pytest.raises(ContainerError, match=f"cannot be examined.*code {code}") as caught:
        verified(prints(said, code))
    assert "failed to run command" in caught.value.message
    assert "python3" in caught.value.hint


def test_what_is_not_here_is_not_verified():
    for made, remedy in (({"digest": A}, "pull it"), ({"id": A, "dockerfile": "x"}, "build it")):
        with pytest.raises(ContainerError, match="is not on this machine") as caught:
            catalog.verify(lock(**made), "it", MemoryEngine(), nonce="n", now=0.0)
        assert remedy in caught.value.hint
