"""The work folder: the only thing that host and workers share.

::

    job.json               what to run; written once by the host
    pending/NNNNNNNNN.json work items, claimed in the order of their names
    claimed/RANK/…         the same files, moved by the rank that works on them
    out/RANK.jsonl         completions: ``CRC32 JSON`` a line, appended and flushed to disk
    alive/RANK.json        heartbeat, state and engine information of a rank
    alive/host             [pid, beats, ranks, tokens/s by rank]: workers end when the beats do
    stop                   tells workers to stop
    log/RANK.log           what the engine printed

A rename within one file system is atomic, so of two ranks that want an item one gets it, and the
other sees it gone.
"""

from __future__ import annotations

import json
import os
import zlib
from pathlib import Path
from typing import Any

PROTOCOL = 2
FOLDERS = ("pending", "claimed", "out", "alive", "log")
ALONE = ".alone.json"  # ends the names of items whose workers died: nothing else is in flight then
STARTING, READY, DONE, FAILED = "starting", "ready", "done", "failed"


def encode_line(value: dict[str, Any]) -> bytes:
    """One line of an out file: the checksum of the JSON text, a space, the JSON text."""
    # ASCII JSON keeps lone surrogates, which some tokenizers emit, out of the encoder's way.
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


def write_atomically(path: Path, value: Any) -> None:
    """Write ``value`` as JSON so that a reader sees the old file or the new one, never a part."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(value, sort_keys=True), encoding="utf-8")
    part.chmod(0o644)  # whatever the umask is: host and workers may be different users
    part.replace(path)


def read_json(path: Path) -> Any:
    """The JSON in ``path``, or ``None`` when it is missing or not complete yet."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None


class Out:
    """The append-only completion file of one rank. Lines are on disk when ``write`` returns."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("ab")
        # A predecessor killed while writing may have left half a line: close it off.
        if self._stream.tell() and not _ends_with_newline(path):
            self._stream.write(b"\n")

    def write(self, values: list[dict[str, Any]]) -> None:
        """Append one line for each value and flush them to disk."""
        self._stream.write(b"".join(encode_line(value) for value in values))
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"
