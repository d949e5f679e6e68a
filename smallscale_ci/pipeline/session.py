"""A run in progress: what it accumulates, and how that is saved however the run ends."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.config import load
from smallscale_ci.errors import RunInterruptedError, StorageError
from smallscale_ci.files import where_writable, write_json, write_text
from smallscale_ci.gate.summary import summarise
from smallscale_ci.generate.progress import Progress, Tracker
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.store import Origins, write_generations
from smallscale_ci.generate.usage import sentence, with_usage
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.pipeline.engines import REPLAYED
from smallscale_ci.pipeline.prepare import Plan
from smallscale_ci.pipeline.provenance import begin, judge_errors, with_engine
from smallscale_ci.records import Summary
from smallscale_ci.run import chain
from smallscale_ci.run.collector import Judged
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import (
    COMPLETE,
    FAILED,
    INTERRUPTED,
    RUNNING,
    Manifest,
    Status,
    Timings,
)
from smallscale_ci.run.records_json import summary_json
from smallscale_ci.run.run import Run
from smallscale_ci.run.samples import Samples
from smallscale_ci.suite import prompts
from smallscale_ci.suite.model import Suite

_SMALL_RUN = 20_000  # planned samples up to which tables are written in a second or two
_SMALL_SIZE = 16 << 20  # and bytes of completions


class Observer(Protocol):
    """Watches a run: the CLI's display, or nothing."""

    def say(self, text: str) -> None:
        """Report that something slow starts or something odd happened."""
        ...

    def progress(self, progress: Progress) -> None:
        """Report the run's progress; called several times a second."""
        ...


@dataclass
class Session:
    """A run in progress."""

    plan: Plan
    folder: WorkFolder
    observer: Observer
    manifest: Manifest
    tracker: Tracker
    judged: Judged
    judging: bool
    epochs: float = 0  # complete ones, and the fraction of the next one
    planned: list[NDArray[np.int64]] = field(default_factory=list)  # samples of each look
    scheduler: Scheduler | None = field(default=None, repr=False)
    before: Timings = field(default_factory=Timings)  # of earlier sessions
    summary: Summary | None = None  # once it is written
    files: dict[str, str] = field(default_factory=dict)  # SHA-256 of written files
    _looked: Samples | None = field(default=None, repr=False)

    @property
    def run(self) -> RunFolder:
        """The run's folder."""
        return self.plan.run

    @property
    def seconds(self) -> float:
        """Seconds of generating so far, including earlier sessions."""
        return self.before.generate_s + self.tracker.elapsed

    @property
    def is_complete(self) -> bool:
        """Whether everything is written; the work folder is removed then and must not be used."""
        return self.manifest.status is COMPLETE

    def refresh_manifest(self, status: Status) -> None:
        """Update the manifest with what engine and ranks report, and write it."""
        manifest = self.manifest
        if self.scheduler is not None:
            config = self.plan.config
            manifest = with_engine(manifest, self.plan, self.scheduler)
            manifest = with_usage(
                manifest, self.scheduler, config.profile, config.gpus, self.before
            )
            ranks = self.scheduler.ranks
            shared = ranks.loaded_in.parent.name if ranks.loaded_in else ""
            where = replace(manifest.runtime, loaded_by=shared)
            manifest = replace(manifest, runtime=where, warnings=tuple(ranks.warnings))
        self.manifest = replace(
            manifest,
            status=status,
            epochs=self.epochs,
            planned=self.tracker.snapshot().total or manifest.planned,
            updated=self.plan.now().isoformat(timespec="seconds"),
            files=dict(self.files),
        )
        write_json(self.run.manifest, self.manifest)

    def write(self, status: Status) -> None:
        """Write every file of the run folder for which there is content.

        The tables of a large, incomplete run are left out: nobody waits minutes for a
        cancelled job, and resuming reads the work folder instead.
        """
        run = self.run
        if status is not COMPLETE and not self.tracker.snapshot().done:
            self.refresh_manifest(status)  # an earlier session may have got further
            return
        # An earlier session's tables must not mix with this one's, whenever this process ends.
        self.files = {chain.CONFIG: self.files[chain.CONFIG]}
        self.refresh_manifest(RUNNING if status is COMPLETE else status)
        for path in (run.prompts, run.generations, run.judgements, run.summary):
            path.unlink(missing_ok=True)
        if status is COMPLETE or self._is_small():
            self._write_tables()
        if self.judging and len(self.judged):
            self.summary = summarise(self.look())
            self.files |= write_summary(run, self.summary, self.plan.suite, self.files)
            errors = judge_errors(self.summary, self.plan.suite)
            self.manifest = replace(self.manifest, judge_errors=errors)
        self.refresh_manifest(status)
        if status is COMPLETE:
            for name in ("out", "pending", "claimed", "alive"):
                shutil.rmtree(run.work / name, ignore_errors=True)
            (run.work / REPLAYED).unlink(missing_ok=True)

    def look(self) -> Samples:
        """All samples judged so far."""
        if self._looked is None or len(self._looked) != len(self.judged):
            self._looked = self.judged.samples(str(self.run.path))
        return self._looked

    def as_run(self) -> Run:
        """The judged run as a value, without reading its folder."""
        return Run(
            self.manifest.run_id, self.look(), self.manifest, str(self.run.path), self.summary
        )

    def follow(self) -> str:
        """Follow the run folder if it was moved; returns a sentence about it, or an empty text.

        Raises ``StorageError`` if the folder or a part of it was removed.
        """
        before, work = self.run.path, self.folder.where()
        is_whole = self.is_complete or self.folder.is_whole
        if work is None or (work == self.run.work and not is_whole):
            raise StorageError(
                f"The run folder {before}, or part of it, was removed during the run.",
                "Lost files cannot be resumed: start the run again. A copy that was made on "
                "another disk is resumed with --resume COPY.",
            )
        if work == self.run.work:
            return ""
        self.plan = replace(self.plan, run=RunFolder(work.parent))
        return f"The run folder {before} was renamed to {work.parent} during the run. "

    def _is_small(self) -> bool:
        size = sum(path.stat().st_size for path in (self.run.work / "out").glob("*.jsonl"))
        return self.tracker.snapshot().total <= _SMALL_RUN and size <= _SMALL_SIZE

    def _write_tables(self) -> None:
        run, suite, places = self.run, self.plan.suite, self.judged.places
        origins = self.scheduler.origins if self.scheduler else Origins()
        planned = np.sort(np.concatenate(self.planned)) if self.planned else np.empty(0, np.int64)
        keys = (places.key(int(number)) for number in planned)
        built = prompts.of(suite, keys, self.plan.sampling.seed)
        asked = prompts.write(built, run.prompts, suite.hash)
        numbers = self.judged.numbers() if self.judging else planned
        given = write_generations(origins, run.work / "out", run.generations, numbers, asked)
        self.files |= {chain.PROMPTS: asked, chain.GENERATIONS: given}
        if self.judging and len(self.judged):
            self.files[chain.JUDGEMENTS] = self.judged.write(run.judgements, given)


