"""Verifies that a run, baseline or statement is as written and that its verdict follows.

Everything that can be derived is derived again: hashes from files, levels and the verdict from the
samples. Who wrote the evidence cannot be checked here; that is what an attestation of it is
for.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from smallscale_ci.config import load
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.settings import Settings
from smallscale_ci.errors import InvalidError, SmallscaleError, UsageError
from smallscale_ci.files import json_text, read_json
from smallscale_ci.gate.schedule import Schedule
from smallscale_ci.gate.summary import summarise
from smallscale_ci.ids import file_hash
from smallscale_ci.pipeline.compare import compared_with, derive
from smallscale_ci.records import TaskSummary, Verdict
from smallscale_ci.run import baselines, chain, evidence
from smallscale_ci.run.evidence import Predicate
from smallscale_ci.run.folder import RunFolder, is_run
from smallscale_ci.run.records_json import summary_json, verdict_from_json, verdict_json
from smallscale_ci.run.run import Run, read_run
from smallscale_ci.run.stores import RECORD


@dataclass
class Findings:
    """The checks that passed and the problems, one sentence each."""

    holds: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def check(self, what: str, act: Callable[[], object]) -> bool:
        """Run ``act``; record ``what`` as true, or its error as a problem. True if it passed."""
        try:
            act()
        except SmallscaleError as error:
            self.problems.append(error.message)
            return False
        self.holds.append(what)
        return True


def verify(path: Path, settings: Settings) -> Findings:
    """Check a run folder, a stored baseline (its folder or its name), or an evidence file.

    Raises ``UsageError`` for a path that is none of them.
    """
    found = Findings()
    if path.name == evidence.EVIDENCE or path.suffix == ".json":
        _statement(path, settings, found)
    elif is_run(path):
        _run(RunFolder(path), settings, found)
    else:
        place = baselines.located(path, settings.baselines)
        if not (place / RECORD).is_file():
            raise UsageError(
                f"{path} is not a run folder, a stored baseline or an evidence file.",
                f"Give RUN, SUITE/PROFILE/MODEL, or RUN/{evidence.EVIDENCE}.",
            )
        found.check("samples and levels match the record", lambda: _baseline(place))
    return found


def _baseline(path: Path) -> None:
    """Check a baseline: reading checks the samples' hash; the levels must follow from them."""
    stored = baselines.load(path)
    derived = summarise(stored.samples)
    known = stored.summary
    if known is None or (known.planned, dict(known.outcomes)) != (
        derived.planned,
        dict(derived.outcomes),
    ):
        raise InvalidError(f"The levels in {path / RECORD} do not match its samples.")


def _statement(path: Path, settings: Settings, found: Findings) -> None:
    predicate: list[Predicate] = []
    if not found.check(
        "the evidence is a statement on a verdict", lambda: predicate.append(evidence.read(path))
    ):
        return
    said = predicate[0]
    found.check("its hash of the verdict matches the verdict in it", lambda: _whole(path, said))
    for folder in (path.parent, Path(said.candidate.source)):
        if is_run(folder):
            _run(RunFolder(folder), settings, found, said)
            return
    found.problems.append(
        f"{path} is not beside a run folder, and {said.candidate.source} is not there either: "
        "nothing could be derived again."
    )


def _whole(path: Path, said: Predicate) -> None:
    text = json_text(dict(said.verdict))
    subjects = read_json(path).get("subject")
    digests = subjects[0].get("digest") if isinstance(subjects, list) and subjects else None
    if not isinstance(digests, dict) or said.candidate.weights not in digests.values():
        raise InvalidError(f"The subject of {path} is not the checkpoint of its verdict.")
    if hashlib.sha256(text.encode()).hexdigest() != said.verdict_sha256:
        raise InvalidError(f"The verdict in {path} was changed: its hash differs.")


