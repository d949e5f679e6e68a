"""``doctor``: what this machine has and lacks."""

from __future__ import annotations

import typer

from smallscale_ci.cli import options
from smallscale_ci.cli.command import Context, command


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    command(app, "doctor", "smallscale doctor")(doctor)


def doctor(context: Context, engine_python: options.EnginePython = None) -> int:
    """Check this machine.

    Each line says what was found and how to mend what is not right.
    Exits 3 when something is in the way of every run.
    """
    from dataclasses import asdict

    from smallscale_ci.doctor import State, examine
    from smallscale_ci.errors import EXIT_INFRASTRUCTURE

    findings = examine(context.settings(engine_python=engine_python))
    if context.json:
        context.out.json([asdict(finding) for finding in findings])
    else:
        rows = [(f.what, f.state.value, f.found, f.remedy) for f in findings]
        context.out.table(("", "", "found", "what to do"), rows)
    return EXIT_INFRASTRUCTURE if any(f.state is State.BAD for f in findings) else 0
