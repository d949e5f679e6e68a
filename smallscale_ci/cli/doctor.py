"""``doctor``: what this machine has and lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import options
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option

if TYPE_CHECKING:
    from smallscale_ci.doctor.machine import Finding


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    command(app, "doctor", "smallscale doctor")(doctor)


def doctor(
    context: Context,
    engine_python: options.EnginePython = None,
    clean: Annotated[
        bool,
        option(
            "--clean",
            help="Remove the containers that killed runs left behind.",
        ),
    ] = False,
) -> int:
    """Check this machine.

    Each line says what was found and how to fix any problem.
    Exits with code 3 if something prevents every run.
    """
    from dataclasses import asdict

    from smallscale_ci.doctor.examine import clean as remove_left
    from smallscale_ci.doctor.examine import examine, ready
    from smallscale_ci.doctor.machine import State
    from smallscale_ci.errors import EXIT_INFRASTRUCTURE

    settings = context.settings(engine_python=engine_python)
    if clean:
        removed = remove_left(settings)
        if context.json:
            context.out.json({"removed": removed})
        else:
            context.out.result(f"removed: {', '.join(removed) or 'nothing, none was left'}")
        return 0
    findings = examine(settings)
    if context.json:
        context.out.json([asdict(finding) for finding in findings])
    else:
        needed = [finding for finding in findings if finding.state is not State.MISSING]
        context.out.table(("", "", "found, and what to do"), _rows(needed))
        if len(needed) < len(findings):
            optional = [finding for finding in findings if finding.state is State.MISSING]
            context.out.result("\nNot here, and needed only for some runs:")
            context.out.table(("", "", ""), _rows(optional, "optional"))
        able = ready(findings)
        context.out.result(
            f"\nReady for: {'; '.join(able) or 'nothing, see the lines marked bad'}."
        )
    return EXIT_INFRASTRUCTURE if any(f.state is State.BAD for f in findings) else 0


def _rows(findings: list[Finding], word: str = "") -> list[tuple[str, str, str]]:
    """A line for each finding, and one for its remedy."""
    import re

    from smallscale_ci.cli.program import runnable

    rows = []
    for finding in findings:
        found = re.sub(r"sha256:([0-9a-f]{12})[0-9a-f]{52}", r"\1", runnable(finding.found))
        rows.append((word or finding.state.value, finding.what, found))
        if finding.remedy:
            rows.append(("", "", f"→ {runnable(finding.remedy)}"))
    return rows
