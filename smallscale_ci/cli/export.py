"""``export``: a run in another tool's format."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import options
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option
from smallscale_ci.cli.targets import make_folder
from smallscale_ci.config.seams import EXPORTS, imported

if TYPE_CHECKING:  # typer takes choices from an enumeration, and the table names these
    Form = str
else:
    Form = StrEnum("Form", {name.upper(): name for name in EXPORTS})


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    command(
        app, "export", "smallscale export runs/20260131-120000-smoke-smollm2-1a2b --to inspect"
    )(export)


def export(
    context: Context,
    run: options.RunArgument,
    to: Annotated[Form, option("--to", help="The format: a log, samples, or .eval_results.")],
    output: Annotated[
        Path | None,
        option("--output", "-o", help="Folder to write to.", show_default="RUN/export/FORM"),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        option(
            "--dataset",
            help="hub: the data set of a task, TASK=ORG/NAME or TASK=ORG/NAME:TASK_ID.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write a run in the format of inspect, lm-eval or the model hub.

    inspect's viewer opens the logs, lm-eval's table code reads the results, and .eval_results goes
    into the model's repository on the hub.
    """
    from smallscale_ci.errors import UsageError
    from smallscale_ci.files import storage_errors
    from smallscale_ci.interop.exported import Source
    from smallscale_ci.run import chain
    from smallscale_ci.run.folder import open_run
    from smallscale_ci.run.run import read_run
    from smallscale_ci.suite.local import load_suite

    folder = open_run(run)
    config = folder.read_config()
    suite = load_suite(config.suite, Path(config.suite_folder), context.settings().cache)
    held = read_run(run)
    chain.refuse_lost_verdict(run)
    if held.manifest is None or held.manifest.suite.hash != suite.hash:
        raise UsageError(
            f"The data of suite '{suite.name}' changed since {run} was generated.",
            "Restore the suite's files.",
        )
    named = _datasets(dataset or (), to, [task.name for task in suite.tasks])
    target = output or run / "export" / to
    make_folder(target, "--output")
    with storage_errors(str(target), "Free disk space, or choose another folder with --output."):
        written = imported(EXPORTS[to].write)(Source(folder, held, suite, named), target)
    if context.json:
        context.out.json({"written": [str(path) for path in written]})
        return
    for path in written:
        context.out.result(f"written: {path}")


def _datasets(given: Sequence[str], to: Form, tasks: Sequence[str]) -> dict[str, str]:
    """Task → data set of ``--dataset``. Raises ``UsageError`` for what would do nothing."""
    from smallscale_ci.errors import UsageError, did_you_mean

    if given and not EXPORTS[to].datasets:
        naming = " or ".join(name for name, kind in EXPORTS.items() if kind.datasets)
        raise UsageError(
            f"--dataset names a data set of the hub, and --to is {to}.",
            f"Leave out --dataset, or use --to {naming}.",
        )
    named = {}
    for one in given:
        task, _, where = (part.strip() for part in one.partition("="))
        if not task or where.count("/") != 1:
            raise UsageError(
                f"--dataset {one} is not of the form TASK=ORG/NAME.",
                f"For example --dataset {tasks[0]}=openai/gsm8k",
            )
        if task not in tasks:
            raise UsageError(
                f"--dataset: the run has no task '{task}'{did_you_mean(task, tasks)}.",
                f"It has: {', '.join(tasks)}.",
            )
        named[task] = where
    return named
