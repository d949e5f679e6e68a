import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from smallscale_ci.checkpoint import Checkpoint
from smallscale_ci.records import SamplingSpec
from smallscale_ci.run import manifest as provenance


def manifest(tmp_path: Path, **changes: object) -> dict:
    begun = provenance.begin(
        run_id="r",
        now=datetime(2026, 1, 31, tzinfo=UTC),
        checkpoint=Checkpoint("m", Path("/models/m"), "m", "a", "b", "c", "d"),
        suite={"name": "s", "hash": "h"},
        sampling=SamplingSpec(0.6, 0.95, 0, 0.0, 64, 0, ("END",)),
        judges={"t": "math/1 boxed"},
        engine={"name": "vllm", "image": ""},
        profile="p",
        runtime={"name": "local", "ranks": "1"},
        repository=tmp_path,
    )
    info = {
        "version": "0.31.0",
        "torch": "2.13",
        "device": "cpu",
        "settings": {"dtype": "bfloat16", "max_model_len": 1024, "max_num_seqs": 8},
    }
    return {**provenance.with_engine(begun, info), **changes}


def test_the_engine_report_completes_the_manifest(tmp_path):
    engine = manifest(tmp_path)["engine"]
    assert engine["name"] == "vllm"
    assert engine["version"] == "0.31.0"
    assert engine["dtype"] == "bfloat16"
    assert engine["settings"] == {"max_num_seqs": 8}
    assert engine["libraries"] == {"torch": "2.13"}


def test_a_manifest_equals_itself(tmp_path):
    assert provenance.differences(manifest(tmp_path), manifest(tmp_path), ()) == ()


def test_another_seed_checkpoint_or_machine_is_comparable(tmp_path):
    before, after = manifest(tmp_path), manifest(tmp_path, machine={}, run_id="q")
    after["sampling"] = {**after["sampling"], "seed": 7}
    after["checkpoint"] = {**after["checkpoint"], "weights_hash": "other"}
    assert provenance.differences(before, after, ()) == ()


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("suite", "hash", "x"),
        ("prompts", "hash", "x"),
        ("sampling", "temperature", 0.7),
        ("sampling", "max_tokens", 65),
        ("sampling", "stop", []),
        ("engine", "version", "0.25.1"),
        ("engine", "dtype", "float32"),
        ("engine", "image", "sha256:1"),
    ],
)
def test_what_changes_a_sample_is_a_difference(tmp_path, part, key, value):
    before, after = manifest(tmp_path), manifest(tmp_path)
    after[part] = {**after[part], key: value}
    (found,) = provenance.differences(before, after, ())
    assert found.key == f"{part}.{key}"
    assert found.candidate == str(value)
    assert not found.allowed
    (by_part,) = provenance.differences(before, after, (part,))
    (by_key,) = provenance.differences(before, after, (f"{part}.{key}",))
    assert by_part.allowed
    assert by_key.allowed
    (other,) = provenance.differences(before, after, (part[:-1],))
    assert not other.allowed


def test_judges_are_compared_as_a_whole(tmp_path):
    (found,) = provenance.differences(manifest(tmp_path), manifest(tmp_path, judges={}), ())
    assert found.key == "judges"


def test_without_a_manifest_nothing_is_known(tmp_path):
    assert provenance.differences(None, manifest(tmp_path), ()) == ()


def test_the_prompts_hash_does_not_depend_on_the_order():
    one = provenance.prompts_hash({"a": "1", "b": "2"})
    assert one == provenance.prompts_hash({"b": "2", "a": "1"})
    assert one != provenance.prompts_hash({"a": "2", "b": "1"})


def test_flat_gives_dotted_keys(tmp_path):
    flat = provenance.flat(manifest(tmp_path))
    assert flat["engine.settings.max_num_seqs"] == "8"
    assert flat["timings"] == "{}"
    assert all(isinstance(value, str) for value in flat.values())


def test_git_state(tmp_path):
    assert provenance.git_state(tmp_path) == {"git_commit": "", "git_dirty": False}
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    clean = provenance.git_state(tmp_path)
    assert len(clean["git_commit"]) == 40
    assert not clean["git_dirty"]
    (tmp_path / "new").touch()
    assert provenance.git_state(tmp_path)["git_dirty"]
