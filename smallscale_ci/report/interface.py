"""The input of every renderer: one frozen value with everything a report says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from smallscale_ci.records import Estimate, Metric, Outcome, Summary, Verdict

TRENDS = (Metric.ACCURACY, Metric.TOKENS)  # metrics tested over runs: each adds a test


@dataclass(frozen=True, slots=True)
class Answer:
    """One judged sample. ``text`` is ``None`` if it was not stored, as in baselines."""

    sample_index: int
    outcome: Outcome
    tokens: int | None  # completion tokens; None for ERRORED
    extracted: str | None = None
    reason: str = ""
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Excerpt:
    """One problem with its answers on both sides, as far as known."""

    task: str
    question: str
    gold: str
    candidate: tuple[Answer, ...] = ()
    baseline: tuple[Answer, ...] = ()
    prompt: str = ""  # the prompt, if known


@dataclass(frozen=True, slots=True)
class TrailPoint:
    """Level of an earlier run on one task, oldest first: rate and mean completion tokens."""

    run_id: str
    task: str
    accuracy: float
    tokens: float


@dataclass(frozen=True, slots=True)
class LoopQuote:
    """A completion that ended in a loop, with the repeated span, once."""

    task: str
    problem_id: str
    sample_index: int
    span: str
    times: int


@dataclass(frozen=True)
class ReportData:
    """Everything that a report says about one run.

    ``verdict`` is ``None`` for an interrupted run or one without a baseline. ``excerpts`` maps
    problem ids to problems; if one is missing, the report shows only its id. Metrics are
    shown under their names, numbers with thousands separators.
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
    loops: tuple[LoopQuote, ...] = ()  # a few of the candidate's
    next_steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """A change beyond noise from the run before; ``value`` as in ``Check.estimate``."""

    value: float
    p_value: float  # two-sided, after Holm
    worse: bool


@dataclass(frozen=True, slots=True)
class TrendPoint:
    """One run of a trend. ``incomparable`` names what differs from the run before, if anything."""

    run_id: str
    model: str
    at: str  # ISO time
    levels: Mapping[Metric, Estimate]
    changes: Mapping[Metric, Change] = field(default_factory=dict)
    incomparable: tuple[str, ...] = ()
    lengths: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trend:
    """One task of a suite under one profile over time, oldest first."""

    suite: str
    profile: str
    task: str
    points: tuple[TrendPoint, ...]


@dataclass(frozen=True, slots=True)
class Beside:
    """One task of a run in a side-by-side table, with its differences from the first run."""

    run_id: str
    model: str
    task: str
    levels: Mapping[Metric, Estimate]
    differences: Mapping[Metric, Estimate] = field(default_factory=dict)
    incomparable: tuple[str, ...] = ()
