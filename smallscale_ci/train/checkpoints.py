"""Checkpoints of a training, of which one may be incomplete."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from smallscale_ci.worker.train.entry import WHOLE


def number(checkpoint: Path) -> int:
    """The step after which ``checkpoint-STEP`` was saved; −1 for another name."""
    tail = checkpoint.name.removeprefix("checkpoint-")
    return int(tail) if tail.isdecimal() and tail != checkpoint.name else -1


def is_whole(checkpoint: Path) -> bool:
    """Whether all files of the complete checkpoint are there, with their sizes."""
    try:
        files = json.loads((checkpoint / WHOLE).read_text(encoding="utf-8"))
        return all((checkpoint / name).stat().st_size == size for name, size in files.items())
    except (OSError, ValueError, AttributeError, TypeError, RecursionError):
        return False


def newest_whole(folder: Path) -> Path | None:
    """The checkpoint in ``folder`` to resume from; ``None`` if there is none."""
    found = [path for path in folder.glob("checkpoint-*") if number(path) >= 0 and is_whole(path)]
    return max(found, key=number, default=None)


def discard_broken(folder: Path) -> list[str]:
    """Remove incomplete checkpoints, which only fill the disk; returns their names.

    Links, and what somebody keeps under a name of their own, stay.
    """
    saved = [path for path in folder.glob("checkpoint-*") if number(path) >= 0]
    folders = [path for path in saved if path.is_dir() and not path.is_symlink()]
    broken = [path for path in folders if not is_whole(path)]
    for path in broken:
        shutil.rmtree(path)
    return sorted(path.name for path in broken)
