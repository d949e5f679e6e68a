"""Canonical JSON, content hashes, seeds and run ids: the one place where identity is decided."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

_CHUNK = 1 << 20


def canonical_json(value: Any) -> str:
    """``value`` as JSON with sorted keys and no spaces: equal values give equal text.

    Raises ``ValueError`` for NaN and infinity, which JSON does not have.
    """
    return json.dumps(
        value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
    )


def pretty_json(value: Any) -> str:
    """``value`` as JSON for files that people read: sorted keys, two spaces, final newline."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def content_hash(value: Any, length: int = 64) -> str:
    """The first ``length`` hexadecimal digits of the SHA-256 of ``value``'s canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:length]


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal. Raises ``OSError``."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def combined_hash(parts: Iterable[tuple[str, str]]) -> str:
    """One hash over (name, hash) pairs, independent of their order."""
    return content_hash(sorted([name, value] for name, value in parts))


def sample_seed(base: int, problem_id: str, sample_index: int) -> int:
    """The engine seed of one sample: 31 bits, the same for the same three arguments forever.

    It depends on the problem's content, not on its place in the suite, so that baseline and
    candidate share seeds even after a suite is reordered.
    """
    text = f"{base}:{problem_id}:{sample_index}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big") >> 1


def slug(text: str) -> str:
    """``text`` as a name that is safe in a path, a label and a URL."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text).strip("-.") or "unnamed"


def run_id(now: datetime, suite: str, model: str, nonce: str) -> str:
    """``20260131-235959-smoke-smollm2-1a2b``: sorts by time, never collides within a second."""
    return f"{now:%Y%m%d-%H%M%S}-{slug(suite)}-{slug(model)}-{nonce[:4]}"
