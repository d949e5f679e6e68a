"""``report``: a stored run's verdict or levels again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import options, tools
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.compare import configured
from smallscale_ci.cli.option import option

if TYPE_CHECKING:
    from smallscale_ci.run.folder import RunFolder
    from smallscale_ci.run.samples import Samples
    from smallscale_ci.suite.model import Suite


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    command(app, "report", "smallscale report runs/20260131-120000-smoke-smollm2-1a2b")(report)


def report(
    context: Context,
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN",
            help="A run folder, or another tool's results, whose levels are shown.",
            show_default=False,
        ),
    ],
    compare_runs: Annotated[
        bool,
        option(
            "--compare",
            help="Compare several runs with the first, without a verdict.",
        ),
    ] = False,
    budgets: Annotated[
        str,
        option(
            "--budgets",
            help="Also show the accuracy with answers cut at these lengths in tokens: 1024,2048,…",
            show_default=False,
        ),
    ] = "",
    baselines: options.Baselines = None,
) -> int:
    """Show a run's verdict again.

    Its report files are rendered again, and the exit code is that of the verdict. With several
    epochs, pass@k, avg@k and maj@k are shown, too.
    """
    from dataclasses import replace

    from smallscale_ci.candidate import monitor
    from smallscale_ci.cli.history import beside
    from smallscale_ci.cli.verdicts import show
    from smallscale_ci.errors import UsageError
    from smallscale_ci.pipeline import compare, sides
    from smallscale_ci.run.folder import open_run

    if compare_runs:
        context.refuse(("budgets", "baselines"), "--compare shows runs without a verdict")
        beside(context, runs)
        return 0
    if len(runs) > 1:
        raise UsageError("report shows one run.", "To compare: smallscale report --compare A B")
    run = runs[0]
    if sides.is_foreign(run):
        context.refuse(("budgets",), f"{run} is another tool's, whose answers are not cut")
        context.refuse(("baselines",), f"{run} is another tool's, whose levels alone are shown")
        return _levels(context, run)
    folder = open_run(run)
    config, suite = configured(folder, context.settings())
    if config is not None and folder.verdict.exists():
        evaluation = compare.stored(folder, suite, context.settings(baselines=baselines))
        evaluation = monitor.recalled(evaluation, suite) if suite is not None else evaluation
        samples = evaluation.candidate.samples if evaluation.candidate else None
        values, shown = _metrics(folder, samples, budgets)
        data = evaluation.report
        data = replace(data, metrics={**data.metrics, **shown})
        return show(context, replace(evaluation, report=data), config.gate, {"metrics": values})
    context.refuse(("baselines",), f"{run} has no verdict")
    return _without_verdict(context, folder, suite, budgets)


def _without_verdict(context: Context, folder: RunFolder, suite: Suite | None, budgets: str) -> int:
    """Show the levels of a run without a verdict; raises ``InvalidError`` if it has none."""
    from dataclasses import replace

    from smallscale_ci.errors import InvalidError
    from smallscale_ci.report import collect, console
    from smallscale_ci.run import chain
    from smallscale_ci.run.manifest import COMPLETE, INTERRUPTED

    manifest = folder.read_manifest()
    chain.check(folder.path, manifest)
    chain.refuse_lost_verdict(folder.path)
    status = manifest.status
    wanted = status == INTERRUPTED or bool(budgets)
    if suite is not None and wanted and folder.summary.exists():
        data = collect.interrupted(folder, suite)
        judged = folder.read_samples() if folder.judgements.exists() else None
        values, shown = _metrics(folder, judged, budgets)
        data = replace(data, metrics={**data.metrics, **shown})
        if status != INTERRUPTED:
            step = f"smallscale compare {folder.typed} auto"
            data = replace(data, status="complete", next_steps=(step,))
        if context.json:
            context.out.json({"run": str(folder.path), "metrics": values})
        context.out.result(console.render(data, context.out.width))
        return 0
    raise InvalidError(
        f"{folder.path} has no verdict to report: it is {status}.",
        f"Compare it first: smallscale compare {folder.typed} auto"
        if status == COMPLETE
        else f"Resume it: {folder.resume_command()}",
    )


def _levels(context: Context, path: Path) -> int:
    """Show the levels of another tool's results, which have no verdict."""
    from smallscale_ci.pipeline import sides
    from smallscale_ci.report import collect, console
    from smallscale_ci.run.records_json import summary_json

    run = sides.load(path, tools.wanted(verdicts=True))
    data, warnings = collect.levels(run), run.manifest.warnings if run.manifest else ()
    for warning in warnings:
        context.out.say(f"warning: {warning}")
    if context.json:
        levels = summary_json(data.candidate)
        context.out.json({"run": str(path), **levels, "warnings": list(warnings)})
    else:
        context.out.result(console.render(data, context.out.width))
    return 0


def _metrics(
    run: RunFolder, samples: Samples | None, budgets: str
) -> tuple[dict[str, dict[str, float]], dict[str, str]]:
    """pass@k and the like by task: as numbers, and as lines of the report."""
    from smallscale_ci.errors import UsageError
    from smallscale_ci.gate import at_k
    from smallscale_ci.report.formats import rate
    from smallscale_ci.run import tables

    try:
        limits = [int(word.replace("_", "")) for word in budgets.split(",") if word.strip()]
    except ValueError:
        limits = [0]
    if any(limit < 1 for limit in limits):
        raise UsageError(
            f"'{budgets}' is not a list of token budgets.", "For example --budgets 1024,2048,4096."
        )
    if samples is None:  # interrupted before anything was judged
        return {}, {}
    answers = tables.read(run.judgements, tables.JUDGEMENTS, ["extracted"])["extracted"].to_pylist()
    values = at_k.of_run(samples, answers, limits)
    shown = {
        f"{task} {name}": rate(value) for task, of in values.items() for name, value in of.items()
    }
    return values, shown
