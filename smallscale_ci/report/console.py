"""The report in a terminal: the verdict first, in 80 columns, readable without colour."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from smallscale_ci.records import Difference, Flip, Metric, Summary, Verdict, VerdictKind
from smallscale_ci.report import formats, text, text_chart, wording
from smallscale_ci.report.escape import one_line, terminal
from smallscale_ci.report.interface import ReportData

_NAME = 2 + max(len(metric.value) for metric in Metric)
_STYLES = {
    VerdictKind.PASS: "green",
    VerdictKind.REGRESSED: "red",
    VerdictKind.INCONCLUSIVE: "yellow",
    VerdictKind.INVALID: "magenta",
}


def render(data: ReportData, width: int = 80) -> RenderableType:
    """The report for a terminal of ``width`` columns, made of text that rich never interprets."""
    return Group(*_parts(data, width))


def _parts(data: ReportData, width: int) -> Iterator[RenderableType]:
    verdict = data.verdict
    yield _headline(data)
    yield Text()
    if verdict and verdict.checks:
        yield _checks(verdict)
        yield from _chart(verdict, width)
        yield Text()
    elif data.candidate.tasks:  # a refused run has none
        yield _levels(data.candidate, width)
        yield Text()
    details = text.details(data)
    yield from _lines(details)
    if details:
        yield Text()
    if verdict and verdict.differences:
        yield from _differences(verdict.differences)
        yield Text()
    if verdict and verdict.flips:
        yield from _flips(data, verdict, width)
        yield Text()
    if not text.all_fine(data):
        yield _line(text.accounting(data))
    if verdict:
        yield from _lines(wording.notes(verdict), "Note: ")
    yield from _closing(data)


def _headline(data: ReportData) -> Text:
    style = _STYLES[data.verdict.kind] if data.verdict else "yellow"
    kind, _, rest = terminal(one_line(text.headline(data))).partition(":")
    return Text.assemble((kind, f"bold {style}"), f":{rest}")


def _checks(verdict: Verdict) -> Table:
    table = _table(("", "left"), ("baseline", "right"), ("candidate", "right"))
    # On a narrow terminal, intervals wrap and the names of metrics stay whole.
    table.columns[0].min_width = _NAME
    table.add_column(formats.difference_title(verdict.checks), justify="right")
    table.add_column("margin", justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    task = None
    for check in verdict.checks:
        if check.task != task:
            task = check.task
            table.add_row(_line(task, style="bold"))
        table.add_row(
            f"  {check.metric.value}",
            formats.level(check.metric, check.baseline),
            formats.level(check.metric, check.candidate),
            formats.difference(check),
            formats.margin(check),
            Text(
                formats.verdict_word(check), _STYLES[check.kind] if formats.counts(check) else "dim"
            ),
        )
    return table


def _chart(verdict: Verdict, width: int) -> Iterator[RenderableType]:
    """The checks on one axis, if the terminal is wide enough."""
    lines = text_chart.lines(verdict.checks)
    if lines and max(map(len, lines)) <= width:
        yield Text()
        for line in lines:
            yield Text(terminal(line), no_wrap=True)


def _levels(summary: Summary, width: int) -> Table:
    """One row per task or, if ``width`` is too small for all metrics, one row per metric."""
    metrics = formats.columns([task.levels for task in summary.tasks], zeros=False)
    rows = [
        (
            task.task,
            [formats.level_interval(metric, task.levels.get(metric)) for metric in metrics],
        )
        for task in summary.tasks
    ]
    grid = [("", [metric.heading for metric in metrics]), *rows]
    columns = zip(*([name, *cells] for name, cells in grid), strict=True)
    if sum(1 + max(map(len, column)) for column in columns) <= width + 1:
        table = _table(("", "left"), *((metric.heading, "right") for metric in metrics))
        for name, levels in rows:
            table.add_row(_line(name), *levels)
        return table
    table = _table(("", "left"), ("level [95%]", "right"))
    for name, levels in rows:
        table.add_row(_line(name, style="bold"))
        for metric, level in zip(metrics, levels, strict=True):
            table.add_row(f"  {metric.heading}", level)
    return table


def _table(first: tuple[str, str], *columns: tuple[str, str]) -> Table:
    """A table without a frame; its first column may wrap."""
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="dim")
    table.add_column(first[0], overflow="fold")
    for name, _ in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _differences(differences: Iterable[Difference]) -> Iterator[RenderableType]:
    yield Text("The two runs differ:", "bold")
    for item in differences:
        allowed = " (allowed by the policy)" if item.allowed else ""
        shown = f"{item.key}: {item.baseline} → {item.candidate}{allowed}"
        yield _indented(_line(shown), 2)


def _flips(data: ReportData, verdict: Verdict, width: int) -> Iterator[RenderableType]:
    yield Text.assemble(("Flips: ", "bold"), text.flip_count(verdict))
    for flip in text.worst_flips(verdict):
        yield from _flip(data, flip, width - 4)


def _flip(data: ReportData, flip: Flip, width: int) -> Iterator[RenderableType]:
    numbers = (
        f"{formats.rate(flip.baseline)} → {formats.rate(flip.candidate)}, tokens "
        f"{formats.tokens(flip.baseline_tokens)} → {formats.tokens(flip.candidate_tokens)}"
    )
    yield Padding(
        _line(f"{flip.task} {flip.problem_id[:12]}: {numbers}"), (0, 0, 0, 2), expand=False
    )
    excerpt = data.excerpts.get(flip.problem_id)
    if excerpt is None:
        return
    answer = text.answer_words(text.shown_answer(excerpt.candidate))
    gold = one_line(excerpt.gold, 24)
    for line in (excerpt.question, f"gold {gold} · answered {answer}"):
        yield _indented(_line(one_line(line, width), style="dim"), 4)


def _closing(data: ReportData) -> Iterator[RenderableType]:
    if data.verdict:
        yield _line(text.look(data.verdict))
    if data.metrics:
        shown = (f"{name} {formats.number(value)}" for name, value in data.metrics.items())
        yield _line(" · ".join(shown))
    if data.run_folder:
        yield Text.assemble(("Run folder: ", "bold"), _line(data.run_folder))
    yield from _lines(data.next_steps, "Next: ")


def _lines(lines: Iterable[str], label: str = "") -> Iterator[Text]:
    for line in lines:
        yield Text.assemble((label, "bold"), _line(line))


def _line(content: str, style: str = "") -> Text:
    return Text(terminal(one_line(content)), style)


def _indented(line: Text, columns: int) -> Padding:
    return Padding(line, (0, 0, 0, columns), expand=False)
