"""A run folder on disk: where its files are, and whether they belong together."""

from __future__ import annotations

import shlex
import shutil
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pyarrow.compute as pc

from smallscale_ci.config import folders, load
from smallscale_ci.config.run import RunConfig
from smallscale_ci.errors import ConfigError, DataError, InvalidError, UsageError
from smallscale_ci.files import read_json, storage_errors
from smallscale_ci.run import chain, tables
from smallscale_ci.run import manifest as provenance
from smallscale_ci.run.evidence import EVIDENCE
from smallscale_ci.run.manifest import COMPLETE, RESTORE, Manifest
from smallscale_ci.run.samples import Samples
from smallscale_ci.run.samples_table import from_table

_COUNTED = ("completion_tokens", "finish_reason", "thinking_tokens", "looping")
NO_BASELINE = "none"  # the baseline in the configuration of a run that is not compared


@dataclass(frozen=True, slots=True)
class RunFolder:
    """The files of one run (DESIGN section 2)."""

    path: Path

    @property
    def manifest(self) -> Path:
        """Provenance and status."""
        return self.path / chain.MANIFEST

    @property
    def config(self) -> Path:
        """The resolved configuration."""
        return self.path / chain.CONFIG

    @property
    def prompts(self) -> Path:
        """The prompts."""
        return self.path / chain.PROMPTS

    @property
    def work(self) -> Path:
        """The folder shared by host and engine processes."""
        return self.path / "work"

    @property
    def generations(self) -> Path:
        """The engine's output."""
        return self.path / chain.GENERATIONS

    @property
    def judgements(self) -> Path:
        """The judges' decisions."""
        return self.path / chain.JUDGEMENTS

    @property
    def summary(self) -> Path:
        """Levels by task."""
        return self.path / chain.SUMMARY

    @property
    def verdict(self) -> Path:
        """The gate's decision."""
        return self.path / chain.VERDICT

    @property
    def evidence(self) -> Path:
        """The verdict as a statement that can be attested."""
        return self.path / EVIDENCE

    @property
    def report(self) -> Path:
        """The folder of the rendered reports."""
        return self.path / "report"

    def writing(self) -> AbstractContextManager[None]:
        """Make errors of a full or read-only disk a ``StorageError`` that says how to resume."""
        return storage_errors(
            f"The run folder {self.path}",
            "Free disk space, or choose another folder with --runs. Completed samples are kept: "
            f"continue with --resume {self.typed}",
        )

    def read_manifest(self) -> Manifest:
        """The manifest.

        Raises ``DataError`` if it is missing or damaged, ``InvalidError`` for another schema.
        """
        value = read_json(self.manifest, RESTORE)
        found = provenance.parse(value, str(self.manifest))
        if found.status is COMPLETE and not found.files and value["schema_version"] != "1":
            raise DataError(f"{self.manifest} is damaged: it lacks files.", RESTORE)
        return found

    def take_verdict_back(self) -> None:
        """Remove the verdict, its evidence and its reports: their sources are about to change."""
        for path in (self.verdict, self.evidence):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.report, ignore_errors=True)

    @property
    def typed(self) -> str:
        """The path as typed in a shell."""
        return shlex.quote(str(self.path))

    def resume_command(self) -> str:
        """The command that finishes this run: the one that started it, with ``--resume``."""
        try:
            compares = self.read_config().baseline != NO_BASELINE
        except UsageError:
            compares = True
        return f"smallscale {'eval' if compares else 'generate'} --resume {self.typed}"

    def refuse_unfinished(self) -> None:
        """Raise ``InvalidError`` for an incomplete run, with the command to finish it."""
        manifest = self.read_manifest()
        if manifest.status is not COMPLETE:
            raise InvalidError(
                f"The run {manifest.run_id} is {manifest.status}, not complete.",
                f"Finish it first: {self.resume_command()}",
            )

    def refuse_complete(self) -> None:
        """Raise ``UsageError`` for a complete run: its samples would be generated again."""
        if is_run(self.path) and self.read_manifest().status == COMPLETE:
            raise UsageError(
                f"The run {self.path} is complete: there is nothing to resume.",
                f"See it with `smallscale report {self.typed}`, or decide it again with "
                f"`smallscale compare {self.typed} auto`.",
            )

    def is_undecided(self) -> bool:
        """Whether an evaluation ended between its last sample and its verdict."""
        if not is_run(self.path) or self.verdict.exists():
            return False
        if self.read_manifest().status is not COMPLETE:
            return False
        config = self.read_config()
        return config.limit is None and config.baseline != NO_BASELINE  # a trial gets no verdict

    def read_config(self) -> RunConfig:
        """The resolved configuration. Raises ``ConfigError``."""
        if not self.config.is_file():
            raise ConfigError(f"There is no file {self.config}.", hint=RESTORE)
        try:
            return load.parse(RunConfig, folders.read_text(self.config), str(self.config))
        except ConfigError as error:
            raise ConfigError(error.message, error.problems, RESTORE) from error

    def read_samples(self, manifest: Manifest | None = None) -> Samples:
        """Outcomes and tokens of all judged samples; ``manifest`` if it was read already.

        Checks the whole chain of hashes first. Raises ``InvalidError`` for a folder that is
        not as it was written, ``DataError`` for a file that is damaged or missing.
        """
        chain.check(self.path, manifest or self.read_manifest())
        if not self.judgements.exists():
            raise DataError(
                f"{self.path} is not judged: it has no {self.judgements.name}.",
                f"Judge it: smallscale judge {self.typed}",
            )
        columns = ["task", "problem_id", "sample_index", "outcome", "cluster"]
        judged = tables.read(self.judgements, tables.JUDGEMENTS, columns)
        keys = ["problem_id", "sample_index"]
        generated = tables.read(self.generations, tables.GENERATIONS, keys, newer=_COUNTED)
        if judged.num_rows != generated.num_rows or not all(
            pc.all(pc.equal(judged[key], generated[key])).as_py() for key in keys
        ):
            raise InvalidError(
                f"{self.judgements} and {self.generations.name} list different samples.",
                f"Judge it again: smallscale judge {self.typed}",
            )
        for name in generated.column_names[len(keys) :]:
            judged = judged.append_column(name, generated[name])
        return from_table(judged, str(self.path))


def open_run(path: Path) -> RunFolder:
    """The run in ``path``. Raises ``UsageError`` if there is none."""
    run = RunFolder(path)
    if not run.manifest.is_file():
        raise UsageError(
            f"{path} is not a run folder: it has no manifest.json.",
            "Runs are folders under runs/, written by smallscale eval or generate.",
        )
    return run


def is_run(path: Path) -> bool:
    """Whether ``path`` is a run folder."""
    return RunFolder(path).manifest.is_file()
