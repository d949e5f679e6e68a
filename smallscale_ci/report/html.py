"""``report.html``: one self-contained page that needs no network.

A content security policy in the page forbids every request, and every script except ours. Text is
escaped by jinja2; the problems are data that the script inserts as text, never as HTML.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from smallscale_ci.records import Estimate, Metric, Outcome, Scale, TaskSummary
from smallscale_ci.report import charts, formats, pages, text, wording
from smallscale_ci.report.interface import Answer, ReportData
from smallscale_ci.report.problems import Packed, pack

LIMIT = 2_000_000  # bytes of the page
_LEAST = 100_000  # least bytes for problems, whatever the rest takes


@dataclass(frozen=True, slots=True)
class _TaskView:
    """The page's view of one task; ``charts`` are (caption, SVG)."""

    candidate: TaskSummary
    baseline: TaskSummary | None
    charts: tuple[tuple[str, Markup], ...]


def render(data: ReportData, limit: int = LIMIT) -> str:
    """The page, at most ``limit`` bytes in UTF-8: texts of the problems are cut to fit.

    Only a suite with hundreds of tasks, whose tables and charts are too large, exceeds it.
    """
    script = pages.source("report.js")
    context: dict[str, Any] = {
        "data": data,
        "verdict": data.verdict,
        "text": text,
        "wording": wording,
        "forest": Markup(charts.forest(data.verdict.checks if data.verdict else ())),  # noqa: S704
        "tasks": tuple(_task_views(data)),
        "script": Markup(script),  # noqa: S704 - our own file
        "script_hash": base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        "metrics": formats.columns(_levels(data)),
        "loops": data.loops,
        "lengths": tuple(m for m in formats.columns(_levels(data)) if m.scale is Scale.LENGTH),
        "outcomes": ",".join(Outcome),
    }
    template = pages.template("report.html")
    # The frame is rendered first, with all its notes; the problems get the remaining bytes.
    empty = Packed("", len(data.excerpts), len(data.excerpts), cut=True)
    frame = template.render(context, problems=empty)
    room = max(limit - len(frame.encode()), _LEAST)
    return template.render(context, problems=pack(data, room))


def _levels(data: ReportData) -> list[Mapping[Metric, Estimate]]:
    sides = (data.baseline, data.candidate)
    return [task.levels for side in sides if side is not None for task in side.tasks]


def _task_views(data: ReportData) -> Iterator[_TaskView]:
    before = {task.task: task for task in data.baseline.tasks} if data.baseline else {}
    for task in data.candidate.tasks:
        baseline = before.get(task.task)
        sides = _samples(data, task.task, "baseline"), _samples(data, task.task, "candidate")
        lengths = tuple([tokens for tokens, _ in side] for side in sides)
        trail = [(p.tokens, p.accuracy, p.run_id) for p in data.trail if p.task == task.task]
        drawn = (
            ("Tokens of an answer", charts.distribution(lengths[0], lengths[1])),
            ("Accuracy and mean tokens", charts.trade_off(baseline, task, trail)),
            ("Accuracy under a token budget", charts.under_budget(*sides)),
        )
        # The SVG is made by an XML writer, which escapes every name in it.
        shown = tuple((name, Markup(svg)) for name, svg in drawn if svg)  # noqa: S704
        yield _TaskView(task, baseline, shown)


def _samples(data: ReportData, task: str, side: str) -> list[tuple[int, bool]]:
    """(completion tokens, whether correct) of every sample of a task on one side."""
    answers: Iterator[Answer] = (
        answer
        for excerpt in data.excerpts.values()
        if excerpt.task == task
        for answer in (excerpt.baseline if side == "baseline" else excerpt.candidate)
    )
    return [(a.tokens, a.outcome is Outcome.CORRECT) for a in answers if a.tokens is not None]
