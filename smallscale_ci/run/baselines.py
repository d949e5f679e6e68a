"""Stored baselines: ``<root>/<suite>/<profile>/<model>/{baseline.json,samples.parquet}``.

Earlier ones are in ``history/``. ``recording`` writes them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from shlex import quote

from smallscale_ci.config.seams import AUTO
from smallscale_ci.errors import DataError, InvalidError, UsageError
from smallscale_ci.ids import slug
from smallscale_ci.run import columns
from smallscale_ci.run.baseline_record import HISTORY, RESTORE, BaselineRecord, parse
from smallscale_ci.run.folder import is_run
from smallscale_ci.run.run import Run, read_file, read_run
from smallscale_ci.run.samples_table import from_table, unknown_in
from smallscale_ci.run.stores import RECORD, FolderStore, GitStore, Store, folders

SAMPLES = "samples.parquet"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run looks for its baseline: suite, profile, model, and the reference model.

    Unknown parts are empty; for a bare file, all of them are.
    """

    suite: str
    profile: str
    model: str
    reference: str | None = None
    given: str = ""  # the model as given to commands: a path, a hub id, an alias

    def folder(self, model: str) -> PurePosixPath:
        """The baseline's folder relative to the root of all baselines."""
        return PurePosixPath(slug(self.suite), slug(self.profile), slug(model))


def resolve(spec: str, place: Place, root: Path) -> Run:
    """The baseline that ``spec`` names: auto, a name, a folder, a run, a file, git:REF[:NAME].

    Raises ``InvalidError`` (exit 4) if there is none, with the command that records one.
    """
    if spec.startswith("git:"):
        ref, _, name = spec[len("git:") :].partition(":")
        return _from_store(GitStore(ref, root), name or AUTO, place)
    store, path, name = FolderStore(root), Path(spec), spec.rstrip("/")
    if spec == AUTO or _is_stored(store, name, place):
        return _from_store(store, name, place)
    if not path.exists():
        if "/" in name and not (_is_name(name) and name.count("/") == 2):
            raise UsageError(f"{spec} does not exist.", f"{_known(store)} Or give a run or a file.")
        return _from_store(store, name, place)
    if "/" in spec or path.is_file() or is_run(path) or (path / RECORD).is_file():
        return load(path)
    return _from_store(store, spec, place)


def is_auto(spec: str) -> bool:
    """Whether ``spec`` leaves the choice to ``resolve``: ``auto`` and ``git:REF``."""
    ref, _, name = spec.partition(":")[2].partition(":")
    return spec == AUTO or (spec.startswith("git:") and bool(ref) and name in {"", AUTO})


def _is_name(spec: str) -> bool:
    """Whether ``spec`` has the form of MODEL, ORG/MODEL or SUITE/PROFILE/MODEL, not of a path."""
    is_plain = spec == str(PurePosixPath(spec)) and spec[:1] not in {"", ".", "/", "~"}
    return is_plain and spec.count("/") <= 2


def _is_stored(store: Store, spec: str, place: Place) -> bool:
    """Whether ``spec`` names a stored baseline, which nothing in the working folder hides."""
    return _is_name(spec) and store.read(_folder(store, spec, place) / RECORD) is not None


def load(path: Path) -> Run:
    """Load a baseline folder, a run folder, or a bare samples file. Raises ``DataError``."""
    if path.is_file():
        return read_file(path)
    if is_run(path):
        return read_run(path)
    found = _read(FolderStore(path), PurePosixPath("."), path.name)
    if found is None:
        raise UsageError(
            f"{path} holds neither a baseline nor a run.",
            "A baseline folder has baseline.json and samples.parquet.",
        )
    return found


def earlier(source: str, root: Path) -> Iterator[Run]:
    """The baselines that the one with this ``source`` has replaced, newest first.

    Raises ``DataError`` for a damaged one.
    """
    store: Store = FolderStore(Path(source))
    folder = PurePosixPath(".")
    if source.startswith("git:"):
        ref, _, name = source[len("git:") :].partition(":")
        store, folder = GitStore(ref, root), PurePosixPath(name)
    for path in sorted(store.files(), reverse=True):
        if path.name == RECORD and path.parent.parent == folder / HISTORY:
            found = _read(store, path.parent, path.parent.name)
            if found is not None:
                yield found


def names(root: Path) -> tuple[str, ...]:
    """All stored baselines as suite/profile/model."""
    return tuple(map(str, folders(FolderStore(root))))


def named(root: Path, name: str) -> str:
    """The suite/profile/model of the baseline ``name``, given in full or by its model.

    Raises ``UsageError`` if there is none, or more than one.
    """
    store = FolderStore(root)
    found = _folder(store, name, Place("", "", ""))
    if found not in folders(store):
        raise UsageError(f"There is no baseline '{name}' in {root}.", _known(store))
    return str(found)


def located(path: Path, root: Path) -> Path:
    """``path`` if it exists, else the folder of the stored baseline that it names.

    Raises ``UsageError`` if it is neither.
    """
    if path.exists():
        return path
    if _folder(FolderStore(root), str(path), Place("", "", "")) not in folders(FolderStore(root)):
        raise UsageError(
            f"{path} does not exist, and is not the name of a baseline.", _known(FolderStore(root))
        )
    return root / named(root, str(path))


