"""Opens files of the work folder without following links: engine processes may have made one."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import BinaryIO

from smallscale_ci.errors import EngineError
from smallscale_ci.worker import protocol


def reading(path: Path) -> BinaryIO:
    """Open a file that engine processes write, for reading. Raises ``EngineError`` for a link."""
    try:
        return os.fdopen(protocol.opened(path, os.O_RDONLY), "rb")
    except OSError as error:
        raise _not_ours(path, error) from error


def appending(path: Path) -> BinaryIO:
    """Open a log of the work folder, for appending. Raises ``EngineError`` for a link."""
    try:
        return os.fdopen(protocol.opened(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND), "ab")
    except OSError as error:
        raise _not_ours(path, error) from error


def refuse_link(path: Path) -> None:
    """Raise ``EngineError`` if the folder ``path`` is a link to another one."""
    if path.is_symlink():
        raise EngineError(
            f"{path} is a link, which none of our engines creates: the checkpoint may be hostile.",
            "Check where it leads, then start a new run.",
        )


def _not_ours(path: Path, error: OSError) -> Exception:
    if error.errno not in (errno.ELOOP, errno.ENOTDIR, errno.ENXIO):
        return error
    return EngineError(
        f"{path} is a link or not a file, which none of our engines creates: the checkpoint may be "
        "hostile.",
        "Check where it leads, then start a new run.",
    )
