"""The chain of hashes: a run folder's files are those that its manifest names.

The manifest of schema 2 holds the SHA-256 of every file, but for the verdict, which may be decided
repeatedly: the evidence beside that names both it and the manifest. In older run folders each file
names only its predecessor; then those links are checked.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

from smallscale_ci.config.seams import AUTO
from smallscale_ci.errors import DataError, InvalidError
from smallscale_ci.files import read_json
from smallscale_ci.ids import file_hash
from smallscale_ci.run import evidence, tables
from smallscale_ci.run.evidence import EVIDENCE, Predicate
from smallscale_ci.run.manifest import COMPLETE, RESTORE, Manifest

MANIFEST = "manifest.json"
CONFIG, PROMPTS, GENERATIONS = "config.yaml", "prompts.parquet", "generations.parquet"
JUDGEMENTS, SUMMARY, VERDICT = "judgements.parquet", "summary.json", "verdict.json"
ASKED = (CONFIG, PROMPTS, GENERATIONS)
CHAIN = (*ASKED, JUDGEMENTS, SUMMARY, VERDICT)
_SCHEMAS = {GENERATIONS: tables.GENERATIONS, JUDGEMENTS: tables.JUDGEMENTS}


def hashes(run: Path, names: Sequence[str] = CHAIN) -> dict[str, str]:
    """SHA-256 of each of the files ``names`` that exists. Raises ``OSError``."""
    return {name: file_hash(run / name) for name in names if (run / name).is_file()}


def check(run: Path, manifest: Manifest, names: Sequence[str] = CHAIN) -> None:
    """Refuse a run folder if its manifest or one of its files ``names`` is not as it was written.

    A verdict may be missing, even if there is evidence of it: its writer may have been killed, and
    whoever decides writes both again. Raises ``InvalidError`` for a file that was changed or added,
    ``DataError`` for one that is damaged or gone.
    """
    said = _evidence(run)
    if not manifest.files:
        _check_links(run, hashes(run, names))
        names = [name for name in names if name == VERDICT and said is not None]
    named = {**manifest.files, **({VERDICT: said.verdict_sha256} if said else {})}
    for name in names:
        path = run / name
        if not path.is_file():
            if path.exists() or path.is_symlink():
                raise DataError(f"{path} is not a file.", _remedy(run, name))
            if name in named and name != VERDICT:
                raise DataError(f"There is no {path}.", _remedy(run, name))
        elif name not in named and manifest.status is COMPLETE:
            raise InvalidError(
                f"{path} is not listed in the manifest: it was added, or its writer was killed.",
                _remedy(run, name),
            )
        elif name in named and file_hash(path) != named[name]:
            _refuse_damaged(path, _remedy(run, name))
            raise InvalidError(
                f"{path} was changed after the run wrote it.",
                _remedy(run, name),
            )


def refuse_lost_verdict(run: Path) -> None:
    """Raise ``DataError`` if there is evidence of a verdict that is not there."""
    said = _evidence(run)
    if said is not None and not (run / VERDICT).exists():
        raise DataError(
            f"There is no {run / VERDICT}, of which {EVIDENCE} is the evidence.",
            f"Compare again: {_compare(run, said.baseline.source)}",
        )


def _evidence(run: Path) -> Predicate | None:
    """What the evidence says, if there is any.

    Raises ``DataError`` if it is damaged, ``InvalidError`` if it is of another run.
    """
    path = run / EVIDENCE
    if not path.exists() and not path.is_symlink():
        return None
    again = f"remove {path} and {VERDICT}, and compare again: {_compare(run)}"
    try:
        said = evidence.read(path)
    except DataError as error:
        raise DataError(error.message, again[0].upper() + again[1:]) from error
    if said.manifest_sha256 != file_hash(run / MANIFEST):
        raise InvalidError(
            f"{run / MANIFEST} was changed after the verdict, or {EVIDENCE} is of another run.",
            f"Restore it, or {again}",
        )
    return said


def _check_links(run: Path, found: dict[str, str]) -> None:
    """Check the links of schema 1: each file names the hash of the one before."""
    if GENERATIONS in found and PROMPTS in found:
        _link(run, GENERATIONS, PROMPTS, _predecessor(run, GENERATIONS), found)
    if JUDGEMENTS in found and GENERATIONS in found:
        _link(run, JUDGEMENTS, GENERATIONS, _predecessor(run, JUDGEMENTS), found)
    for name, before, key in ((SUMMARY, JUDGEMENTS, "judgements"), (VERDICT, SUMMARY, "summary")):
        if name in found and before in found:
            made_from = read_json(run / name).get("made_from")
            named = made_from.get(key) if isinstance(made_from, dict) else None
            _link(run, name, before, named, found)


def _link(run: Path, name: str, before: str, named: object, found: dict[str, str]) -> None:
    if named is not None and named != found[before]:
        message = f"{run / name} was not made from the {before} beside it."
        raise InvalidError(message, _remedy(run, name))


def _predecessor(run: Path, name: str) -> str:
    return tables.predecessor_of(run / name, _SCHEMAS[name])


def _refuse_damaged(path: Path, hint: str) -> None:
    """Raise ``DataError`` if the changed file cannot even be read."""
    try:
        if path.suffix == ".json":
            read_json(path)
        elif path.suffix == ".parquet":
            tables.open_file(path)
    except DataError as error:
        raise DataError(error.message, hint) from error


def _remedy(run: Path, name: str) -> str:
    if name in {JUDGEMENTS, SUMMARY}:
        return f"Judge it again: smallscale judge {quote(str(run))}"
    if name == VERDICT:
        return f"Remove it, then compare again: {_compare(run)}"
    return RESTORE


def _compare(run: Path, baseline: str = AUTO) -> str:
    return f"smallscale compare {quote(str(run))} {quote(baseline)}"
