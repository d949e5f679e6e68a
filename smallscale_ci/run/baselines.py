"""Stored baselines: ``<root>/<suite>/<profile>/<model>/{baseline.json,samples.parquet}``.

Recording never overwrites silently: the one that was there moves to ``history/``.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.parquet as pq

from smallscale_ci.errors import DataError, InvalidError, UsageError
from smallscale_ci.files import to_json, write_json
from smallscale_ci.ids import file_hash, slug
from smallscale_ci.run import manifest as provenance
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder, is_run
from smallscale_ci.run.manifest import COMPLETE, Manifest
from smallscale_ci.run.samples import Samples, from_table, read_samples, to_table, unknown_in

SCHEMA_VERSION = "1"
RECORD, _SAMPLES = "baseline.json", "samples.parquet"


@dataclass(frozen=True, eq=False)
class Baseline:
    """A reference run. ``manifest`` is ``None`` for a bare samples file."""

    name: str
    samples: Samples
    manifest: Manifest | None
    recorded: Mapping[str, Any]
    source: str

    @property
    def tasks(self) -> tuple[str, ...]:
        """Its tasks as the run had them; the rows of a bare file are in no particular order."""
        tasks = self.samples.tasks
        return tasks if self.manifest is not None else tuple(sorted(tasks))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run looks for its baseline: suite, profile, model, and the reference model.

    What is not known, as all is of a bare file, is empty.
    """

    suite: str
    profile: str
    model: str
    reference: str | None = None

    def folder(self, model: str) -> PurePosixPath:
        """The baseline's folder relative to the root of all baselines."""
        return PurePosixPath(slug(self.suite), slug(self.profile), slug(model))


class _Store(Protocol):
    """Somewhere with baseline files: a folder, or a folder of a git commit."""

    label: str

    def read(self, path: PurePosixPath) -> bytes | None: ...

    def records(self) -> Iterator[PurePosixPath]: ...


class _Folder:
    def __init__(self, root: Path) -> None:
        self.root, self.label = root, f"{root}/"

    def read(self, path: PurePosixPath) -> bytes | None:
        file = self.root / path
        return file.read_bytes() if file.is_file() else None

    def records(self) -> Iterator[PurePosixPath]:
        for path in sorted(self.root.glob(f"*/*/*/{RECORD}")):
            yield PurePosixPath(path.relative_to(self.root).as_posix())


class _GitTree:
    """The same folder as it is in another commit: a pull request cannot loosen its own gate."""

    def __init__(self, ref: str, root: Path) -> None:
        self.ref, self.label = ref, f"git:{ref}:"  # with a folder after it, a spec for resolve
        self._folder = root if root.is_dir() else root.parent
        prefix = self._git("rev-parse", "--show-prefix")
        if prefix is None:
            raise UsageError(
                f"{root} is in no git repository, so there is no baseline 'git:{ref}'.",
                "Run inside the repository that holds the baselines.",
            )
        inside = prefix.decode().strip()
        self._prefix = inside if root.is_dir() else f"{inside}{root.name}/"
        if self._git("rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}") is None:
            remote, _, branch = ref.partition("/")
            # A clone of one branch maps no other: without the right side there is no origin/main.
            into = f"{branch}:refs/remotes/{ref}"
            fetch = f"git fetch {remote} {into}" if branch else f"git fetch origin {ref}"
            raise UsageError(
                f"git knows no commit '{ref}' here.",
                f"A shallow clone lacks it: {fetch} (actions/checkout: fetch-depth: 0).",
            )

    def read(self, path: PurePosixPath) -> bytes | None:
        return self._git("show", f"{self.ref}:{self._prefix}{path}")

    def records(self) -> Iterator[PurePosixPath]:
        inside = self._prefix or "."
        listed = self._git("ls-tree", "-r", "--name-only", "--full-tree", self.ref, inside)
        for line in (listed or b"").decode().splitlines():
            path = PurePosixPath(line.removeprefix(self._prefix))
            if path.name == RECORD and len(path.parts) == 4:
                yield path

    def _git(self, *arguments: str) -> bytes | None:
        command = ["git", "-C", str(self._folder), *arguments]
        try:
            done = subprocess.run(command, capture_output=True, check=False)
        except OSError as error:
            raise UsageError("git is not installed.", "Install git, or name a folder.") from error
        return done.stdout if done.returncode == 0 else None


