"""GitHub workflow commands: one annotation for each failed check."""

from __future__ import annotations

from smallscale_ci.records import Check, VerdictKind
from smallscale_ci.report import formats, text, wording
from smallscale_ci.report.escape import command_data, command_property, one_line
from smallscale_ci.report.interface import ReportData

_SHOWN = 10  # most annotations that GitHub shows per level and step


def render(data: ReportData) -> str:
    """Workflow commands for the log of a GitHub Actions step, one per line, or an empty text.

    A failed check is an ``::error``, and so is a run with no valid verdict; an undecided check is
    a ``::warning``, because the policy may let it through.
    """
    verdict = data.verdict
    if verdict is None or verdict.kind is VerdictKind.INVALID:
        kind, _, message = text.headline(data).partition(": ")
        return command("error", f"smallscale: {kind}", message)
    if verdict.kind is VerdictKind.PASS:
        return ""
    level = "error" if verdict.kind is VerdictKind.REGRESSED else "warning"
    failed = [c for c in verdict.checks if formats.counts(c) and c.kind is verdict.kind]
    shown = failed if len(failed) <= _SHOWN else failed[: _SHOWN - 1]
    lines = [command(level, _title(check), _message(check)) for check in shown]
    if len(shown) < len(failed):
        more = f"{len(failed) - len(shown)} more checks"
        lines.append(command(level, f"smallscale: {more}", f"{more}: see the step summary."))
    return "".join(lines)


def _title(check: Check) -> str:
    return f"smallscale: {text.check_name(check)} {check.kind.value}"


def _message(check: Check) -> str:
    said = f"{text.check_sentence(check)}; difference {formats.difference(check)}."
    return f"{said} {wording.advice(check)}".strip()


def command(level: str, title: str, message: str) -> str:
    """One workflow command: an annotation of the ``level`` error, warning or notice."""
    title, message = one_line(title), one_line(message)
    return f"::{level} title={command_property(title)}::{command_data(message)}\n"
