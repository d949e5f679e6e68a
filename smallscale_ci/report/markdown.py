"""The report as GitHub Markdown: for the step summary and the comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from smallscale_ci.records import Check, Flip, Summary, Verdict, VerdictKind
from smallscale_ci.report import formats, text, text_chart, wording
from smallscale_ci.report.escape import markdown, markdown_code
from smallscale_ci.report.interface import ReportData

COMMENT_LIMIT = 64_000  # bytes; GitHub allows 65,536 characters: the rest is for a mark and a link
SUMMARY_LIMIT = 1 << 20  # bytes in a step summary
_SIGNS = {
    VerdictKind.PASS: "✅",
    VerdictKind.REGRESSED: "❌",
    VerdictKind.INCONCLUSIVE: "⚠️",
    VerdictKind.INVALID: "🚫",
}
_CUT = "\n*The rest was cut to fit GitHub's limit; the run folder holds the whole report.*\n"
_CELL = 160  # characters of model text in one cell


def render(data: ReportData, limit: int = COMMENT_LIMIT) -> str:
    """Markdown of at most ``limit`` bytes in UTF-8, and so of at most ``limit`` characters.

    Whole sections are kept, the most important first; if one does not fit, a note says so.
    """
    kept = ""
    room = limit - len(_CUT.encode())
    for section in _sections(data):
        addition = section if not kept else f"\n{section}"
        if len((kept + addition).encode()) > room:
            return kept + _fitting_lines(addition, room - len(kept.encode())) + _CUT
        kept += addition
    return kept


def opening(verdict: Verdict | None) -> str:
    """How every report on ``verdict`` begins; ``None``: on a run without one."""
    return f"### {_sign(verdict)} {verdict.kind if verdict else ''}"


def _sign(verdict: Verdict | None) -> str:
    return _SIGNS[verdict.kind] if verdict else "⏸️"


def _fitting_lines(section: str, room: int) -> str:
    """The first lines of a section that fit; none if it is folded or fenced and so must close."""
    if "<details>" in section or "```" in section:
        return ""
    kept = ""
    for line in section.splitlines(keepends=True):
        if len((kept + line).encode()) > room:
            break
        kept += line
    return kept


def _sections(data: ReportData) -> Iterator[str]:
    verdict = data.verdict
    yield f"### {_sign(verdict)} {markdown(text.headline(data))}\n"
    if verdict and verdict.checks:
        yield _checks(verdict.checks)
        yield _chart(verdict.checks)
    elif data.candidate.tasks:  # a refused run has none
        yield _levels(data.candidate)
    yield from _bullets(data)
    if verdict and verdict.differences:
        yield _differences(verdict)
    if verdict and verdict.flips:
        yield _flips(data, verdict)
    yield _provenance(data)


def _checks(checks: Sequence[Check]) -> str:
    rows = [
        (
            markdown(check.task),
            check.metric.value,
            formats.level(check.metric, check.baseline),
            formats.level(check.metric, check.candidate),
            markdown(formats.difference(check)),
            formats.margin(check),
            f"**{formats.verdict_word(check)}**",
        )
        for check in checks
    ]
    title = markdown(formats.difference_title(checks))
    header = ("task", "metric", "baseline", "candidate", title, "margin", "verdict")
    return _table(header, "--rrrr-", rows)


def _levels(summary: Summary) -> str:
    metrics = formats.columns([task.levels for task in summary.tasks])
    rows = [
        (
            markdown(task.task),
            *(markdown(formats.level_interval(m, task.levels.get(m))) for m in metrics),
        )
        for task in summary.tasks
    ]
    return _table(("task", *(m.heading for m in metrics)), "-" + "r" * len(metrics), rows)


def _table(header: Sequence[str], align: str, rows: Iterable[Sequence[str]]) -> str:
    """A table; ``align`` has one letter for each column, ``r`` for right."""
    rule = ["--:" if letter == "r" else ":--" for letter in align]
    return "".join(f"| {' | '.join(row)} |\n" for row in (header, rule, *rows))


def _chart(checks: Iterable[Check]) -> str:
    """The chart of the checks in a fence, in which names are literal."""
    lines = text_chart.lines(checks)
    return (
        "```text\n" + "\n".join(line.replace("`", "") for line in lines) + "\n```\n"
        if lines
        else ""
    )


def _bullets(data: ReportData) -> Iterator[str]:
    lines = list(text.details(data))
    if not text.all_fine(data):
        lines.append(text.accounting(data))
    if data.verdict:
        lines += wording.notes(data.verdict)
    if lines:
        yield "".join(f"- {markdown(line)}\n" for line in lines)
    if data.next_steps:
        yield "".join(f"- **Next:** {markdown(step)}\n" for step in data.next_steps)


def _differences(verdict: Verdict) -> str:
    rows = [
        (
            markdown_code(item.key),
            markdown_code(item.baseline, _CELL),
            markdown_code(item.candidate, _CELL),
            "yes" if item.allowed else "no",
        )
        for item in verdict.differences
    ]
    return "The two runs differ:\n\n" + _table(
        ("key", "baseline", "candidate", "allowed"), "----", rows
    )


def _flips(data: ReportData, verdict: Verdict) -> str:
    rows = [_flip_row(data, flip) for flip in text.worst_flips(verdict)]
    title = f"**Flips:** {text.flip_count(verdict)}\n"
    header = ("problem", "accuracy", "tokens", "question", "gold", "answered")
    return title + ("\n" + _table(header, "-rr---", rows) if rows else "")


def _flip_row(data: ReportData, flip: Flip) -> tuple[str, ...]:
    row = (
        f"{markdown(flip.task)} {markdown_code(flip.problem_id[:12])}",
        f"{formats.rate(flip.baseline)} → {formats.rate(flip.candidate)}",
        f"{formats.tokens(flip.baseline_tokens)} → {formats.tokens(flip.candidate_tokens)}",
    )
    excerpt = data.excerpts.get(flip.problem_id)
    if excerpt is None:
        return (*row, formats.UNKNOWN, formats.UNKNOWN, formats.UNKNOWN)
    answer = text.answer_words(text.shown_answer(excerpt.candidate))
    words = (excerpt.question, excerpt.gold, answer)
    return (*row, *(markdown_code(word, _CELL) for word in words))


def _provenance(data: ReportData) -> str:
    rows = [(markdown(key), markdown_code(value, _CELL)) for key, value in text.facts(data).items()]
    policy = f" · {markdown(text.look(data.verdict))}" if data.verdict else ""
    table = _table(("key", "value"), "--", rows)
    return f"<details><summary>Provenance{policy}</summary>\n\n{table}\n</details>\n"
