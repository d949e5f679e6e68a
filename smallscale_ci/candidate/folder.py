"""The folder of a candidate: what was asked for, which steps are complete, and what they made.

```
candidates/<id>/
  candidate.json       request, steps, lineage
  sample/              run on the training suite     pairs/   preference pairs
  train/               training; the candidate itself is train/model
  parent/  verdict/    runs of parent and candidate on the evaluation suite; verdict/report
```
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from smallscale_ci.checkpoint.servable import inspect
from smallscale_ci.config.pairs import PairPolicy
from smallscale_ci.config.seams import STEPS
from smallscale_ci.errors import InvalidError, UsageError
from smallscale_ci.files import read_json, write_json
from smallscale_ci.ids import file_hash

SCHEMA_VERSION = "1"
SAMPLE, PAIRS, TRAIN, PARENT, VERDICT = STEPS
_RECORD = "candidate.json"


@dataclass(frozen=True, slots=True)
class CandidateRequest:
    """What a candidate is made of; ``None`` leaves it to the suite, the profile or the policy."""

    model: str
    recipe: str
    train_suite: str
    eval_suite: str
    gate: str | None
    profile: str
    samples: int  # epochs of the training suite
    eval_epochs: int | None
    policy: PairPolicy
    overrides: tuple[str, ...] = ()  # recipe.KEY=VALUE
    sample: str = ""  # a judged run that is used instead of sampling
    seed: int | None = None
    ranks: int | None = None
    tensor_parallel: int | None = None
    gpus: tuple[str, ...] = ()
    train_ranks: int | None = None
    runtime: str | None = None
    template: tuple[str, ...] = ()  # KEY=VALUE

    def record(self) -> dict[str, Any]:
        """As JSON."""
        return {
            **asdict(self),
            "policy": self.policy.model_dump(mode="json"),
            "gpus": [*self.gpus],
            "overrides": [*self.overrides],
            "template": [*self.template],
        }

    @staticmethod
    def read(value: Mapping[str, Any]) -> CandidateRequest:
        """What ``record`` wrote."""
        return CandidateRequest(
            **{
                **value,
                "policy": PairPolicy.model_validate_json(json.dumps(value["policy"])),
                "gpus": (*value["gpus"],),
                "overrides": (*value["overrides"],),
                "template": (*value.get("template", ()),),
            }
        )


class CandidateFolder:
    """Reads and writes ``candidate.json``; knows what each step leaves behind."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path / _RECORD

    def of(self, step: str) -> Path:
        """Where a step writes."""
        return self.path / step

    @property
    def model(self) -> Path:
        """The trained model, which can be served."""
        return self.of(TRAIN) / "model"

    def exists(self) -> bool:
        """Whether a candidate was started here."""
        return self._file.is_file()

    def begin(self, request: CandidateRequest, about: Mapping[str, Any]) -> None:
        """Write the record of a new candidate. Raises ``OSError``."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(
            self._file,
            {
                "schema_version": SCHEMA_VERSION,
                **about,
                "request": request.record(),
                "steps": {},
            },
        )

    def read(self) -> dict[str, Any]:
        """The record. Raises ``UsageError`` where there is none, ``DataError`` where damaged."""
        if not self.exists():
            raise UsageError(
                f"{self.path} is not a candidate folder: it has no {_RECORD}.",
                "Candidates are folders under candidates/, written by smallscale candidate.",
            )
        record = read_json(self._file)
        if record.get("schema_version") != SCHEMA_VERSION:
            raise InvalidError(
                f"{self.path} is of schema '{record.get('schema_version')}', and this smallscale "
                f"reads schema '{SCHEMA_VERSION}'.",
                "Make the candidate again.",
            )
        return record

    def request(self) -> CandidateRequest:
        """What was asked for."""
        return CandidateRequest.read(self.read()["request"])

    def is_complete(self, step: str) -> bool:
        """Whether a step is complete.

        Raises ``InvalidError`` when what it made, or what it was made from, has changed since.
        """
        steps = self.read()["steps"]
        if step not in steps:
            return False
        made, made_from = steps[step]["made"], steps[step]["made_from"]
        before = {name: steps.get(name, {}).get("made") for name in STEPS[step].needs}
        if self.fingerprint(step, steps[step]) != made or before != made_from:
            raise InvalidError(
                f"the results of step '{step}' in {self.path} are no longer those that the steps "
                "after it were made from.",
                "Restore them, or start a new candidate with another --out.",
            )
        return True

    def complete(self, step: str, **about: Any) -> None:
        """Record that a step is complete, with the hash of what it made."""
        record = self.read()
        made_from = {name: record["steps"][name]["made"] for name in STEPS[step].needs}
        record["steps"][step] = {
            **about,
            "made": self.fingerprint(step, about),
            "made_from": made_from,
        }
        write_json(self._file, record)

    def note(self, **about: Any) -> None:
        """Add to the record."""
        write_json(self._file, {**self.read(), **about})

    def fingerprint(self, step: str, about: Mapping[str, Any]) -> str:
        """The hash of what a step made; empty where it is not there."""
        made = Path(about.get("run", self.of(step))) / STEPS[step].makes
        if made.is_dir():
            return inspect(made, "candidate", "").weights_hash
        return file_hash(made) if made.is_file() else ""
