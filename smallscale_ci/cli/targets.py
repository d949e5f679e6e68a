"""Files and folders that an option names for writing: refused before the work, written whole."""

from __future__ import annotations

from pathlib import Path


def refuse_file(path: Path | None, option: str) -> None:
    """Raise ``UsageError`` for a ``path`` of ``option`` where no file can be."""
    from smallscale_ci.errors import UsageError

    if path is None:
        return
    folder = path.resolve().parent if path.is_symlink() else path.parent
    if not folder.is_dir():
        raise UsageError(
            f"{option} {path}: the folder {folder} does not exist.",
            f"Create the folder, or name another file with {option}.",
        )
    if path.is_dir():
        raise UsageError(
            f"{option} {path}: that is a folder.", f"Name a file in it: {option} {path}/NAME."
        )


def write_file(path: Path, option: str, text: str) -> None:
    """Write ``text`` to the ``path`` of ``option``. Raises ``UsageError`` and ``StorageError``."""
    from smallscale_ci.files import storage_errors, write_text

    refuse_file(path, option)
    with storage_errors(str(path), _hint(option)):
        if path.exists() and not path.is_file():  # a pipe or a device, which must stay one
            path.write_text(text, encoding="utf-8")
        else:
            write_text(path.resolve(), text)  # a link stays, too


def make_folder(path: Path, option: str) -> None:
    """Make the folder ``path`` of ``option``, and those around it.

    Raises ``UsageError`` if it cannot be one, ``StorageError`` on a full or read-only disk.
    """
    from smallscale_ci.errors import UsageError
    from smallscale_ci.files import storage_errors

    try:
        with storage_errors(f"The folder {path}", _hint(option)):
            path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = "it is a file" if path.is_file() else error.strerror
        raise UsageError(
            f"{option} {path}: the folder cannot be created: {reason}.",
            f"Name another one with {option}.",
        ) from error


def _hint(option: str) -> str:
    return f"Free disk space or correct its rights, or name another place with {option}."
