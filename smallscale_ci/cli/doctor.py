"""``doctor``: what this machine has and lacks."""

from __future__ import annotations

from typing import Annotated

import typer

from smallscale_ci.cli import options
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.options import option


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
            help="Remove the containers that killed runs left.",
        ),
    ] = False,
) -> int:
    """Check this machine.

    Each line says what was found and how to mend what is not right.
    Exits 3 when something is in the way of every run.
    """
    import re
    from dataclasses import asdict

    from smallscale_ci.cli.program import runnable
    from smallscale_ci.doctor.examine import clean as remove_left
    from smallscale_ci.doctor.examine import examine
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
        rows = []
        for finding in findings:
            found = re.sub(r"sha256:([0-9a-f]{12})[0-9a-f]{52}", r"\1", finding.found)
            rows.append((finding.state.value, finding.what, found))
            if finding.remedy:
                rows.append(("", "", f"→ {runnable(finding.remedy)}"))
        context.out.table(("", "", "found, and what to do"), rows)
    return EXIT_INFRASTRUCTURE if any(f.state is State.BAD for f in findings) else 0