def show(root: Path, name: str) -> BaselineRecord:
    """The record of suite/profile/model.

    Raises ``UsageError`` if there is none, ``DataError`` if it is damaged.
    """
    store = FolderStore(root)
    content = store.read(PurePosixPath(name, RECORD))
    if content is None:
        raise UsageError(f"There is no baseline '{name}' in {root}.", _known(store))
    return parse(content, f"{root}/{name}")


def history(root: Path, name: str) -> tuple[str, ...]:
    """The folders of the earlier baselines of suite/profile/model, oldest first."""
    return tuple(path.name for path in sorted((root / name / HISTORY).glob("*")))


def verify(root: Path) -> list[str]:
    """The problems of the stored baselines, one sentence each; empty if there are none."""
    problems = []
    store = FolderStore(root)
    known = set(folders(store))
    for folder in sorted(known):
        try:
            if _read(store, folder, str(folder)) is None:
                problems.append(f"{folder}: {SAMPLES} is missing")
        except (DataError, InvalidError) as error:
            problems.append(f"{folder}: {error.message}")
    half = {PurePosixPath(*path.parts[:3]) for path in store.files() if _is_part(path)}
    problems += [f"{folder}: {RECORD} is missing" for folder in sorted(half - known)]
    return problems


def _is_part(path: PurePosixPath) -> bool:
    """Whether a file belongs to the baseline suite/profile/model that its path starts with."""
    return path.parts[3:] == (SAMPLES,) or path.parts[3:4] + path.parts[5:] == (HISTORY, RECORD)


def samples_of(store: Store, folder: PurePosixPath, record: BaselineRecord) -> bytes | None:
    """The samples file that ``record`` names, or ``None`` if there is none at all.

    A recording that was killed between its two renames has moved the old samples to the history,
    but not yet put the new record in place. Raises ``DataError`` for a file that was changed.
    """
    found = store.read(folder / SAMPLES)
    for content in (found, store.read(folder / record.kept / SAMPLES)):
        if content is not None and hashlib.sha256(content).hexdigest() == record.samples_sha256:
            return content
    if found is None:
        return None
    raise DataError(
        f"The baseline {store.label}{folder} was changed by hand: {SAMPLES} is not the recorded "
        "one.",
        "Restore both files from git, or record it again.",
    )


def _from_store(store: Store, spec: str, place: Place) -> Run:
    wanted = [place.model, place.reference] if spec == AUTO else [spec]
    for model in dict.fromkeys(name for name in wanted if name):
        found = _read(store, _folder(store, model, place), model)
        if found is not None:
            return found
    if not place.suite:
        where = store.label[:-1]
        what = "A" if spec == AUTO else f"There is no baseline '{spec}' in {where}, and a"
        raise InvalidError(
            f"{what} bare samples file does not say of which suite, profile and model it is.",
            f"{_known(store)} Name a baseline as SUITE/PROFILE/MODEL, or give a run or a file.",
        )
    auto = f"of '{place.model}' " if place.model else ""
    what = auto if spec == AUTO else f"'{spec}' "
    raise InvalidError(
        f"There is no baseline {what}for suite '{place.suite}' and profile '{place.profile}' "
        f"in {store.label[:-1]}.",
        f"{_known(store)} Record one:\n"
        f"  smallscale generate {quote(place.given or 'MODEL')} --suite {quote(place.suite)} "
        f"--profile {quote(place.profile)} --epochs 8\n"
        "  smallscale baseline record RUN --by NAME --reason 'first baseline'",
    )


def _folder(store: Store, model: str, place: Place) -> PurePosixPath:
    """The folder of a baseline that is given by its model or in full."""
    if model.count("/") == 2:
        return PurePosixPath(model)
    if place.suite:
        return place.folder(model)
    named = [folder for folder in folders(store) if folder.name == slug(model)]
    if len(named) > 1:
        raise UsageError(
            f"'{model}' names {len(named)} baselines.",
            "Name one of them in full:\n" + "\n".join(f"  {folder}" for folder in named),
        )
    return named[0] if named else place.folder(model)


def _read(store: Store, folder: PurePosixPath, name: str) -> Run | None:
    content = store.read(folder / RECORD)
    if content is None:
        return None
    where = f"{store.label}{folder}".removesuffix("/.")  # of a folder alone
    record = parse(content, where)
    samples = samples_of(store, folder, record)
    if samples is None:
        return None
    file = columns.parquet(samples, f"{where}/{SAMPLES}", RESTORE)
    with columns.damage(f"{where}/{SAMPLES}", RESTORE):
        # Only in this thread: another that holds Python's bytes at exit aborts the process.
        table = columns.checked(file.read(use_threads=False))
    found = from_table(table, f"{where}/{SAMPLES}", unknown_in(table))
    return Run(name, found, record.manifest, where, record.summary, record.recorded)


def _known(store: Store) -> str:
    known = [str(folder) for folder in folders(store)]
    return f"Stored: {', '.join(known)}." if known else "None is stored yet."