def _run(
    folder: RunFolder, settings: Settings, found: Findings, said: Predicate | None = None
) -> None:
    runs: list[Run] = []
    if not found.check(
        "every file is as the run wrote it", lambda: runs.append(read_run(folder.path))
    ):
        return
    run = runs[0]
    found.check("the levels match the samples", lambda: _levels(folder, run))
    if said is None and not folder.verdict.is_file():
        if folder.evidence.exists():
            found.check("the verdict is there", lambda: chain.refuse_lost_verdict(folder.path))
        return
    said = said or evidence.read(folder.evidence)
    found.check("the evidence names this run's files", lambda: _named(folder, run, said))
    found.check("the verdict follows from the samples", lambda: _verdict(run, said, settings))


def _levels(folder: RunFolder, run: Run) -> None:
    """Check every level that both have: older summaries lack metrics, older samples columns."""
    derived, stored = summarise(run.samples), run.summary
    if stored is not None and len(stored.tasks) == len(derived.tasks):
        pairs = list(zip(stored.tasks, derived.tasks, strict=True))
        stored = replace(stored, tasks=tuple(_restricted(one, one, two) for one, two in pairs))
        derived = replace(derived, tasks=tuple(_restricted(two, one, two) for one, two in pairs))
    if stored is None or not _same(summary_json(stored), summary_json(derived)):
        raise InvalidError(f"The levels in {folder.summary} do not match the samples.")


def _restricted(task: TaskSummary, stored: TaskSummary, derived: TaskSummary) -> TaskSummary:
    """``task``, restricted to what ``stored`` holds and ``derived`` can tell."""
    told = {m for m, estimate in derived.levels.items() if estimate.n and m in stored.levels}
    return replace(
        task,
        levels={m: level for m, level in task.levels.items() if m in told},
        lengths={m: lengths for m, lengths in task.lengths.items() if m in stored.lengths},
    )


def _same(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal up to the last digits, which depend on the processor."""
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-6, abs_tol=1e-9)
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    return bool(one == other)


def _named(folder: RunFolder, run: Run, said: Predicate) -> None:
    wrong = [
        name
        for name, sha256 in chain.hashes(folder.path, chain.CHAIN[:-1]).items()
        if said.files.get(name) != sha256
    ]
    if file_hash(folder.manifest) != said.manifest_sha256:
        wrong.append(folder.manifest.name)
    if not folder.verdict.is_file() or file_hash(folder.verdict) != said.verdict_sha256:
        wrong.append(folder.verdict.name)
    if run.samples.digest() != said.candidate.samples:
        wrong.append("the samples")
    if wrong:
        raise InvalidError(f"The evidence does not match {', '.join(wrong)}.")


def _verdict(run: Run, said: Predicate, settings: Settings) -> None:
    stored = _read(said)
    policy = load.checked(GatePolicy, said.policy, "the policy in the evidence", "")
    baseline = compared_with(said.baseline, settings)
    schedule = Schedule(stored.ends) if stored.ends else Schedule.every_epoch(stored.of)
    derived = derive(run, baseline, policy, look=stored.look, schedule=schedule)
    ours, theirs = (_decided(verdict_json(verdict)) for verdict in (derived, stored))
    # A run adds notes about its budget, which do not follow from samples.
    theirs["notes"] = [note for note in theirs["notes"] if note in ours["notes"]]
    differing = sorted(key for key in ours if not _same(ours[key], theirs.get(key)))
    if differing:
        raise InvalidError(
            f"The samples give another verdict ({derived.kind}, not {stored.kind}): "
            f"{', '.join(differing)} differ."
        )


def _decided(value: dict[str, Any]) -> dict[str, Any]:
    """``value`` without its advice, which decides nothing and changes between releases."""
    return {**value, "checks": [{**check, "advice": None} for check in value["checks"]]}


def _read(said: Predicate) -> Verdict:
    return verdict_from_json({k: v for k, v in said.verdict.items() if k != "made_from"})
