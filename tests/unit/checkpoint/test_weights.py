import hashlib

import pytest
from helpers.checkpoints import FILES, make, safetensors

from smallscale_ci.checkpoint import weights


def digest(folder, cache=None, said=None):
    say = said.append if said is not None else lambda _: None
    return weights.digest(weights.files(folder), cache, say)


@pytest.mark.parametrize("place", [-1, -130_000, -255_999])
def test_every_byte_counts(tmp_path, place):
    changed = bytearray(FILES["model.safetensors"])
    changed[place] ^= 1
    one = make(tmp_path / "a")
    other = make(tmp_path / "b", {**FILES, "model.safetensors": bytes(changed)})
    assert digest(one) != digest(other)
    assert digest(one) == digest(make(tmp_path / "copy"))


def test_a_byte_between_the_pieces_of_a_large_file_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(weights, "_PIECE", 1000)
    size = 10_500
    one = make(tmp_path / "a", {**FILES, "model.safetensors": safetensors(bytes(size))})
    found = {digest(one)}
    for place in (999, 1000, 5000, size - 1):
        content = bytearray(size)
        content[place] = 1
        name = str(place)
        folder = make(tmp_path / name, {**FILES, "model.safetensors": safetensors(bytes(content))})
        found.add(digest(folder))
    assert len(found) == 5


def test_names_and_shards_count(tmp_path):
    both = {"a.safetensors": safetensors(b"1"), "b.safetensors": safetensors(b"2")}
    turned = {"b.safetensors": safetensors(b"1"), "a.safetensors": safetensors(b"2")}
    assert digest(make(tmp_path / "a", both)) != digest(make(tmp_path / "b", turned))


def test_what_did_not_change_is_not_read_again(tmp_path, monkeypatch):
    folder, cache = make(tmp_path / "m"), tmp_path / "cache"
    first = digest(folder, cache)
    monkeypatch.setattr(weights, "_piece", lambda *_: pytest.fail("read again"))
    assert digest(folder, cache) == first
    monkeypatch.undo()
    make(folder, {"model.safetensors": safetensors(b"new")})
    assert digest(folder, cache) != first


@pytest.mark.parametrize("content", ["", "[]", "{", '{"x": 1}'])
def test_a_damaged_memory_is_an_empty_one(tmp_path, content):
    folder, cache = make(tmp_path / "m"), tmp_path / "cache"
    first = digest(folder, cache)
    (cache / "weights.json").write_text(content)
    assert digest(folder, cache) == first


def test_a_cache_that_cannot_be_written_is_done_without(tmp_path):
    folder = make(tmp_path / "m")
    (tmp_path / "file").write_text("")
    assert digest(folder, tmp_path / "file" / "cache") == digest(folder)


def test_a_file_is_hashed_by_its_pieces(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    assert weights._piece(path, 0) == hashlib.sha256(b"abc").hexdigest()
