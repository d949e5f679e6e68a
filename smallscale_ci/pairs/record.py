"""``pairs.json``: where preference pairs come from, as typed values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.errors import DataError
from smallscale_ci.files import Record, read_record
from smallscale_ci.ids import file_hash
from smallscale_ci.records import SamplingSpec

PAIRS, RECORD = "pairs.jsonl", "pairs.json"
SCHEMA_VERSION = "1"
_AGAIN = "Make the pairs again: smallscale pairs RUN --out FOLDER"

Lengths = Mapping[str, Mapping[str, float]]
"""Of both answers, in tokens, and of their ratio: the name of a quantile, or mean → its value."""


@dataclass(frozen=True, slots=True)
class Counts(Record):
    """What became of all problems of a run."""

    problems: int
    easy: int
    medium: int
    hard: int
    eligible: int
    """Problems of the difficulty that was asked for."""
    pairs: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Why problems have no pair → how many."""


@dataclass(frozen=True, slots=True)
class Leakage(Record):
    """The evaluation that the problems were compared with."""

    suites: tuple[str, ...] = ()
    threshold: float = 0.0
    """Share of common word triples from which two problems are the same."""


@dataclass(frozen=True, slots=True)
class Screening(Record):
    """How many of the ``pairs`` training would lose."""

    pairs: int
    malformed: int
    cut: int
    cutoff_len: int
    longest: int
    """Tokens that the longest pair needs."""
    first: str = ""
    """One of those that would be lost."""

    @property
    def lost_share(self) -> float:
        """Share of the pairs that are malformed or cut, 0 to 1."""
        return (self.malformed + self.cut) / max(self.pairs, 1)

    def sentence(self) -> str:
        """The counts in words."""
        return (
            f"of {self.pairs} pairs {self.malformed} are malformed and {self.cut} are longer than "
            f"{self.cutoff_len:,} tokens (the longest needs {self.longest:,})"
        )


@dataclass(frozen=True, slots=True)
class PairsRecord(Record):
    """Everything recorded about pairs."""

    run_id: str
    checkpoint: Checkpoint
    """Whose answers they are."""
    suite: str
    policy: Mapping[str, Any]
    """Complete."""
    counts: Counts
    schema_version: str = SCHEMA_VERSION
    suite_sha256: str = ""
    sampling: SamplingSpec | None = None
    template: Mapping[str, Any] = field(default_factory=dict)
    """Template variables that the answers were sampled with; training renders prompts with them."""
    leakage: Leakage = Leakage()
    screening: Screening | None = None
    """``None`` if no cutoff was named."""
    lengths: Lengths = field(default_factory=dict)
    sha256: str = ""
    """Of ``pairs.jsonl``."""


def read(folder: Path) -> PairsRecord:
    """The record of a complete folder, after checking that its pairs are the recorded ones.

    Raises ``DataError`` for a folder that is missing, damaged or changed, and ``InvalidError`` for
    one of another schema.
    """
    path = folder / RECORD
    if not path.is_file() or not (folder / PAIRS).is_file():
        raise DataError(f"{folder} holds no complete preference pairs.", _AGAIN)
    record = read_record(PairsRecord, path, SCHEMA_VERSION, _AGAIN)
    if record.sha256 != file_hash(folder / PAIRS):
        raise DataError(f"{folder}/{PAIRS} is not the file that {RECORD} describes.", _AGAIN)
    return record
