"""Checkpoints as people have them: served, or refused in the first second with what to do."""

import json
import os
import struct

import pytest
from helpers.checkpoints import FILES, make, safetensors

from smallscale_ci.checkpoint.servable import inspect, refuse_changed, refuse_own_code
from smallscale_ci.errors import InvalidError, UsageError

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"


def look(folder, **more):
    return inspect(folder, "m", "m", **more)


def index(*names):
    weights = {f"layer.{number}": name for number, name in enumerate(names)}
    return json.dumps({"weight_map": weights}).encode()


def without(*names):
    return {name: content for name, content in FILES.items() if name not in names}


@pytest.mark.parametrize(
    ("lost", "said"),
    [
        (("config.json",), "config.json"),
        (("model.safetensors",), r"\*.safetensors"),
        (("tokenizer.json", "tokenizer_config.json"), "a tokenizer"),
        (tuple(FILES), "config.json, .*safetensors, a tokenizer"),
    ],
)
def test_what_is_missing_is_named(tmp_path, lost, said):
    with pytest.raises(UsageError, match=f"is not a servable checkpoint: missing {said}") as caught:
        look(make(tmp_path / "m", without(*lost)))
    assert "save_pretrained" in caught.value.hint


@pytest.mark.parametrize(
    ("files", "said", "hint"),
    [
        ({**FILES, "model.safetensors": b""}, "is empty", "again"),
        ({**FILES, "model.safetensors": FILES["model.safetensors"][:-1]}, "is cut short", "again"),
        ({**FILES, "model.safetensors": FILES["model.safetensors"][:20]}, "not a safeten", "again"),
        ({**FILES, "model.safetensors": b"\xff" * 64}, "not a safetensors file", "again"),
        ({**FILES, "model.safetensors": struct.pack("<Q", 2) + b"[]"}, "not a safeten", "again"),
        ({**FILES, "model.safetensors": POINTER}, "Git LFS pointer", "lfs pull"),
        ({**FILES, "tokenizer.json": POINTER}, "Git LFS pointer", "lfs pull"),
        ({**FILES, "config.json": POINTER}, "Git LFS pointer", "lfs pull"),
        ({**FILES, "config.json": b""}, "is not readable JSON", "Save"),
        ({**FILES, "config.json": b"{"}, "is not readable JSON", "Save"),
        ({**FILES, "config.json": b"\xff\xfe"}, "is not readable JSON", "Save"),
        ({**FILES, "config.json": b"[]"}, "does not hold a JSON object", "Save"),
        ({**FILES, "model.safetensors.index.json": b"{}"}, "no readable weight_map", "Save"),
        (
            {**FILES, "model.safetensors.index.json": index("a.safetensors", "b.safetensors")},
            "lacks 2 of its 2 weight files: a.safetensors, b.safetensors",
            "Download",
        ),
        (
            {**without("model.safetensors"), "pytorch_model.bin": b"x"},
            r"missing \*.safetensors",
            "Pickled weights are not loaded",
        ),
        ({**without("model.safetensors"), "m-Q4.gguf": b"GGUF"}, "only GGUF", "safetensors"),
        (
            {**without("tokenizer.json", "tokenizer_config.json"), "tekken.json": b"{}"},
            "only tekken.json",
            "tokenizer.json",
        ),
        (
            {
                "adapter_config.json": b'{"base_model_name_or_path": "org/base"}',
                "adapter_model.safetensors": safetensors(b"a"),
                "tokenizer.json": b"{}",
            },
            "a LoRA adapter of org/base",
            "merge_and_unload",
        ),
    ],
)
def test_what_cannot_be_served_says_why(tmp_path, files, said, hint):
    with pytest.raises(UsageError, match=said) as caught:
        look(make(tmp_path / "m", files))
    assert hint in caught.value.hint


def test_the_shard_that_is_missing_is_named(tmp_path):
    names = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
    files = {**without("model.safetensors"), names[0]: safetensors(b"1")}
    folder = make(tmp_path / "m", {**files, "model.safetensors.index.json": index(*names)})
    with pytest.raises(UsageError, match=rf"lacks 1 of its 2 weight files: {names[1]}\."):
        look(folder)
    make(folder, {names[1]: safetensors(b"2")})
    assert look(folder).weights_bytes == sum((folder / name).stat().st_size for name in names)


def test_a_trainers_folder_names_its_last_checkpoint(tmp_path):
    for step in (50, 100, 9):
        make(tmp_path / f"checkpoint-{step}")
    make(tmp_path, {"config.json": b"{}", "trainer_state.json": b"{}"})
    with pytest.raises(UsageError, match="is a trainer's folder") as caught:
        look(tmp_path)
    assert caught.value.hint.endswith("checkpoint-100")
    make(tmp_path)  # with a model of its own it is one
    assert look(tmp_path).weights_hash


@pytest.mark.parametrize("given", ["models--org--m", "."])
def test_the_hubs_cache_names_its_snapshot(tmp_path, given):
    cached = tmp_path / "models--org--m"
    make(cached / "snapshots" / "c0ffee")
    make(cached / "refs", {"main": b"c0ffee"})
    with pytest.raises(UsageError, match="a folder of the hub's cache") as caught:
        look(tmp_path / given)
    assert caught.value.hint.endswith("snapshots/c0ffee")


