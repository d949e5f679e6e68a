"""Zip archives with zstd-compressed members, which Python's own reader supports only from 3.14."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from smallscale_ci.errors import DataError

_ZSTD = 93  # the compression method's number in the zip format
_ENCRYPTED = 1  # a flag of a member
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_LARGEST = 1 << 30  # bytes of one member: anything larger is not a sample
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    struct.error,
    pa.ArrowException,
    EOFError,
    OSError,
    ValueError,
)
_DAMAGED = "Copy the file again from where it was written: it may have been cut off on its way."
_REPACKED = "Take the file as the tool wrote it; another program has packed this one again."


class Archive:
    """The members of an open archive; if several have one name, the last counts."""

    def __init__(self, path: Path, opened: zipfile.ZipFile) -> None:
        self._path, self._zip = path, opened
        self.members = {info.filename: info for info in opened.infolist()}

    def read(self, name: str) -> bytes:
        """One member's content. Raises ``DataError`` for a damaged one."""
        info = self.members[name]
        if info.file_size > _LARGEST:
            raise DataError(
                f"{self._path}: {name} says that it has {info.file_size:,} bytes.", _DAMAGED
            )
        if info.flag_bits & _ENCRYPTED:
            raise DataError(f"{self._path}: {name} is encrypted.", _REPACKED)
        try:
            if info.compress_type != _ZSTD:
                return self._zip.read(info)
            content = self._unpacked(info)
        except NotImplementedError as error:
            what = f"{self._path}: {name} is packed by a method that is not known here"
            raise DataError(f"{what}: {error}.", _REPACKED) from error
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
    """Open ``path`` as an archive. Raises ``DataError`` if it is not one, or was cut off."""
    try:
        opened = zipfile.ZipFile(path)
    except (*_BROKEN, NotImplementedError) as error:
        raise DataError(f"{path} is not a complete zip archive: {error}.", _DAMAGED) from error
    with opened:
        yield Archive(path, opened)
