"""``evidence.intoto.json``: a verdict as an in-toto statement, which a workflow can attest.

The subject is the checkpoint, named by the hash of its weights; the predicate holds the verdict,
the policy, and the hashes of everything it was derived from. Anyone with the run folder and the
baseline can check it without a network: ``smallscale verify``.
The form is https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.errors import InvalidError
from smallscale_ci.files import Record, from_json, read_json, to_json
from smallscale_ci.run.manifest import Package

EVIDENCE = "evidence.intoto.json"
STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:smallscale-ci:verdict:v1"
_AGAIN = "Compare the run again: smallscale compare RUN BASELINE"


@dataclass(frozen=True, slots=True)
class Side(Record):
    """One side of a comparison."""

    source: str
    """What finds it: a path, or git:REF:SUITE/PROFILE/MODEL."""
    samples: str
    """``Samples.digest``: outcomes and tokens of every sample, whatever file they are in."""
    run_id: str = ""
    weights: str = ""
    """Hash of the weights; empty for a bare samples file."""


@dataclass(frozen=True, slots=True)
class Predicate(Record):
    """The recorded facts about the checkpoint."""

    verdict: Mapping[str, Any]
    """As ``verdict.json`` holds it."""
    verdict_sha256: str
    """Of ``verdict.json``."""
    policy: Mapping[str, Any]
    """Complete: margins, error rates, what may differ."""
    candidate: Side
    baseline: Side
    manifest_sha256: str
    """Of the run's ``manifest.json``."""
    files: Mapping[str, str]
    """SHA-256 of the run's other files."""
    package: Package


def statement(checkpoint: Checkpoint, predicate: Predicate) -> dict[str, Any]:
    """The statement on ``checkpoint`` as JSON values.

    Its digest is called ``sha256`` if it is complete: a SHA-256 over the names and all bytes of the
    weight files (``checkpoint.weights.digest``). A shortened one from an older manifest gets
    a name of its own.
    """
    digest = checkpoint.weights_hash
    name = "sha256" if len(digest) == 64 else "smallscaleWeights"
    return {
        "_type": STATEMENT,
        "subject": [{"name": checkpoint.name, "digest": {name: digest}}],
        "predicateType": PREDICATE,
        "predicate": to_json(predicate),
    }


def read(path: Path) -> Predicate:
    """The predicate of one of our statements. Raises ``DataError`` and ``InvalidError``."""
    value = read_json(path)
    if value.get("_type") != STATEMENT or value.get("predicateType") != PREDICATE:
        raise InvalidError(f"{path} is not a statement on a verdict of smallscale.", _AGAIN)
    return from_json(Predicate, value.get("predicate"), str(path), _AGAIN)