def test_links_of_the_hubs_cache_are_followed(tmp_path):
    cached = tmp_path / "models--org--m"
    make(cached / "blobs")
    snapshot = cached / "snapshots" / "c0ffee"
    snapshot.mkdir(parents=True)
    for name in FILES:
        (snapshot / name).symlink_to(f"../../blobs/{name}")
    assert look(snapshot).weights_hash == look(make(tmp_path / "copy")).weights_hash
    (cached / "blobs" / "model.safetensors").unlink()
    with pytest.raises(UsageError, match="points to nothing") as caught:
        look(snapshot)
    assert "Download the model again" in caught.value.hint


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path):
    other = make(tmp_path / "other")
    folder = make(tmp_path / "m", without("model.safetensors"))
    (folder / "model.safetensors").symlink_to(other / "model.safetensors")
    with pytest.raises(UsageError, match="leads out of the checkpoint"):
        look(folder)
    (folder / "model.safetensors").unlink()
    make(folder, {"weights.safetensors": FILES["model.safetensors"]})
    (folder / "model.safetensors").symlink_to("weights.safetensors")
    assert look(folder).weights_hash


@pytest.mark.parametrize("name", ["tokenizer.json", "model.safetensors", "chat_template.jinja"])
@pytest.mark.parametrize("kind", ["pipe", "folder", "link to a device"])
def test_a_part_that_is_no_regular_file_is_refused(tmp_path, name, kind):
    """A pipe would be waited for."""
    folder = make(tmp_path / "m", without(name))
    if kind == "pipe":
        os.mkfifo(folder / name)
    elif kind == "folder":
        (folder / name).mkdir()
    else:
        (folder / name).symlink_to("/dev/zero")
    with pytest.raises(UsageError, match=r"not a regular file|leads out of the checkpoint"):
        look(folder)


def test_links_in_a_circle_are_refused(tmp_path):
    folder = make(tmp_path / "m", without("config.json"))
    (folder / "config.json").symlink_to("other.json")
    (folder / "other.json").symlink_to("config.json")
    with pytest.raises(UsageError, match="points to nothing"):
        look(folder)


def test_a_configuration_of_any_size_is_not_read(tmp_path):
    folder = make(tmp_path / "m")
    with (folder / "config.json").open("r+b") as stream:
        stream.truncate(1 << 32)
    with pytest.raises(UsageError, match="4,294,967,296 bytes, which is too large"):
        look(folder)


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", "{"])
def test_a_generation_configuration_that_no_engine_reads_is_refused(tmp_path, content):
    folder = make(tmp_path / "m")
    (folder / "generation_config.json").write_text(content)
    with pytest.raises(UsageError, match=r"generation_config.json (is not readable|does not hold)"):
        look(folder)


def test_code_of_its_own_is_for_people_to_decide(tmp_path):
    own = json.dumps({"auto_map": {"AutoModel": "modeling_x.X", "AutoConfig": "conf_x.C"}}).encode()
    found = look(make(tmp_path / "m", {**FILES, "config.json": own, "conf_x.py": b""}))
    with pytest.raises(UsageError, match="names Python code of its own") as caught:
        refuse_own_code(found, trusted=False)
    assert "`trust_remote_code: true` in the profile" in caught.value.hint
    with pytest.raises(UsageError, match=r"lacks Python code .*: modeling_x\.py\."):
        refuse_own_code(found, trusted=True)
    make(tmp_path / "m", {"modeling_x.py": b""})
    refuse_own_code(found, trusted=True)
    refuse_own_code(look(make(tmp_path / "plain")), trusted=False)


@pytest.mark.parametrize("has_index", [True, False])
def test_shards_are_missing_with_and_without_an_index(tmp_path, has_index):
    names = ("model-00001-of-00003.safetensors", "model-00003-of-00003.safetensors")
    files = {**without("model.safetensors"), **dict.fromkeys(names, safetensors(b"1"))}
    if has_index:
        files["model.safetensors.index.json"] = index(*names, "model-00002-of-00003.safetensors")
    with pytest.raises(UsageError, match=r"lacks 1 of its 3 .*: model-00002-of-00003\.safet"):
        look(make(tmp_path / "m", files))
    bare = {**without("model.safetensors"), "model.safetensors.index.json": index(names[0])}
    with pytest.raises(UsageError, match="lacks 1 of its 1 weight files"):
        look(make(tmp_path / "n", bare))


def test_an_adapter_beside_a_config_is_an_adapter(tmp_path):
    files = {**without("model.safetensors"), "adapter_config.json": b"{}"}
    for name in ("adapter_model.safetensors", "adapter_model.bin"):
        with pytest.raises(UsageError, match="a LoRA adapter of its base"):
            look(make(tmp_path / name, {**files, name: safetensors(b"1")}))
    look(make(tmp_path / "whole", {**FILES, "adapter_config.json": b"{}"}))  # merged


def test_a_checkpoint_that_changes_while_it_is_loaded_is_refused(tmp_path):
    folder, cache = make(tmp_path / "m"), tmp_path / "cache"
    found = look(folder, cache=cache)
    refuse_changed(found, cache)
    os.utime(folder / "model.safetensors")  # touched, and still the same bytes
    refuse_changed(found, cache)
    make(folder, {"generation_config.json": b'{"temperature": 1}'})
    with pytest.raises(InvalidError, match="changed while its model was loaded"):
        refuse_changed(found, cache)
    (folder / "generation_config.json").unlink()
    make(folder, {"model.safetensors": safetensors(b"other")})
    with pytest.raises(InvalidError, match="changed while its model was loaded"):
        refuse_changed(found, cache)
    (folder / "config.json").unlink()
    with pytest.raises(InvalidError, match="changed while its model was loaded"):
        refuse_changed(found, cache)
