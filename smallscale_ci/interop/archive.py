"""Zip archives whose members are packed with zstd, which Python's own reader lacks before 3.14."""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from smallscale_ci.errors import DataError

_ZSTD = 93  # the compression method's number in the zip format
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_LARGEST = 1 << 30  # bytes of one member: a text that is larger is not a sample
_BROKEN = (zipfile.BadZipFile, zlib.error, struct.error, pa.ArrowException, OSError, ValueError)
_DAMAGED = "Copy the file again from where it was written: it may have been cut off on its way."


class Archive:
    """The members of an open archive; of several with one name the last counts."""

    def __init__(self, path: Path, opened: zipfile.ZipFile) -> None:
        self._path, self._zip = path, opened
        self.members = {info.filename: info for info in opened.infolist()}

    def read(self, name: str) -> bytes:
        """One member's content. Raises ``DataError`` for a damaged one."""
        info = self.members[name]
        if info.file_size > _LARGEST:
            raise DataError(f"{self._path}: {name} says that it has {info.file_size:,} bytes.")
        try:
            if info.compress_type != _ZSTD:
                return self._zip.read(info)
            content = self._unpacked(info)
        except _BROKEN as error:
            raise DataError(f"{self._path}: {name} is damaged: {error}.", _DAMAGED) from error
        if zlib.crc32(content) != info.CRC:
            raise DataError(f"{self._path}: {name} is damaged: its checksum differs.", _DAMAGED)
        return content

    def _unpacked(self, info: zipfile.ZipInfo) -> bytes:
        with self._path.open("rb") as stream:
            stream.seek(info.header_offset)
            header = _LOCAL_HEADER.unpack(stream.read(_LOCAL_HEADER.size))
            stream.seek(header[-2] + header[-1], 1)  # the lengths of name and extra field
            packed = stream.read(info.compress_size)
        return bytes(pa.decompress(packed, info.file_size, "zstd", asbytes=True))


@contextmanager
def archive(path: Path) -> Iterator[Archive]:
    """``path`` as an archive. Raises ``DataError`` where it is none, or was cut off."""
    try:
        opened = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise DataError(f"{path} is not a complete zip archive: {error}.", _DAMAGED) from error
    with opened:
        yield Archive(path, opened)
