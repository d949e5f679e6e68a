"""The work folder: the only thing shared by host and workers.

::

    job.json               what to run; written once by the host
    next.json              the work folder that all ranks move on to: nothing is left to do here
    pending/NNNNNNNNN.json work items, claimed in the order of their names
    claimed/RANK/…         the same files, moved by the rank that works on them
    out/RANK.jsonl         completions: ``CRC32 JSON`` per line, appended and flushed to disk
    alive/RANK.json        heartbeat, state and engine information of a rank
    alive/host             [pid, beats, ranks, tokens/s by rank]: workers end when the beats do
    stop                   tells workers to stop
    log/RANK.log           what the engine printed

A rename within one file system is atomic: if two ranks want an item, one gets it and the
other sees it gone.
"""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
import zlib
from pathlib import Path
from typing import Any, Self

PROTOCOL = 2
FOLDERS = ("pending", "claimed", "out", "alive", "log")
ALONE = ".alone.json"  # suffix of items whose workers died: they run with nothing else in flight
STARTING, READY, DONE, FAILED = "starting", "ready", "done", "failed"
JOB, NEXT, STOP = "job.json", "next.json", "stop"
OF_A_RUN = ("sampling", "template")  # keys of a job that may change on a loaded engine


_PATH = getattr(os, "O_PATH", os.O_RDONLY)  # Linux has it


def encode_line(value: dict[str, Any]) -> bytes:
    """One line of an out file: the checksum of the JSON text, a space, the JSON text."""
    # ASCII JSON can hold the lone surrogates that some tokenizers emit.
    text = json.dumps(value, separators=(",", ":"), sort_keys=True).encode()
    return b"%08x %s\n" % (zlib.crc32(text), text)


def decode_line(line: bytes) -> dict[str, Any] | None:
    """The value of a line, or ``None`` for a torn or damaged one."""
    head, _, text = line.rstrip(b"\n").partition(b" ")
    if not line.endswith(b"\n") or len(head) != 8:
        return None
    try:
        if int(head, 16) != zlib.crc32(text):
            return None
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def opened(path: Path, flags: int) -> int:
    """A descriptor of the regular file ``path``: neither it nor its folder is a link.

    Host and engines share the folder, and an engine that runs a hostile checkpoint may leave a link
    or a pipe where the other looks. Raises ``OSError``.
    """
    # As a path only: an engine in a container, as another user, may not list the folder.
    parent = os.open(path.parent, _PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        safe = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a pipe without a writer never blocks
        found = os.open(path.name, flags | safe, 0o644, dir_fd=parent)
    finally:
        os.close(parent)
    if not stat.S_ISREG(os.fstat(found).st_mode):
        os.close(found)
        raise OSError(errno.ELOOP, "Not a regular file", str(path))
    return found


def write_atomically(path: Path, value: Any) -> None:
    """Write ``value`` as JSON so that a reader sees the old file or the new one, never a part."""
    part = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    part.unlink(missing_ok=True)
    with os.fdopen(opened(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL), "wb") as stream:
        stream.write(json.dumps(value, sort_keys=True).encode())
        os.fchmod(stream.fileno(), 0o644)  # independent of the umask: users may differ
    part.replace(path)


def read_json(path: Path) -> Any:
    """The JSON in ``path``, or ``None`` if it is missing or not complete yet."""
    try:
        with os.fdopen(opened(path, os.O_RDONLY), "rb") as stream:
            return json.loads(stream.read())
    except (OSError, ValueError, RecursionError):
        return None


class Out:
    """The append-only completion file of one rank. Lines are on disk when ``write`` returns."""

    def __init__(self, path: Path) -> None:
        self._stream = os.fdopen(opened(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), "ab")
        # An earlier worker killed while writing may have left half a line: end it.
        if not _ends_with_newline(self._stream.fileno()):
            self._stream.write(b"\n")

    def write(self, values: list[dict[str, Any]]) -> None:
        """Append one line for each value and flush them to disk."""
        self._stream.write(b"".join(encode_line(value) for value in values))
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _ends_with_newline(descriptor: int) -> bool:
    size = os.fstat(descriptor).st_size
    return size == 0 or os.pread(descriptor, 1, size - 1) == b"\n"