@contextmanager
def session(
    plan: Plan, folder: WorkFolder, observer: Observer, *, judging: bool
) -> Iterator[Session]:
    """A session whose run folder records how it ended, whatever happens inside.

    Raises ``RunInterruptedError`` for Ctrl-C, SIGTERM and a folder that was renamed meanwhile,
    ``StorageError`` for one that was removed, and for a full or read-only disk; what was complete
    is on disk in all other cases.
    """
    run = plan.run
    with run.writing():
        run.refuse_complete()  # another process may have ended it a moment ago
        current = Session(
            plan,
            folder,
            observer,
            begin(plan),
            Tracker(0),
            Judged(plan.suite.problems, run.path),
            judging,
        )
        try:
            run.take_verdict_back()  # a verdict on an earlier session's samples
            if run.manifest.is_file():  # a resumed run keeps the time of its start
                earlier = run.read_manifest()
                current.before = earlier.timings
                current.manifest = replace(
                    current.manifest,
                    created=earlier.created,
                    timings=earlier.timings,
                    planned=earlier.planned,
                )
                current.files = {k: v for k, v in earlier.files.items() if k != chain.CONFIG}
                if not _is_written(run.config, load.dump(plan.config)):
                    # The manifest never names a configuration other than the one that is there.
                    write_json(run.manifest, replace(current.manifest, files=current.files))
            current.files[chain.CONFIG] = write_text(run.config, load.dump(plan.config))
            current.manifest = replace(current.manifest, files=dict(current.files))
            write_json(run.manifest, current.manifest)
            yield current
            if not current.is_complete:
                current.write(COMPLETE)
            if told := sentence(current.manifest):
                observer.say(told)
        except BaseException as error:
            moved = current.follow()
            if moved or isinstance(error, KeyboardInterrupt):
                raise _interrupted(current, moved) from error
            if not current.is_complete:
                with suppress(OSError):
                    current.refresh_manifest(FAILED)
            raise


def _interrupted(current: Session, moved: str) -> RunInterruptedError:
    """Save what is complete; ``moved``: the new path, if a move ended the run."""
    if not current.is_complete:
        with where_writable():
            current.refresh_manifest(INTERRUPTED)  # at once: the rest may take a CI job too long
            current.write(INTERRUPTED)
    done = current.tracker.snapshot()
    return RunInterruptedError(
        f"{moved}Interrupted with {done.done:,} of {done.total:,} samples complete.",
        f"Resume with: {current.run.resume_command()}",
    )


def _is_written(path: Path, text: str) -> bool:
    try:
        return path.read_text(encoding="utf-8") == text
    except (OSError, ValueError):
        return False


def write_summary(
    run: RunFolder, summary: Summary, suite: Suite, files: Mapping[str, str]
) -> dict[str, str]:
    """Write ``summary.json``, which names the judgements that it was computed from, if stored.

    ``files`` are the hashes of the files before it; returns its own hash by its name.
    """
    made_from = {"suite": suite.hash}
    if chain.JUDGEMENTS in files:
        made_from["judgements"] = files[chain.JUDGEMENTS]
    sha256 = write_json(run.summary, {**summary_json(summary), "made_from": made_from})
    return {chain.SUMMARY: sha256}
