"""A run as one value, for the gate, plans, pairs and reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.errors import DataError
from smallscale_ci.files import Record, read_json
from smallscale_ci.records import Summary
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import Manifest
from smallscale_ci.run.records_json import summary_from_json
from smallscale_ci.run.samples import Samples
from smallscale_ci.run.samples_table import read_samples


@dataclass(frozen=True, slots=True)
class Recorded(Record):
    """Who recorded a baseline, when, from which run, and why."""

    at: str
    """ISO time."""
    by: str
    run_id: str
    reason: str


@dataclass(frozen=True, eq=False)
class Run:
    """Outcomes and tokens of all samples of a candidate or baseline, with their provenance."""

    name: str
    samples: Samples
    manifest: Manifest | None = None  # ``None``: a bare samples file
    source: str = ""  # where to find it again: a path, or git:REF:SUITE/PROFILE/MODEL
    summary: Summary | None = None  # its levels, if they are stored
    recorded: Recorded | None = None  # of a stored baseline

    @property
    def tasks(self) -> tuple[str, ...]:
        """Its tasks in the run's order; those of a bare file are in no particular order."""
        tasks = self.samples.tasks
        return tasks if self.manifest is not None else tuple(sorted(tasks))


def read_run(path: Path) -> Run:
    """The judged run in the folder ``path``, after checking its whole chain of hashes.

    Raises ``InvalidError`` and ``DataError`` for files that are changed, damaged or missing.
    """
    folder = RunFolder(path)
    manifest = folder.read_manifest()
    samples = folder.read_samples(manifest)
    return Run(manifest.run_id, samples, manifest, str(path), read_summary(folder))


def read_file(path: Path) -> Run:
    """A bare samples file. Raises ``DataError``."""
    return Run(path.stem, read_samples(path), source=str(path))


def read_summary(folder: RunFolder) -> Summary:
    """The levels in ``summary.json``. Raises ``DataError``."""
    if not folder.summary.is_file():
        hint = f"Judge it first: smallscale judge {folder.typed}"
        raise DataError(f"There is no {folder.summary}.", hint)
    value = read_json(folder.summary)
    value.pop("made_from", None)
    return summary_from_json(value)
