"""Files as a whole: a reader finds the old one or the new one, never half of one.

JSON files hold records: frozen dataclasses, checked field by field when they are read.
"""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import platform
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from smallscale_ci.errors import (
    NOT_WRITABLE,
    DataError,
    InvalidError,
    StorageError,
    UsageError,
    own_problems,
    sentence,
)
from smallscale_ci.ids import pretty_json

if TYPE_CHECKING:
    from pydantic import ConfigDict, TypeAdapter
    from pydantic_core import ErrorDetails

T = TypeVar("T")
_ADAPTERS: dict[Any, TypeAdapter[Any]] = {}  # made once: 50 ms each


class Record:
    """Base of the frozen dataclasses that JSON files hold; unknown keys in a file are ignored."""

    __slots__ = ()
    __pydantic_config__: ClassVar[ConfigDict] = {
        "allow_inf_nan": False,
        "use_attribute_docstrings": True,
    }


def from_json(kind: type[T], value: Any, where: str, hint: str) -> T:
    """``value`` as a record; errors name it ``where`` and give ``hint`` as the next step.

    Raises ``DataError`` that names the missing fields, or the first wrong one.
    """
    from pydantic import ValidationError
    from pydantic_core import to_json as encoded

    try:  # as JSON: configurations among the fields are strict, and have no lists of their own
        found: T = _adapter(kind).validate_json(encoded(value))
    except (ValidationError, RecursionError, ValueError) as error:
        raise DataError(f"{where} is damaged: {_fault(error)}.", hint) from error
    return found


def to_json(record: Any, *, exclude_none: bool = False) -> dict[str, Any]:
    """``record`` as JSON values: the fields under their names, tuples as lists.

    ``exclude_none`` leaves out the fields that are ``None``.
    """
    found: dict[str, Any] = _adapter(type(record)).dump_python(
        record, mode="json", exclude_none=exclude_none
    )
    return found


def refuse_schema(
    value: Mapping[str, Any], known: Sequence[object], where: str, hint: str, *, unknown: str = ""
) -> None:
    """Raise ``DataError`` without a schema version, ``InvalidError`` if it is not ``known``.

    Errors name the file ``where``; ``hint`` is the next step for damage, ``unknown`` that for an
    unknown schema if it differs.
    """
    found = value.get("schema_version")
    if found is None:
        raise DataError(f"{where} is damaged: it lacks schema_version.", hint)
    if found not in known:
        raise InvalidError(
            f"{where} is of schema '{found}', and this smallscale reads schema '{known[-1]}'.",
            unknown or hint,
        )


def read_record(kind: type[T], path: Path, schema: object, hint: str) -> T:
    """The record in the file ``path``; ``hint`` is the next step for any error.

    Raises ``DataError`` if it is missing or damaged, and ``InvalidError`` if it has another
    schema than ``schema``.
    """
    value = read_json(path, hint)
    refuse_schema(value, (schema,), str(path), hint)
    return from_json(kind, value, str(path), hint)


def _adapter(kind: Any) -> TypeAdapter[Any]:
    from pydantic import TypeAdapter  # not needed by those who only write texts

    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def _fault(error: Exception) -> str:
    from pydantic import ValidationError

    if not isinstance(error, ValidationError):
        return "it is nested too deeply"
    items = own_problems(error)
    missing = [_place(item) for item in items if item["type"] == "missing"]
    if missing:
        return f"it lacks {', '.join(missing)}"
    return f"{_place(items[0])} {sentence(items[0])}"


def _place(item: ErrorDetails) -> str:
    return ".".join(str(part) for part in item["loc"]) or "it"


def read_json(path: Path, hint: str = "") -> dict[str, Any]:
    """The JSON object in the file ``path``; ``hint`` says what to do about any fault of it.

    Raises ``DataError``.
    """
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for its writer
            raise DataError(f"{path} is not a file.", hint or "Run the stage that writes it again.")
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataError(f"There is no {path}.", hint or "Run the stage that writes it.") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error}.", "Check the disk.") from error
    return parse_json(content, str(path), hint or "Run the stage that writes it again.")


def parse_json(content: bytes, where: str, hint: str) -> dict[str, Any]:
    """The JSON object in ``content``; errors name it ``where``.

    Raises ``DataError``, also for NaN, lone surrogates and bytes that are not UTF-8.
    """
    import pydantic_core

    try:
        value = pydantic_core.from_json(content, allow_inf_nan=False)
    except ValueError as error:
        raise DataError(f"{where} is damaged: {error}.", hint) from error
    if not isinstance(value, dict):
        raise DataError(f"{where} is damaged: it does not hold a JSON object.", hint)
    return value


