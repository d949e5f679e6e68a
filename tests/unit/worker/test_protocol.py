import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.worker import claims, protocol

# Any text a tokenizer may give, lone surrogates included.
values = st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.integers()), max_size=5)


@given(values)
def test_a_line_comes_back_as_it_was(value):
    encoded = protocol.encode_line(value)
    assert encoded.count(b"\n") == 1
    assert protocol.decode_line(encoded) == value


@given(st.binary())
def test_no_bytes_make_it_fail(line):
    found = protocol.decode_line(line)
    assert found is None or isinstance(found, dict)


@given(values, st.data())
def test_a_torn_line_is_no_line(value, data):
    encoded = protocol.encode_line(value)
    end = data.draw(st.integers(0, len(encoded) - 1))
    assert protocol.decode_line(encoded[:end]) is None
    assert protocol.decode_line(encoded[:end] + b"\n") is None or end == len(encoded) - 1


@given(values, st.data())
def test_a_changed_byte_is_found(value, data):
    encoded = bytearray(protocol.encode_line(value))
    place = data.draw(st.integers(0, len(encoded) - 2))
    encoded[place] ^= data.draw(st.integers(1, 255))
    # The checksum's own digits may be written in capitals: that is no damage.
    assert protocol.decode_line(bytes(encoded)) in (None, value)


@pytest.mark.parametrize("text", [b"[1]", b"1", b'"x"', b"{"])
def test_a_good_checksum_of_what_is_no_object_is_no_line(text):
    assert protocol.decode_line(b"%08x %s\n" % (zlib.crc32(text), text)) is None


def test_two_interleaved_lines_do_not_hide_the_next(tmp_path):
    one, two = protocol.encode_line({"a": 1}), protocol.encode_line({"b": 2})
    path = tmp_path / "0.jsonl"
    path.write_bytes(one[:5] + two + one)
    lines = path.read_bytes().splitlines(keepends=True)
    assert [protocol.decode_line(line) for line in lines] == [None, {"a": 1}]


@given(st.binary(max_size=40))
def test_a_successor_starts_a_new_line(tmp_path_factory, left):
    path = tmp_path_factory.mktemp("out") / "0.jsonl"
    path.write_bytes(left)
    out = protocol.Out(path)
    out.write([{"a": 1}])
    out.close()
    lines = path.read_bytes().splitlines(keepends=True)
    assert protocol.decode_line(lines[-1]) == {"a": 1}


def test_json_is_there_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x.json"
    assert protocol.read_json(path) is None
    protocol.write_atomically(path, {"a": "é"})
    assert protocol.read_json(path) == {"a": "é"}
    path.write_text(json.dumps({"a": 1})[:-1])
    assert protocol.read_json(path) is None


def test_hidden_files_are_not_claimed(tmp_path):
    for name in ("pending", "claimed/0"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "pending" / ".1.json.9.part").write_text("{")
    assert claims.claim(tmp_path, 0, 9, 0).items == []
