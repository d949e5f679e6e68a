"""The weights of a checkpoint: complete, and identified by all of their bytes."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from smallscale_ci.errors import UsageError
from smallscale_ci.files import read_json, write_json
from smallscale_ci.ids import combined_hash, content_hash

_PIECE = 64 << 20  # bytes hashed at a time: pieces of one file are hashed in parallel
_BLOCK = 1 << 22
_LARGE = 2 << 30  # bytes: hashing less takes too little time to announce
_HEADER_LIMIT = 100_000_000  # bytes, as the safetensors library has it
_POINTER = b"version https://git-lfs.github.com/spec/"  # the first line of one
INDEX = "model.safetensors.index.json"
_SHARD = re.compile(r"(.*-)(\d{1,6})-of-(\d{1,6})\.safetensors")
_MOST_SHARDS = 10_000


def files(folder: Path) -> list[Path]:
    """The weight files of ``folder``, checked to be present and complete.

    Raises ``UsageError`` for a shard that the index names and that is missing, and for a file that
    is empty, cut short, damaged or a Git LFS pointer.
    """
    found = sorted(folder.glob("*.safetensors"))
    index = folder / INDEX
    named = _shards(index) if index.is_file() else _numbered(found)
    missing = sorted(named - {file.name for file in found})
    if missing:
        lists = f"; {INDEX} lists all of them" if index.is_file() else ""
        raise UsageError(
            f"{folder} lacks {len(missing)} of its {len(named)} weight files: "
            f"{', '.join(missing[:3])}{' …' if len(missing) > 3 else ''}.",
            f"Download or copy the missing files{lists}.",
        )
    for file in found:
        _refuse_damaged(file)
    return found


def digest(paths: Sequence[Path], cache: Path | None, say: Callable[[str], None]) -> str:
    """SHA-256 over the names and all bytes of ``paths``.

    A file's hash is the hash of the hashes of its 64 MiB pieces, so that several cores share a
    large one. ``cache`` is a folder where hashes of files that have not changed are remembered.
    """
    known = _remembered(cache)
    keys = {path: _key(path) for path in paths}
    fresh = [path for path in paths if keys[path] not in known]
    size = sum(path.stat().st_size for path in fresh)
    if size > _LARGE:
        say(f"hashing {size / 1e9:.1f} GB of weights (once; the hash is remembered)")
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        for path in fresh:
            starts = range(0, max(path.stat().st_size, 1), _PIECE)
            pieces = list(pool.map(_piece, [path] * len(starts), starts))
            known[keys[path]] = content_hash([path.stat().st_size, *pieces])
    if fresh and cache is not None:
        _remember(cache, known)
    return combined_hash((path.name, known[keys[path]]) for path in paths)


def refuse_pointer(file: Path) -> None:
    """Raise ``UsageError`` if ``file`` is a Git LFS pointer instead of the file itself."""
    with file.open("rb") as stream:
        if stream.read(len(_POINTER)) == _POINTER:
            raise UsageError(
                f"{file} is a Git LFS pointer, not the file itself.",
                f"Fetch the files: git -C {file.parent} lfs pull",
            )


def _piece(path: Path, start: int) -> str:
    hashed, left = hashlib.sha256(), _PIECE
    with path.open("rb") as stream:
        stream.seek(start)
        while left and (block := stream.read(min(_BLOCK, left))):
            hashed.update(block)
            left -= len(block)
    return hashed.hexdigest()


def _key(path: Path) -> str:
    """A file's identity in its file system; the inode change time cannot be set by hand."""
    found = path.stat()
    return ":".join(
        str(part)
        for part in (
            found.st_dev,
            found.st_ino,
            found.st_size,
            found.st_mtime_ns,
            found.st_ctime_ns,
        )
    )


def _remembered(cache: Path | None) -> dict[str, str]:
    path = None if cache is None else cache / "weights.json"
    if path is None or not path.is_file():
        return {}
    try:
        return {str(key): str(value) for key, value in read_json(path).items()}
    except UsageError:
        return {}  # a cache that cannot be read is an empty one


def _remember(cache: Path, known: dict[str, str]) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        write_json(cache / "weights.json", dict(list(known.items())[-10_000:]))
    except OSError:
        return  # the next run hashes again


def _shards(index: Path) -> set[str]:
    try:
        value = json.loads(index.read_text(encoding="utf-8"))
        return {str(name) for name in value["weight_map"].values()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise UsageError(
            f"{index} is damaged: it has no readable weight_map.", "Save the checkpoint again."
        ) from error


def _numbered(found: Sequence[Path]) -> set[str]:
    """All shards of a set of which ``found`` names some: ``model-00001-of-00002.safetensors``."""
    named: set[str] = set()
    for file in found:
        if part := _SHARD.fullmatch(file.name):
            count = min(int(part[3]), _MOST_SHARDS)
            named.update(
                f"{part[1]}{number:0{len(part[2])}}-of-{part[3]}.safetensors"
                for number in range(1, count + 1)
            )
    return named


def _refuse_damaged(file: Path) -> None:
    """Compare a safetensors file's size with what its header announces."""
    refuse_pointer(file)
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(8)
        if size == 0:
            raise UsageError(f"{file} is empty.", "Download or save the checkpoint again.")
        length = int.from_bytes(head, "little")
        header: Any = None
        ends: list[int] = []
        if len(head) >= 8 and 2 <= length <= min(_HEADER_LIMIT, size - 8):
            try:
                header = json.loads(stream.read(length))
                ends = [
                    int(tensor["data_offsets"][1])
                    for name, tensor in header.items()
                    if name != "__metadata__"
                ]
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
                header = None
    if header is None:
        raise UsageError(
            f"{file} is not a safetensors file: its header cannot be read.",
            "Download or save the checkpoint again.",
        )
    announced = 8 + length + max(ends, default=0)
    if size < announced:
        raise UsageError(
            f"{file} is cut short: it has {size:,} of {announced:,} bytes.",
            "Download or copy it again; the disk may have been full.",
        )