def resolve(spec: str, place: Place, root: Path) -> Baseline:
    """The baseline that ``spec`` names: auto, a name, a folder, a run, a file, git:REF[:NAME].

    Raises ``InvalidError`` (exit 4) when there is none, with the command that records one.
    """
    if spec.startswith("git:"):
        ref, _, name = spec[len("git:") :].partition(":")
        return _from_store(_GitTree(ref, root), name or "auto", place)
    path = Path(spec)
    # A checkpoint in a folder of the baseline's name must not hide the baseline.
    is_path = "/" in spec or path.is_file() or is_run(path) or (path / RECORD).is_file()
    if spec != "auto" and is_path and path.exists():
        return load(path)
    return _from_store(_Folder(root), spec, place)


def load(path: Path) -> Baseline:
    """A baseline folder, a run folder, or a bare samples file. Raises ``DataError``."""
    if path.is_file():
        return Baseline(path.stem, read_samples(path), None, {}, str(path))
    if is_run(path):
        run = RunFolder(path)
        manifest = run.read_manifest()
        return Baseline(manifest.run_id, run.read_samples(), manifest, {}, str(path))
    found = _read(_Folder(path), PurePosixPath("."), path.name)
    if found is None:
        raise UsageError(
            f"{path} holds neither a baseline nor a run.",
            "A baseline folder has baseline.json and samples.parquet.",
        )
    return found


def record(
    run: RunFolder, summary: Mapping[str, Any], *, root: Path, now: datetime, reason: str
) -> Path:
    """Store a complete run as the baseline of its suite, profile and model; return its folder.

    An earlier one moves to ``history/``, nothing is lost. Raises ``InvalidError`` for a run that
    is not complete.
    """
    manifest = run.read_manifest()
    if manifest.status is not COMPLETE:
        raise InvalidError(
            f"the run {manifest.run_id} is {manifest.status}, not complete.",
            f"Finish it first: smallscale eval --resume {run.path}",
        )
    place = Place(manifest.suite.name, manifest.profile, manifest.checkpoint.name)
    folder = root / place.folder(place.model)
    table = to_table(run.read_samples())
    folder.mkdir(parents=True, exist_ok=True)
    # Written beside it first: whatever fails leaves the earlier baseline in its place.
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as scratch:
        new = Path(scratch)
        tables.write_table(new / _SAMPLES, table, "samples", file_hash(run.judgements))
        write_json(
            new / RECORD,
            {
                "schema_version": SCHEMA_VERSION,
                "suite": place.suite,
                "profile": place.profile,
                "model": place.model,
                "recorded": {
                    "at": now.isoformat(timespec="seconds"),
                    "by": _user(),
                    "run_id": manifest.run_id,
                    "reason": reason,
                },
                "samples_sha256": file_hash(new / _SAMPLES),
                "summary": dict(summary),
                "manifest": _public(manifest),
            },
        )
        _keep_history(folder, now)
        for name in (_SAMPLES, RECORD):
            (new / name).replace(folder / name)
    return folder


def names(root: Path) -> tuple[str, ...]:
    """All stored baselines as suite/profile/model."""
    return tuple(str(path.parent) for path in _Folder(root).records())


def show(root: Path, name: str) -> dict[str, Any]:
    """The ``baseline.json`` of suite/profile/model, with its history.

    Raises ``UsageError`` when there is none, ``DataError`` when it is damaged.
    """
    store = _Folder(root)
    content = store.read(PurePosixPath(name, RECORD))
    if content is None:
        raise UsageError(f"there is no baseline '{name}' in {root}.", _known(store))
    history = [path.name for path in sorted((root / name / "history").glob("*"))]
    return {**_record(content, f"{root}/{name}"), "history": history}


def verify(root: Path) -> list[str]:
    """What is wrong with the stored baselines, one sentence each; empty when all is well."""
    problems = []
    store = _Folder(root)
    for path in store.records():
        try:
            if _read(store, path.parent, str(path.parent)) is None:
                problems.append(f"{path.parent}: {_SAMPLES} is missing")
        except (DataError, InvalidError) as error:
            problems.append(f"{path.parent}: {error.message}")
    return problems


