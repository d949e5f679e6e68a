"""Records a run as the baseline of its suite, profile and model; the previous one is kept.

Killed at any moment, it leaves the old or the new baseline: the old pair of files is in
the history before either is replaced, and readers find the old samples there (``samples_of``).
"""

from __future__ import annotations

import os
import shutil
from datetime import datetime
from pathlib import Path, PurePosixPath

from smallscale_ci.errors import InvalidError, SmallscaleError, UsageError
from smallscale_ci.files import lock, write_json
from smallscale_ci.ids import slug
from smallscale_ci.run import tables
from smallscale_ci.run.baseline_record import HISTORY, BaselineRecord, parse
from smallscale_ci.run.baselines import SAMPLES, Place, samples_of
from smallscale_ci.run.chain import JUDGEMENTS
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import COMPLETE
from smallscale_ci.run.run import Recorded, Run
from smallscale_ci.run.samples_table import to_table
from smallscale_ci.run.stores import RECORD, FolderStore

_NOBODY = {"", "root", "nobody", "unknown", "runner"}


def record(run: Run, *, root: Path, now: datetime, by: str, reason: str, min_judged: float) -> Path:
    """Store a complete run as the baseline of its suite, profile and model; return its folder.

    ``by`` is the person responsible. Raises ``UsageError`` without a person or a reason,
    ``InvalidError`` for a run that is incomplete or of whose planned samples a smaller share
    than ``min_judged`` was judged, ``OSError`` for a disk that cannot be written.
    """
    manifest, summary = run.manifest, run.summary
    if manifest is None or summary is None:
        raise UsageError(f"{run.source} is not a run folder.", "Record the run that it came from.")
    _refuse_unsigned(by, reason)
    if manifest.status is not COMPLETE:
        raise InvalidError(
            f"The run {manifest.run_id} is {manifest.status}, not complete.",
            f"Finish it first: {RunFolder(Path(run.source)).resume_command()}",
        )
    if 0 < manifest.epochs < 1:
        raise InvalidError(
            f"The run {manifest.run_id} ended within its first epoch.",
            "A baseline needs whole epochs: smallscale generate MODEL --epochs 8",
        )
    _refuse_unjudged(run, manifest.planned, min_judged)
    place = Place(manifest.suite.name, manifest.profile, manifest.checkpoint.name)
    folder = root / place.folder(place.model)
    before = manifest.files.get(JUDGEMENTS, "")
    recorded = Recorded(now.isoformat(timespec="seconds"), by.strip(), manifest.run_id, reason)
    folder.mkdir(parents=True, exist_ok=True)
    held = lock(folder)
    if held is None:
        raise UsageError(f"Another process records a baseline in {folder}.", "Wait for it.")
    new = folder / ".new"
    try:
        shutil.rmtree(new, ignore_errors=True)  # leftovers of a recording that was killed or failed
        new.mkdir()
        sha256 = tables.write_table(new / SAMPLES, to_table(run.samples), "samples", before)
        made = BaselineRecord(
            place.suite, place.profile, place.model, recorded, sha256, summary, manifest
        )
        write_json(new / RECORD, made.to_json())
        _keep(folder, now)
        for name in (SAMPLES, RECORD):  # the record last: it makes the samples the baseline
            (new / name).replace(folder / name)
        new.rmdir()
    except OSError:
        shutil.rmtree(new, ignore_errors=True)
        raise
    finally:
        os.close(held)
    return folder


def _refuse_unsigned(by: str, reason: str) -> None:
    if by.strip().lower() in _NOBODY:
        raise UsageError(
            "A baseline needs the name of a person who is responsible for it.",
            "Name one with --by, or set git's user.name.",
        )
    if not reason.strip():
        raise UsageError(
            "A baseline needs a reason.", "Say why this run is the new reference: --reason TEXT"
        )


def _refuse_unjudged(run: Run, planned: int, min_judged: float) -> None:
    judged = len(run.samples) - int(run.samples.errored.sum())
    planned = max(planned, len(run.samples))
    if judged < min_judged * planned:
        raise InvalidError(
            f"Only {judged:,} of {planned:,} planned samples of {run.name} were judged: the rest "
            "is ERRORED or missing.",
            f"See why: smallscale report {RunFolder(Path(run.source)).typed}. A baseline needs "
            f"{min_judged:.0%}.",
        )


def _keep(folder: Path, now: datetime) -> None:
    """Copy the current baseline to the history, as a whole and under its own name."""
    if not (folder / RECORD).exists():
        return
    try:
        before = parse((folder / RECORD).read_bytes(), str(folder))
        samples = samples_of(FolderStore(folder), PurePosixPath("."), before)
        kept = folder / before.kept
    except SmallscaleError:  # kept all the same
        samples = None
        kept = folder / HISTORY / slug(f"damaged-until-{now.isoformat(timespec='seconds')}")
    if samples is None and (folder / SAMPLES).exists():
        samples = (folder / SAMPLES).read_bytes()
    if kept.exists():
        return
    part = folder / ".new" / HISTORY
    part.mkdir(parents=True)
    kept.parent.mkdir(exist_ok=True)
    shutil.copyfile(folder / RECORD, part / RECORD)
    if samples is not None:
        (part / SAMPLES).write_bytes(samples)
    part.replace(kept)
