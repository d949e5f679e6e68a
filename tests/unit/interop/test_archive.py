"""Zip archives as they arrive: packed with zstd, packed again by other programs, cut off."""

import struct
import zipfile
import zlib

import pyarrow as pa
import pytest

from smallscale_ci.errors import DataError
from smallscale_ci.interop.archive import archive

TEXT = b'{"samples": "' + b"x" * 5000 + b'"}'


def packed(path, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", method) as made:
        made.writestr("log.json", TEXT)
        made.writestr("samples/1.json", b"{}")
    return path


def with_zstd(path, content=TEXT, crc=None):
    """A member as inspect packs it: Python's own module writes no zstd before 3.14."""
    body = pa.compress(content, "zstd", asbytes=True)
    crc, name = zlib.crc32(content) if crc is None else crc, b"log.json"
    sizes = (crc, len(body), len(content), len(name))
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 63, 0, 93, 0, 33, *sizes, 0) + name
    central = struct.pack("<4s6H3I5H2I", b"PK\1\2", 63, 63, 0, 93, 0, 33, *sizes, *[0] * 6) + name
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 1, 1, len(central), len(local) + len(body), 0)
    path.write_bytes(local + body + central + end)
    return path


def patched(path, offset, value):
    """``path`` with a field of both headers of its first member changed."""
    content = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", offset), (b"PK\1\2", offset + 2)):
        struct.pack_into("<H", content, content.index(mark) + place, value)
    path.write_bytes(content)
    return path


def told(path, name="log.json"):
    with pytest.raises(DataError) as caught, archive(path) as opened:
        opened.read(name)
    assert str(path) in caught.value.message
    assert caught.value.hint
    return caught.value.message


@pytest.mark.parametrize(
    "method",
    [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA],
)
def test_members_are_read_however_they_are_packed(tmp_path, method):
    with archive(packed(tmp_path / "a.eval", method)) as opened:
        assert list(opened.members) == ["log.json", "samples/1.json"]
        assert opened.read("log.json") == TEXT


def test_members_packed_with_zstd_are_read(tmp_path):
    with archive(with_zstd(tmp_path / "a.eval")) as opened:
        assert opened.read("log.json") == TEXT


def test_a_checksum_that_differs_is_told(tmp_path):
    assert "its checksum differs" in told(with_zstd(tmp_path / "a.eval", crc=1))
    deflated = patched(packed(tmp_path / "b.eval", zipfile.ZIP_STORED), 14, 1)
    assert "log.json is damaged" in told(deflated)


def test_a_method_that_no_reader_here_knows_is_told(tmp_path):
    """Windows packs large folders with Deflate64: that ended as an internal error."""
    assert "log.json" in told(patched(packed(tmp_path / "a.eval"), 8, 9))


def test_a_member_with_a_password_is_told(tmp_path):
    assert "log.json" in told(patched(packed(tmp_path / "a.eval"), 6, 1))


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_damage_within_a_member_is_told(tmp_path, method):
    path = packed(tmp_path / "a.eval", method)
    content = bytearray(path.read_bytes())
    content[45:60] = b"\xff" * 15
    path.write_bytes(content)
    assert "log.json is damaged" in told(path)


def test_a_zstd_member_that_is_cut_off_is_told(tmp_path):
    path = with_zstd(tmp_path / "a.eval")
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\x28\xb5\x2f\xfd", b"\x28\xb5\x2f\xfe", 1))
    assert "log.json is damaged" in told(path)


@pytest.mark.parametrize("content", [b"", b"PK", b"not a zip archive"])
def test_what_is_not_a_whole_archive_is_told(tmp_path, content):
    path = tmp_path / "a.eval"
    path.write_bytes(content)
    assert "is not a complete zip archive" in told(path)
    assert "is not a complete zip archive" in told(tmp_path / "none.eval")


def test_an_archive_that_was_cut_off_on_its_way_is_told(tmp_path):
    path = packed(tmp_path / "a.eval")
    path.write_bytes(path.read_bytes()[:-30])
    assert "is not a complete zip archive" in told(path)


def test_a_member_that_claims_to_be_huge_is_not_unpacked(tmp_path):
    path = packed(tmp_path / "a.eval")
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, content.index(b"PK\1\2") + 24, (1 << 30) + 1)
    path.write_bytes(content)
    assert "1,073,741,825 bytes" in told(path)
