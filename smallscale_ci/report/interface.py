"""What every renderer takes: one frozen value that holds all a report says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from smallscale_ci.records import Outcome, Summary, Verdict


@dataclass(frozen=True, slots=True)
class Answer:
    """One judged sample. ``text`` is ``None`` where it was not stored, as in baselines."""

    sample_index: int
    outcome: Outcome
    tokens: int | None  # completion tokens; None for ERRORED
    extracted: str | None = None
    reason: str = ""
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One problem with its answers on both sides, as far as they are known."""

    task: str
    question: str
    gold: str
    candidate: tuple[Answer, ...] = ()
    baseline: tuple[Answer, ...] = ()


@dataclass(frozen=True, slots=True)
class TrailPoint:
    """Level of an earlier run on one task, oldest first: rate and mean completion tokens."""

    run_id: str
    task: str
    accuracy: float
    tokens: float


@dataclass(frozen=True)
class ReportData:
    """All that a report says about one run.

    ``verdict`` is ``None`` for an interrupted run or one without a baseline. ``excerpts`` maps
    problem ids to problems; any may be missing, and the report then shows ids alone. Metrics are
    shown as they are named, numbers with thousands separators.
    """

    run_id: str
    model: str
    suite: str
    profile: str
    candidate: Summary
    verdict: Verdict | None = None
    baseline: Summary | None = None
    baseline_name: str = ""
    status: Literal["complete", "interrupted"] = "complete"
    run_folder: str = ""
    provenance: Mapping[str, str] = field(default_factory=dict)
    excerpts: Mapping[str, Excerpt] = field(default_factory=dict)
    metrics: Mapping[str, float | str] = field(default_factory=dict)
    trail: tuple[TrailPoint, ...] = ()
    next_steps: tuple[str, ...] = ()
