"""The levels of a run, as commands show them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from smallscale_ci.cli.command import Context
    from smallscale_ci.records import Summary


def show(context: Context, path: Path) -> None:
    """The levels of a judged run."""
    value = tell(context, path)
    if context.json:
        context.out.json(value)


def tell(context: Context, path: Path) -> dict[str, Any]:
    """Print the levels of a judged run for people; its JSON value."""
    from smallscale_ci.report import wording
    from smallscale_ci.run.folder import open_run
    from smallscale_ci.run.records_json import summary_json
    from smallscale_ci.run.run import read_summary

    run = open_run(path)
    if not run.summary.exists():
        context.out.say(f"written: {run.generations}")
        return {"run": str(path)}
    summary = read_summary(run)
    if not context.json:
        table(context, summary)
        for task, errors in run.read_manifest().judge_errors.items():
            context.out.result(f"{task}: accuracy {wording.corrected(errors)}.")
        context.out.say(f"written: {path}")
    return {**summary_json(summary), "run": str(path)}


def table(context: Context, summary: Summary) -> None:
    """The levels of each task as a table."""
    from smallscale_ci.report.formats import columns, task_level

    metrics = columns([task.levels for task in summary.tasks], zeros=False)
    rows = [
        (
            task.task,
            str(task.problems),
            f"{task.epochs:g}",
            *(task_level(metric, task) for metric in metrics),
        )
        for task in summary.tasks
    ]
    headings = (metric.heading for metric in metrics)
    context.out.table(("task", "problems", "epochs", *headings), rows)
