"""Pins of pulled data: hashes in the suite's YAML, or in the lock beside it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from smallscale_ci import ids
from smallscale_ci.config.suite import TaskConfig
from smallscale_ci.errors import DataError, StorageError
from smallscale_ci.files import write_json

LOCK = "pins.lock.json"


def check_pin(task: TaskConfig, path: Path, base: Path) -> None:
    """Raise ``DataError`` if a file is not the one pinned by ``task`` or the lock."""
    pin = pin_of(task, base)
    if pin is not None:
        checked(task, path, pin)


def pin_of(task: TaskConfig, base: Path) -> tuple[str, str] | None:
    """(kind, hash) of the expected file: from the suite, else from the lock."""
    if task.sha256 is not None:
        return "sha256", task.sha256.lower()
    if task.blob is not None:
        return "blob", task.blob.lower()
    locked = _lock(base).get(task.source)
    return ("lock", locked) if locked else None


def checked(task: TaskConfig, path: Path, pin: tuple[str, str] | None) -> tuple[str, str]:
    """(sha256 of the file, kind of its pin). Raises ``DataError`` for another file."""
    sha256 = ids.file_hash(path)
    if pin is None:
        return sha256, "recorded"
    kind, expected = pin
    actual = git_blob(path) if kind == "blob" else sha256
    if actual != expected:
        name = "git blob id" if kind == "blob" else "sha256"
        where = f"the line of {task.source} in {LOCK}" if kind == "lock" else "the suite"
        raise DataError(
            f"Task {task.name}: {path} is not the pinned file: its {name} is {actual}, "
            f"{where} says {expected}.",
            "Get the pinned file; if it was changed on purpose, put the new hash there "
            "and record new baselines.",
        )
    return sha256, kind


def git_blob(path: Path) -> str:
    """Git's blob id of a file's content: SHA-1 over type, size and bytes."""
    digest = hashlib.sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            digest.update(chunk)
    return digest.hexdigest()


def _lock(base: Path) -> dict[str, str]:
    path = base / LOCK
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}", "Restore it from git.") from error
    if not isinstance(found, dict) or not all(isinstance(pin, str) for pin in found.values()):
        raise DataError(f"{path} is not a mapping of sources to sha256s.", "Restore it from git.")
    return found


def record(base: Path, name: str, sha256: str) -> None:
    """Add a pin to the lock; an existing one is not changed."""
    path = base / LOCK
    pins = {name: sha256, **_lock(base)}
    try:
        write_json(path, pins)
    except OSError as error:
        raise StorageError(
            f"The pin of {name} cannot be recorded in {path}: {error.strerror}.",
            f"Write it into the suite's YAML yourself: sha256: {sha256}",
        ) from error
