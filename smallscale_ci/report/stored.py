"""Stored runs, our own and other tools', in the order in which they were made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.errors import InvalidError, SmallscaleError, UsageError
from smallscale_ci.records import Summary
from smallscale_ci.run import chain
from smallscale_ci.run.folder import is_run, open_run
from smallscale_ci.run.manifest import COMPLETE, Manifest
from smallscale_ci.run.run import read_summary
from smallscale_ci.run.samples import Samples


@dataclass(frozen=True, slots=True)
class StoredRun:
    """A complete run whose samples have not been read yet."""

    run_id: str
    path: Path
    manifest: Manifest
    summary: Callable[[], Summary]  # raises DataError and InvalidError
    samples: Callable[[], Samples]  # raises DataError and InvalidError

    @property
    def at(self) -> str:
        """When it started, ISO time; empty if another tool does not record it."""
        return self.manifest.created

    @property
    def model(self) -> str:
        """Name of the checkpoint."""
        return self.manifest.checkpoint.name

    @property
    def series(self) -> tuple[str, str]:
        """(suite, profile): runs of one series are one trend."""
        return self.manifest.suite.name, self.manifest.profile


@dataclass(frozen=True, slots=True)
class Others:
    """How another tool's results become runs: whether a path holds some, and how to read it."""

    claims: Callable[[Path], bool]
    read: Callable[[Path], StoredRun]


def read(path: Path, others: Others | None = None) -> StoredRun:
    """The run in ``path``, or another tool's results.

    Raises ``InvalidError`` for an incomplete run or one of another schema, ``UsageError`` and
    ``DataError`` for one that cannot be read.
    """
    if others is not None and others.claims(path):
        return others.read(path)
    run = open_run(path)
    manifest = run.read_manifest()
    if manifest.status is not COMPLETE:
        raise InvalidError(
            f"The run {path} is {manifest.status}, not complete.",
            f"Finish it: {run.resume_command()}",
        )

    def summary() -> Summary:
        chain.check(run.path, manifest, (chain.SUMMARY,))
        return read_summary(run)

    summary()  # fails here, before anything is shown, if it cannot be read
    return StoredRun(manifest.run_id, path, manifest, summary, run.read_samples)


def find(
    paths: Iterable[Path], others: Others | None = None
) -> tuple[list[StoredRun], tuple[str, ...]]:
    """All complete runs in ``paths``, which are runs or folders of runs, oldest first.

    Another tool's results without a date come first, in their own order. Also returns for every run
    that is left out a sentence that says why. Raises ``UsageError`` if one of ``paths`` is another
    tool's and cannot be read as the options say.
    """
    found, left_out, places = [], [], list(paths)
    for path in dict.fromkeys(run for place in places for run in inside(place, others)):
        try:
            found.append(read(path, others))
        except SmallscaleError as error:
            is_foreign = others is not None and others.claims(path)
            if type(error) is UsageError and is_foreign and path in places:
                raise  # not DataError, a fault of the file
            left_out.append(error.message)
    ordered = sorted(found, key=lambda one: (one.at, one.path.name if one.at else ""))
    return ordered, tuple(left_out)


def inside(path: Path, others: Others | None) -> list[Path]:
    """``path``, or the runs in it if it is a folder of runs."""
    if is_run(path) or not path.is_dir() or (others is not None and others.claims(path)):
        return [path]
    inside = sorted(path.iterdir())
    runs = [one for one in inside if is_run(one)]
    if not runs and others is not None:
        runs = [one for one in inside if others.claims(one)]
    return runs if inside else [path]


def last(runs: Sequence[StoredRun], count: int) -> list[StoredRun]:
    """The ``count`` newest runs of each series of ``runs``, which come oldest first."""
    left = Counter(one.series for one in runs)
    chosen = []
    for one in runs:
        if left[one.series] <= count:
            chosen.append(one)
        left[one.series] -= 1
    return chosen
