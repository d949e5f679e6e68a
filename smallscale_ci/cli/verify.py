"""``verify``: checks a run, a baseline or a piece of evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smallscale_ci.cli import options
from smallscale_ci.cli.command import Context, command


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    command(app, "verify", "smallscale verify baselines/smoke/vllm-cpu/smollm2")(verify)


def verify(
    context: Context,
    path: Annotated[
        Path,
        typer.Argument(
            metavar="RUN|BASELINE|EVIDENCE",
            help="A run folder, a stored baseline, or an evidence.intoto.json.",
            show_default=False,
        ),
    ],
    baselines: options.Baselines = None,
) -> int:
    """Check all hashes of a run or baseline, and its verdict.

    Needs neither an engine nor a network. Exits with code 4 if anything does not match.
    """
    from smallscale_ci.errors import EXIT_INVALID
    from smallscale_ci.pipeline.verify import verify

    found = verify(path, context.settings(baselines=baselines))
    if context.json:
        context.out.json({"path": str(path), "holds": found.holds, "problems": found.problems})
    else:
        for sentence in found.holds:
            context.out.result(f"ok: {sentence}")
    for problem in found.problems:
        context.out.error(problem, "")
    return EXIT_INVALID if found.problems else 0
