"""The readers, one per tool, in the order in which they may claim a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import cast

from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.interop import (
    evalscope,
    inspect,
    lighteval,
    lm_eval,
    nemo,
    sgl_eval,
    tabular,
    toolkit,
    verifiers,
)
from smallscale_ci.interop.files import MANY, WRONG_FILE
from smallscale_ci.interop.interface import Log, Reader, Sample, Wanted

READERS: tuple[Reader, ...] = tuple(
    cast("Reader", module)
    for module in (
        lm_eval,
        inspect,
        evalscope,
        lighteval,
        sgl_eval,
        nemo,
        verifiers,
        toolkit,
        tabular,  # any file of rows: last
    )
)
_LOOKED_AT = 50  # entries listed for a folder that no reader claims


def reader_of(path: Path) -> Reader | None:
    """The reader that claims ``path``; ``None`` if none does."""
    if not (path.is_file() or path.is_dir()):  # reading a pipe may block, and works only once
        return None
    return next((reader for reader in READERS if reader.claims(path)), None)


def read(path: Path, wanted: Wanted | None = None) -> Log:
    """Read ``path`` with the reader that claims it. Raises ``UsageError`` and ``DataError``."""
    if not path.exists():
        raise UsageError(f"{path} does not exist.", "Give a file, or the folder of a tool's run.")
    reader = reader_of(path)
    if reader is None:
        raise unknown(path)
    # Records are nested, and in a damaged file any part of them may have another type.
    with _in_its_form(reader, path):
        log = reader.read(path, wanted or Wanted())
    return replace(log, samples=_samples(reader, log))


def _samples(reader: Reader, log: Log) -> Iterator[Sample]:
    with _in_its_form(reader, log.path):
        for sample in log.samples:
            if not (
                0 <= (sample.epoch or 0) < MANY
                and 0 <= (sample.tokens or 0) < MANY
                and 0 <= (sample.thinking_tokens or 0) < MANY
            ):
                raise ValueError(f"row {sample.row} has a number below zero or over {MANY - 1:,}")
            yield sample


@contextmanager
def _in_its_form(reader: Reader, path: Path) -> Iterator[None]:
    try:
        yield
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError) as error:
        what = " ".join(str(error).split())[:200] or type(error).__name__
        raise DataError(
            f"{path} is not in the form that {reader.name} writes: {what}.", WRONG_FILE
        ) from error


def unknown(path: Path) -> DataError:
    """The error for a ``path`` that no reader claims."""
    said = f"{path} is not a run, a baseline or a result of a known tool."
    entries = sorted(path.iterdir())[:_LOOKED_AT] if path.is_dir() else []
    inside = [one.name for one in entries if reader_of(one) is not None]
    if inside:
        more = f" and {len(inside) - 3} more" if len(inside) > 3 else ""
        return DataError(said, f"Give what is in it: {', '.join(inside[:3])}{more}.")
    kinds = "".join(f"\n  {known.name}: {known.about}" for known in READERS)
    return DataError(said, f"Known:{kinds}")
