"""Whether two runs may be compared: what differs, and what of it counts."""

from dataclasses import replace

import pytest
from helpers.manifests import manifest

from smallscale_ci.run import comparable
from smallscale_ci.run.manifest import Machine, Manifest


def altered(before: Manifest, part: str, **changes: object) -> Manifest:
    return replace(before, **{part: replace(getattr(before, part), **changes)})


def on_another_machine(before: Manifest) -> Manifest:
    settings = {"max_num_seqs": 16, "attention_backend": "FLASHINFER"}
    return altered(altered(before, "engine", settings=settings), "machine", device="H200")


def test_a_manifest_equals_itself(tmp_path):
    assert comparable.differences(manifest(tmp_path), manifest(tmp_path), ()) == ()


def test_another_seed_checkpoint_or_machine_is_comparable(tmp_path):
    before = manifest(tmp_path)
    after = replace(before, machine=Machine(), run_id="q")
    after = altered(after, "sampling", seed=7)
    after = altered(after, "checkpoint", weights_hash="other")
    assert comparable.differences(before, after, ()) == ()


@pytest.mark.parametrize(
    ("part", "key", "value"),
    [
        ("suite", "hash", "x"),
        ("prompts", "hash", "x"),
        ("sampling", "temperature", 0.7),
        ("sampling", "max_tokens", 65),
        ("sampling", "stop", ()),
        ("engine", "version", "0.25.1"),
        ("engine", "dtype", "float32"),
        ("engine", "image", "sha256:1"),
    ],
)
def test_what_changes_a_sample_is_a_difference(tmp_path, part, key, value):
    before = manifest(tmp_path)
    after = altered(before, part, **{key: value})
    (found,) = comparable.differences(before, after, ())
    assert found.key == f"{part}.{key}"
    assert found.candidate == str([] if value == () else value)
    assert not found.allowed
    (by_part,) = comparable.differences(before, after, (part,))
    (by_key,) = comparable.differences(before, after, (f"{part}.{key}",))
    assert by_part.allowed
    assert by_key.allowed
    (other,) = comparable.differences(before, after, (part[:-1],))
    assert not other.allowed


def test_another_gpu_or_serving_stack_is_shown(tmp_path):
    before = altered(manifest(tmp_path), "machine", device="H100")
    found = comparable.differences(before, on_another_machine(before), ())
    assert {(d.key, d.baseline, d.candidate, d.allowed) for d in found} == {
        ("machine.device", "H100", "H200", True),
        ("engine.settings.max_num_seqs", "8", "16", True),  # the backend is known of one alone
    }
    assert comparable.differences(before, on_another_machine(before), (), early=True) == ()


@pytest.mark.parametrize(
    ("same", "refused"),
    [
        (("machine.device",), {"machine.device"}),
        (("engine.settings.attention_backend",), {"engine.settings.attention_backend"}),
        (
            ("machine.device", "engine.settings"),
            {
                *("machine.device", "engine.settings.max_num_seqs"),
                "engine.settings.attention_backend",
            },
        ),
    ],
)
def test_a_policy_may_require_the_same_gpu_and_serving_stack(tmp_path, same, refused):
    before = altered(manifest(tmp_path), "machine", device="H100")
    found = comparable.differences(before, on_another_machine(before), (), same)
    assert {d.key for d in found if not d.allowed} == refused
    allowed = comparable.differences(before, on_another_machine(before), same, same)
    assert all(d.allowed for d in allowed)
    assert comparable.differences(before, before, (), same) == ()


def test_judges_are_compared_as_a_whole(tmp_path):
    before = manifest(tmp_path)
    (found,) = comparable.differences(before, replace(before, judges={}), ())
    assert found.key == "judges"


def test_without_a_manifest_nothing_is_known(tmp_path):
    assert comparable.differences(None, manifest(tmp_path), ()) == ()


def test_a_run_that_ended_within_its_first_epoch_asked_a_part_of_the_baseline_s_prompts(tmp_path):
    before = altered(manifest(tmp_path), "prompts", hash="whole", parts={"0.5": "half"})
    half = altered(replace(before, epochs=0.5), "prompts", hash="half", parts={})
    assert comparable.differences(before, half, ()) == ()
    (found,) = comparable.differences(before, replace(half, epochs=0.75), ())
    assert found.key == "prompts.hash"


def test_before_the_engine_is_loaded_its_version_and_the_prompts_are_not_asked_for(tmp_path):
    before = manifest(tmp_path)
    after = altered(altered(before, "engine", version=""), "prompts", hash="")
    assert comparable.differences(before, after, ()) != ()
    assert comparable.differences(before, after, (), early=True) == ()
    warmer = altered(after, "sampling", temperature=1.0)
    (found,) = comparable.differences(before, warmer, (), early=True)
    assert (found.key, found.baseline, found.candidate) == ("sampling.temperature", "0.6", "1.0")


def test_a_template_variable_that_one_side_lacks_is_not_set(tmp_path):
    before = replace(manifest(tmp_path), template={"enable_thinking": True})
    (found,) = comparable.differences(before, replace(before, template={}), ())
    assert found.key == "template.enable_thinking"
    assert found.candidate == "not set"
    assert comparable.differences(before, replace(before, template={}), ("template",))[0].allowed


def test_what_another_tool_does_not_record_is_unknown_and_no_difference(tmp_path):
    ours = manifest(tmp_path)
    told = replace(ours, tool={"sampling.temperature": 1.0, "scorer": "exact"})
    left_open = comparable.unknown(ours, told)
    assert "scorer" in left_open  # ours records none
    assert "sampling.temperature" not in left_open
    found = {one.key: one.candidate for one in comparable.differences(ours, told, ())}
    assert found == {"sampling.temperature": "1.0"}
    assert comparable.unknown(ours, ours) == ()
    assert comparable.unknown(None, told) == ()
