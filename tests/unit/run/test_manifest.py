import json
import subprocess
from pathlib import Path

import pytest
from helpers.manifests import manifest

from smallscale_ci.config.load import parse
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.errors import ConfigError, DataError, InvalidError
from smallscale_ci.files import to_json
from smallscale_ci.run import manifest as provenance
from smallscale_ci.run.manifest import Machine, Package, Status

STORED = Path(__file__).parents[3] / "baselines"


def test_the_engine_report_completes_the_manifest(tmp_path):
    engine = manifest(tmp_path).engine
    assert engine.name == "vllm"
    assert engine.version == "0.31.0"
    assert engine.dtype == "bfloat16"
    assert engine.settings == {"max_num_seqs": 8}
    assert engine.libraries == {"torch": "2.13"}


def test_a_policy_names_only_what_can_be_required():
    for key in ("machine.device", "engine.settings", "engine.settings.quantization"):
        assert parse(GatePolicy, f"name: g\nsame: [{key}]", "g.yaml").same == (key,)
    for key in ("machine", "device", "engine.version", "machine.devise"):
        with pytest.raises(ConfigError):
            parse(GatePolicy, f"name: g\nsame: [{key}]", "g.yaml")


def test_the_prompts_hash_does_not_depend_on_the_order():
    one = provenance.prompts_hash({"a": "1", "b": "2"})
    assert one == provenance.prompts_hash({"b": "2", "a": "1"})
    assert one != provenance.prompts_hash({"a": "2", "b": "1"})


def test_flat_gives_dotted_keys(tmp_path):
    flat = provenance.flat(manifest(tmp_path))
    assert flat["engine.settings.max_num_seqs"] == "8"
    assert flat["ranks"] == "{}"
    assert flat["timings.cost"] == ""
    assert all(isinstance(value, str) for value in flat.values())


def test_what_is_written_is_read_back(tmp_path):
    written = manifest(tmp_path)
    assert provenance.parse(json.loads(json.dumps(to_json(written))), "m") == written


@pytest.mark.parametrize("file", sorted(STORED.rglob("baseline.json")), ids=str)
def test_manifests_of_before_the_schema_had_types_are_read(file):
    before = json.loads(file.read_text())["manifest"]
    read = provenance.parse(before, str(file))
    assert read.schema_version == provenance.SCHEMA_VERSION
    assert read.runtime.ranks == int(before["runtime"]["ranks"])
    assert read.timings.generate_s == before["timings"]["generate_s"]
    assert read.tokens.by_rank == before["tokens"]["by_rank"]
    assert read.engine.settings == before["engine"]["settings"]
    assert to_json(read.sampling) == before["sampling"]
    assert read.machine.device == before["machine"]["device"]


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("suite", None, "suite must be a mapping"),
        ("suite", {}, r"lacks suite\.name"),
        ("timings", {"gpu_s": float("nan")}, r"timings\.gpu_s must be a finite number"),
        ("status", "done", "status must be 'complete'"),
        ("judges", ["math"], "judges must be a mapping"),
        ("warnings", {"a": 1}, "warnings must be a list"),
    ],
)
def test_damage_is_told_by_its_field(tmp_path, key, value, told):
    with pytest.raises(DataError, match=f"x is damaged: (it )?{told}"):
        provenance.parse({**to_json(manifest(tmp_path)), key: value}, "x")


def test_an_unknown_schema_names_the_version_that_wrote_it(tmp_path):
    value = {**to_json(manifest(tmp_path)), "schema_version": "9", "package": {"version": "7.1"}}
    with pytest.raises(InvalidError, match="of schema '9', and this smallscale reads") as caught:
        provenance.parse(value, "x")
    assert "7.1" in caught.value.hint


def test_the_state_of_the_repository(tmp_path):
    assert provenance.package_state(tmp_path).git_commit == ""
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.example"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    clean = provenance.package_state(tmp_path)
    assert len(clean.git_commit) == 40
    assert clean == Package(clean.version, clean.git_commit, git_dirty=False)
    (tmp_path / "new").touch()
    assert provenance.package_state(tmp_path).git_dirty


def test_only_a_named_gpu_is_one():
    assert Machine(device="NVIDIA H200").has_gpu
    assert not any(Machine(device=device).has_gpu for device in ("", "cpu", "none"))
    assert [status.value for status in Status] == ["complete", "interrupted", "running", "failed"]