def _from_store(store: _Store, spec: str, place: Place) -> Baseline:
    wanted = [place.model, place.reference] if spec == "auto" else [spec]
    for model in dict.fromkeys(name for name in wanted if name):
        found = _read(store, _folder(store, model, place), model)
        if found is not None:
            return found
    if not place.suite:
        what = (
            "" if spec == "auto" else f"there is no baseline '{spec}' in {store.label[:-1]}, and "
        )
        raise InvalidError(
            f"{what}a bare samples file does not say of which suite, profile and model it is.",
            f"{_known(store)} Name a baseline as SUITE/PROFILE/MODEL, or give a run or a file.",
        )
    auto = f"of '{place.model}' " if place.model else ""
    what = auto if spec == "auto" else f"'{spec}' "
    raise InvalidError(
        f"there is no baseline {what}for suite '{place.suite}' and profile '{place.profile}' "
        f"in {store.label[:-1]}.",
        f"{_known(store)} Record one:\n"
        f"  smallscale generate {place.model or 'MODEL'} --suite {place.suite} --profile "
        f"{place.profile} --epochs 8\n"
        "  smallscale baseline record RUN --reason 'first baseline'",
    )


def _folder(store: _Store, model: str, place: Place) -> PurePosixPath:
    """The folder of a baseline that is named by its model, or in full."""
    if model.count("/") == 2:
        return PurePosixPath(model)
    if place.suite:
        return place.folder(model)
    named = [path.parent for path in store.records() if path.parent.name == slug(model)]
    if len(named) > 1:
        raise UsageError(
            f"'{model}' names {len(named)} baselines: {', '.join(map(str, named))}.",
            "Name one of them in full.",
        )
    return named[0] if named else place.folder(model)


def _read(store: _Store, folder: PurePosixPath, name: str) -> Baseline | None:
    content, samples = store.read(folder / RECORD), store.read(folder / _SAMPLES)
    if content is None or samples is None:
        return None
    where = f"{store.label}{folder}"
    value = _record(content, where)
    if hashlib.sha256(samples).hexdigest() != value["samples_sha256"]:
        raise DataError(
            f"the baseline {where} was changed by hand: {_SAMPLES} is not the recorded one.",
            "Restore both files from git, or record it again.",
        )
    try:
        # In this thread alone: another that holds Python's bytes at the exit aborts the process.
        table = pq.ParquetFile(pa.BufferReader(samples)).read(use_threads=False)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(where, error) from error
    samples_of = from_table(table, f"{where}/{_SAMPLES}", unknown_in(table))
    manifest = provenance.parse(value["manifest"], f"{where}/{RECORD}")
    return Baseline(name, samples_of, manifest, value["recorded"], where)


def _record(content: bytes, where: str) -> dict[str, Any]:
    """A ``baseline.json`` with all its parts. Raises ``DataError``."""
    try:
        value: dict[str, Any] = json.loads(content)
        parts = [value[key] for key in ("manifest", "recorded", "summary")]
        if not all(isinstance(part, dict) for part in (value, *parts)):
            raise TypeError("a part is no JSON object")  # noqa: TRY301 - told as one damage below
        value["samples_sha256"], value["recorded"]["at"], value["recorded"]["run_id"]
    except (ValueError, KeyError, TypeError) as error:
        raise _damaged(where, error) from error
    return value


def _damaged(where: str, error: Exception) -> DataError:
    what = f"it lacks {error}" if isinstance(error, KeyError) else str(error).splitlines()[0]
    return DataError(
        f"the baseline {where} is damaged: {what}.", "Restore it from git, or record it again."
    )


def _keep_history(folder: Path, now: datetime) -> None:
    if not (folder / RECORD).exists():
        return
    try:
        recorded = _record((folder / RECORD).read_bytes(), str(folder))["recorded"]
        name = slug(f"{recorded['at']}-{recorded['run_id']}")
    except DataError:  # kept all the same
        name = slug(f"damaged-until-{now.isoformat(timespec='seconds')}")
    kept = folder / "history" / name
    kept.mkdir(parents=True, exist_ok=True)
    for file in (RECORD, _SAMPLES):
        if (folder / file).exists():
            (folder / file).replace(kept / file)


def _public(manifest: Manifest) -> dict[str, Any]:
    """The manifest without this machine's paths: baselines go into git."""
    value = to_json(manifest)
    checkpoint = value["checkpoint"]
    del checkpoint["path"]
    if Path(checkpoint["source"]).is_absolute():
        checkpoint["source"] = Path(checkpoint["source"]).name
    return value


def _known(store: _Store) -> str:
    known = [str(path.parent) for path in store.records()]
    return f"Stored: {', '.join(known)}." if known else "None is stored yet."


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "unknown"
