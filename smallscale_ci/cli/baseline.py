"""``baseline``: stored baselines, recorded, listed, shown and verified."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import options, tools
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import baseline_names, option
from smallscale_ci.cli.tried import all_tried

if TYPE_CHECKING:
    from datetime import datetime

    from smallscale_ci.run.baseline_record import BaselineRecord

_RECORD = "Record one: smallscale baseline record RUN --by NAME --reason 'first baseline'"


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    group = typer.Typer(help="Stored baselines.", no_args_is_help=True)
    command(group, "record", "smallscale baseline record runs/NEW --reason 'v2 tokenizer'")(record)
    command(group, "list", "smallscale baseline list")(list_all)
    command(group, "show", "smallscale baseline show smoke/vllm-cpu/smollm2")(show_one)
    command(group, "verify", "smallscale baseline verify")(verify)
    app.add_typer(group, name="baseline")


def record(
    context: Context,
    run: Annotated[
        Path,
        typer.Argument(
            help="A run folder, or another tool's results (docs/interop.md).", show_default=False
        ),
    ],
    reason: Annotated[
        str,
        option("--reason", "-m", help="Why this run is the new reference."),
    ],
    by: Annotated[
        str,
        option(
            "--by",
            help="The person responsible for it. Default: git's user.name.",
            show_default=False,
        ),
    ] = "",
    *,
    side: tools.Side,
    baselines: options.Baselines = None,
) -> None:
    """Store a complete run as the baseline of its model.

    Each suite, profile and model has one; the previous one is kept in history/. A run with too few
    judged samples is refused.
    """
    from datetime import UTC, datetime

    from smallscale_ci.cli import places
    from smallscale_ci.config.policy import GatePolicy
    from smallscale_ci.errors import UsageError
    from smallscale_ci.files import git_line
    from smallscale_ci.pipeline import sides
    from smallscale_ci.run import chain, recording
    from smallscale_ci.run.folder import open_run
    from smallscale_ci.run.run import read_run

    min_judged = float(GatePolicy.model_fields["min_judged"].default)
    if sides.is_foreign(run):
        made = sides.load(run, *side.load())
    else:
        folder = open_run(run)
        side.refuse(context, f"{run} is a run")
        folder.refuse_unfinished()
        chain.refuse_lost_verdict(run)
        config = folder.read_config() if folder.config.exists() else None
        if config and config.limit:
            raise UsageError(
                f"{run} covers only a part of its suite (--limit  {config.limit}).",
                "Record a run of the whole suite: smallscale generate MODEL --epochs 8.",
            )
        made, min_judged = read_run(run), config.gate.min_judged if config else min_judged
    # Reading falls back to the baselines that ship with smallscale; writing does not.
    where = recording.record(
        made,
        root=baselines or places.project(Path.cwd()) / "baselines",
        now=datetime.now(UTC),
        by=by or git_line(Path.cwd(), "config", "user.name"),
        reason=reason,
        min_judged=min_judged,
    )
    if context.json:
        context.out.json({"recorded": str(where)})
        return
    context.out.result(f"recorded: {where}")
    context.out.say(f"Commit it: git add {quote(str(where))} && git commit")


def list_all(context: Context, baselines: options.Baselines = None) -> None:
    """List the stored baselines."""
    from datetime import UTC, datetime

    from smallscale_ci.run import baselines as stored

    root = _root(context, baselines)
    with all_tried(context) as results:
        found = results(lambda name: (name, stored.show(root, name)), stored.names(root))
        if not context.json:
            now = datetime.now(UTC)
            rows = [_row(name, value, now) for name, value in found]
            if rows:
                context.out.table(("baseline", "recorded", "age", "by", "epochs", "accuracy"), rows)
            elif not stored.names(root):
                context.out.say(f"No baseline in {root} yet. {_RECORD}")
    if context.json:
        context.out.json([name for name, _ in found])


def _root(context: Context, baselines: Path | None) -> Path:
    """The folder of the baselines.

    Raises ``UsageError`` if it is a file, or if the command line names one that does not exist.
    """
    from smallscale_ci.errors import UsageError

    root = context.settings(baselines=baselines).baselines
    if root.exists() and not root.is_dir():
        raise UsageError(f"{root} is not a folder.", f"Name another folder. {_RECORD}")
    if "baselines" in context.given and not root.exists():
        raise UsageError(f"{root} does not exist.", f"Name another folder. {_RECORD}")
    return root


def _row(name: str, value: BaselineRecord, now: datetime) -> tuple[str, ...]:
    """A baseline's line in the table."""
    from smallscale_ci.records import Metric
    from smallscale_ci.report.formats import age, task_level

    levels = " · ".join(
        f"{task.task} {task_level(Metric.ACCURACY, task)}" for task in value.summary.tasks
    )
    epochs = f"{value.summary.tasks[0].epochs:g}"
    at, by = value.recorded.at, value.recorded.by
    return name, at[:10], age(at, now), by, epochs, levels


def show_one(
    context: Context,
    name: Annotated[
        str,
        typer.Argument(
            autocompletion=baseline_names,
            help="SUITE/PROFILE/MODEL, or MODEL if only one baseline has that model.",
            show_default=False,
        ),
    ],
    baselines: options.Baselines = None,
) -> None:
    """Show one baseline: its levels, who recorded it, and why.

    Also shows the run that it comes from, with everything known about how that was made.
    """
    from datetime import UTC, datetime

    from smallscale_ci.cli import levels
    from smallscale_ci.report.formats import age
    from smallscale_ci.run import baselines as stored
    from smallscale_ci.run.manifest import flat

    root = _root(context, baselines)
    name = stored.named(root, name)
    record = stored.show(root, name)
    value = {**record.to_json(), "history": list(stored.history(root, name))}
    if context.json:
        context.out.json(value)
        return
    recorded = record.recorded
    old = age(recorded.at, datetime.now(UTC))
    context.out.mapping(
        {
            "baseline": name,
            "recorded": f"{recorded.at[:10]} ({old}) by {recorded.by}",
            "why": recorded.reason,
            "from run": recorded.run_id,
        }
    )
    context.out.result("")
    levels.table(context, record.summary)
    context.out.result("")
    known = {"summary", "schema_version", "recorded", "suite", "profile", "model"}
    context.out.mapping(flat({key: item for key, item in value.items() if key not in known}))


def verify(context: Context, baselines: options.Baselines = None) -> int:
    """Check that every stored baseline is as it was recorded."""
    from smallscale_ci.errors import EXIT_INVALID, InvalidError
    from smallscale_ci.report.formats import count
    from smallscale_ci.run import baselines as stored

    root = _root(context, baselines)
    problems, known = stored.verify(root), stored.names(root)
    if not problems and not known:
        raise InvalidError(f"No baseline in {root}.", _RECORD)
    if context.json:
        context.out.json({"problems": problems, "baselines": list(known)})
    for problem in problems:
        context.out.error(problem, "Restore it from git, or record it again.")
    if not problems and not context.json:
        context.out.result(f"{count(len(known), 'baseline')}, all as recorded")
    return EXIT_INVALID if problems else 0
