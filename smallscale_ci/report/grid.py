"""The report of a grid: accuracy against tokens of every candidate, and the verdict on one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from smallscale_ci.files import write_text
from smallscale_ci.records import Metric
from smallscale_ci.report import charts, formats, markdown, pages, text
from smallscale_ci.report.escape import markdown as escaped
from smallscale_ci.report.interface import TRENDS, Beside, ReportData

HEADINGS = ("candidate", "task", "accuracy", "change", "tokens", "change", "")


@dataclass(frozen=True, slots=True)
class GridRow:
    """A member of a grid. ``tasks`` is empty if it has no result."""

    name: str
    objective: str
    learning_rate: float
    seed: int
    tasks: tuple[Beside, ...]
    on_front: bool
    broken: str = ""
    seconds: int | None = None  # of training


@dataclass(frozen=True, slots=True)
class GridReport:
    """The report on a grid. ``verdict`` is on ``chosen``, by separate samples."""

    grid: str
    parent: str
    suite: str
    fresh_suite: str
    same_problems: bool
    max_loss: float
    reference: tuple[Beside, ...]
    rows: tuple[GridRow, ...]
    chosen: str
    pairs: int
    verdict: ReportData


def write(folder: Path, report: GridReport) -> None:
    """Write ``grid.html`` and ``grid.md`` into ``folder``. Raises ``OSError``."""
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "grid.md", render_markdown(report))
    write_text(folder / "grid.html", render_html(report))


def table(report: GridReport) -> list[tuple[str, ...]]:
    """The rows for ``HEADINGS``: the parent, then all members, the shortest answers first."""
    lines = [line for task in report.reference for line in _line(report.parent, task, "parent")]
    for row in ordered(report):
        if not row.tasks:
            lines.append((row.name, *[""] * (len(HEADINGS) - 2), "broke"))
        for task in row.tasks:
            lines += _line(row.name, task, mark(report, row))
    return lines


def ordered(report: GridReport) -> list[GridRow]:
    """The members by mean tokens, those without a result last."""

    def length(row: GridRow) -> float:
        tokens = [task.levels[Metric.TOKENS].value for task in row.tasks]
        return sum(tokens) / len(tokens) if tokens else float("inf")

    return sorted(report.rows, key=length)


def mark(report: GridReport, row: GridRow) -> str:
    """A member's status in one word."""
    if row.name == report.chosen:
        return "chosen"
    return "front" if row.on_front else ""


def sentences(report: GridReport) -> tuple[str, ...]:
    """How one was chosen, and what the verdict is based on."""
    measured = sum(1 for row in report.rows if row.tasks)
    lost = formats.number(100 * report.max_loss)
    again = (
        f"the same problems of {report.suite}, with samples that played no part in the choice: "
        "sampling luck cannot favor the best of several, but luck with the problems still can"
        if report.same_problems
        else f"the problems of {report.fresh_suite}, which played no part in the choice"
    )
    compared = (
        f"{formats.count(measured, 'candidate')} of {len(report.rows)} from "
        f"{formats.count(report.pairs, 'pair')}, each compared with {report.parent} on "
        f"{report.suite}; intervals are 95%, without a correction for their number."
    )
    chosen = (
        f"Chosen: {report.chosen}, the shortest that loses at most {lost} pp of accuracy there, or "
        "the most accurate if none does. The best of several looks better there than it is."
    )
    return (
        compared,
        chosen,
        f"The verdict is on {again}.",
        *(f"{row.name} broke: {row.broken}" for row in report.rows if row.broken),
    )


def render_markdown(report: GridReport) -> str:
    """The tables as GitHub Markdown, then the report of the chosen member."""
    lines = [f"## Grid {escaped(report.grid)}: {escaped(text.headline(report.verdict))}", ""]
    lines += [f"- {escaped(sentence)}" for sentence in sentences(report)]
    lines += ["", f"| {' | '.join(HEADINGS)} |", f"|{'---|' * len(HEADINGS)}"]
    lines += [f"| {' | '.join(map(escaped, row))} |" for row in table(report)]
    over = over_seeds(report)
    if over:
        lines += ["", "Over training seeds: mean and range.", ""]
        lines += [f"| {' | '.join(SEED_HEADINGS)} |", f"|{'---|' * len(SEED_HEADINGS)}"]
        lines += [f"| {' | '.join(map(escaped, row))} |" for row in over]
    return "\n".join([*lines, "", markdown.render(report.verdict)])


SEED_HEADINGS = ("recipe", "seeds", "task", "accuracy, pp", "tokens, %")


def over_seeds(report: GridReport) -> list[tuple[str, ...]]:
    """Changes of members that differ only in the seed: mean [lowest, highest] per group."""
    groups: dict[tuple[str, str], list[Beside]] = {}
    for row in report.rows:
        for task in row.tasks:
            groups.setdefault((row.name.removesuffix(f"-s{row.seed}"), task.task), []).append(task)
    found = []
    for (recipe, name), members in groups.items():
        shown = [_range(members, metric) for metric in TRENDS]
        if len(members) > 1 and all(shown):
            found.append((recipe, f"{len(members)}", name, *shown))
    return found


def _range(members: Sequence[Beside], metric: Metric) -> str:
    changes = [
        formats.change(metric, one.differences[metric].value)
        for one in members
        if metric in one.differences
    ]
    if not changes:
        return ""
    ends = formats.signed(min(changes)), formats.signed(max(changes))
    return f"{formats.signed(sum(changes) / len(changes))} [{', '.join(ends)}]"


def _line(name: str, task: Beside, word: str) -> Iterator[tuple[str, ...]]:
    shown = [
        cell
        for metric in TRENDS
        for cell in (formats.level(metric, task.levels[metric].value), difference(task, metric))
    ]
    yield (name, task.task, *shown, word)


def difference(task: Beside, metric: Metric) -> str:
    """The change from the parent with its interval; a dash if there is none."""
    found = task.differences.get(metric)
    if found is None:
        return formats.UNKNOWN
    return formats.changed(metric, found)


def render_html(report: GridReport) -> str:
    """One self-contained page, with a chart of accuracy against tokens for each task."""
    drawn = []
    for parent in report.reference:
        points = [
            (row.name, mark(report, row), task.levels[Metric.TOKENS], task.levels[Metric.ACCURACY])
            for row in report.rows
            for task in row.tasks
            if task.task == parent.task
        ]
        levels = parent.levels[Metric.TOKENS], parent.levels[Metric.ACCURACY]
        svg = charts.front((report.parent, "parent", *levels), points)
        drawn.append((parent.task, Markup(svg)))  # noqa: S704 - made by an XML writer
    verdict = report.verdict.verdict
    return pages.template("grid.html").render(
        report=report,
        headline=text.headline(report.verdict),
        kind=verdict.kind.value if verdict else "NONE",
        sentences=sentences(report),
        charts=drawn,
        headings=HEADINGS,
        rows=table(report),
        seed_headings=SEED_HEADINGS,
        seeds=over_seeds(report),
        checks=verdict.checks if verdict else (),
    )