@contextmanager
def storage_errors(what: str, hint: str) -> Iterator[None]:
    """Turn the ``OSError`` of a full or read-only disk into a ``StorageError``; others pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise
        raise StorageError(f"{what} cannot be written: {error.strerror or error}.", hint) from error


@contextmanager
def where_writable() -> Iterator[None]:
    """Suppress the ``OSError`` of a full or read-only disk: the writing can wait."""
    try:
        yield
    except OSError as error:
        if error.errno not in NOT_WRITABLE:
            raise


def lock(path: Path) -> int | None:
    """Lock the file or folder ``path`` for this process; the lock ends with it, even if killed.

    Returns a descriptor to close, ``None`` if another process holds the lock. Creates the file if
    there is none, and follows no link to it. Raises ``OSError``.
    """
    how = os.O_RDONLY if path.is_dir() else os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW
    held = os.open(path, how | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(held)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return held


def git(folder: Path, *arguments: str) -> bytes | None:
    """What git prints in ``folder``; ``None`` if it fails or is not installed.

    Folders in a working tree that look like a repository do not count as one: whoever made them
    would choose what a commit's name means, and which programs git runs. Objects are what their ids
    say: nothing that a ref under refs/replace puts in their place counts.
    """
    asked = ["-c", "safe.bareRepository=explicit", "-C", str(folder), *arguments]
    command = ["git", "--no-replace-objects", *asked]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None


def git_line(folder: Path, *arguments: str) -> str:
    """What git prints, as one line of text; empty if it fails or is not installed."""
    return (git(folder, *arguments) or b"").decode("utf-8", "replace").strip()


def git_commit(folder: Path, ref: str) -> str:
    """The commit that ``ref`` names in the repository of ``folder``; empty if there is none.

    Raises ``UsageError`` if several refs have that name: git would prefer a tag to a branch,
    and whoever can push a tag ``origin/main`` would choose what ``origin/main`` means.
    """
    name = re.split(r"[~^]|@\{", ref)[0]
    if not name.startswith("refs/"):  # in full it is one
        wanted = [f"refs/{place}{name}" for place in ("", "tags/", "heads/", "remotes/")]
        listed = git_line(folder, "for-each-ref", "--format=%(refname)", *wanted).splitlines()
        found = [one for one in wanted if one in listed]
        if found and re.fullmatch("[0-9a-f]{4,39}", name):
            found += git_line(folder, "rev-parse", f"--disambiguate={name}").splitlines()
        if len(found) > 1:
            raise UsageError(
                f"git knows '{name}' as {' and as '.join(found)}.",
                "Write the one that is meant in full, such as refs/remotes/origin/main.",
            )
    wanted_commit = f"{ref}^{{commit}}"
    return git_line(folder, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted_commit)


class Hashed(io.BufferedWriter):
    """A new binary file that is hashed while it is written, from its beginning to its end."""

    def __init__(self, path: Path) -> None:
        super().__init__(io.FileIO(path, "wb"))
        self._digest = hashlib.sha256()

    def write(self, data: Any) -> int:
        """Append ``data``."""
        self._digest.update(data)
        return super().write(data)

    @property
    def sha256(self) -> str:
        """SHA-256 of what was written so far, in hexadecimal."""
        return self._digest.hexdigest()


@contextmanager
def whole(path: Path, *, shared: bool = False) -> Iterator[Hashed]:
    """A file that replaces ``path`` when the block ends without an error, and not before.

    ``shared``: other processes, even on other machines, may write it at the same time. Raises
    ``OSError``.
    """
    name = f".{path.name}.{_writer()}.part" if shared else f".{path.name}.part"
    part = path.with_name(name)
    try:
        with Hashed(part) as stream:
            yield stream
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _writer() -> str:
    """A name that no other writer has, on this machine or another."""
    return f"{platform.node()}-{os.getpid()}-{threading.get_ident()}"


def write_json(path: Path, value: Any) -> str:
    """Write a record or JSON values for people and machines; returns the file's SHA-256."""
    return write_text(path, json_text(value))


def json_text(value: Any) -> str:
    """What ``write_json`` writes."""
    return pretty_json(value if isinstance(value, Mapping | list) else to_json(value))


def write_text(path: Path, text: str, *, shared: bool = False) -> str:
    """Write ``text`` as ``whole`` does; returns the file's SHA-256. Raises ``OSError``."""
    with whole(path, shared=shared) as stream:
        stream.write(text.encode())
    return stream.sha256
