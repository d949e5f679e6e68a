"""``suite`` and ``schema``: what is configured."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli.command import Context, command

if TYPE_CHECKING:
    from smallscale_ci.config.models import SuiteConfig
    from smallscale_ci.suite.model import Suite

_NAME = Annotated[str, typer.Argument(help="A suite's name or YAML file.", show_default=False)]


class SchemaName(StrEnum):
    """What has a JSON schema."""

    SUITE = "suite"
    ENGINE = "engine"
    GATE = "gate"


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    group = typer.Typer(help="Suites and their data.", no_args_is_help=True)
    command(group, "list", "smallscale suite list")(list_all)
    command(group, "show", "smallscale suite show smoke --problems 3")(show)
    command(group, "verify", "smallscale suite verify smoke")(verify)
    app.add_typer(group, name="suite")
    command(app, "schema", "smallscale schema gate > gate.schema.json")(schema)


def list_all(context: Context) -> None:
    """List the suites that can be named."""
    from smallscale_ci.config.load import load, names
    from smallscale_ci.config.models import SuiteConfig

    roots = context.settings().roots
    suites = [load(SuiteConfig, name, roots) for name in names(SuiteConfig, roots)]
    if context.json:
        context.out.json([suite.name for suite in suites])
        return
    rows = [
        (suite.name, ", ".join(task.name for task in suite.tasks), suite.gate, suite.description)
        for suite in suites
    ]
    context.out.table(("suite", "tasks", "gate", "description"), rows)


def show(
    context: Context,
    name: _NAME,
    problems: Annotated[
        int,
        typer.Option("--problems", min=0, envvar="SMALLSCALE_PROBLEMS", help="Print so many each."),
    ] = 1,
) -> None:
    """Show a suite: tasks, sampling, hash, and some problems as the model sees them."""
    from smallscale_ci.prompts import messages

    suite, config = _load(context, name)
    if context.json:
        value = config.model_dump(mode="json")
        context.out.json({**value, "hash": suite.hash, "problems": len(suite.problems)})
        return
    counts = {
        task.name: sum(problem.task == task.name for problem in suite.problems)
        for task in suite.tasks
    }
    sampling = config.sampling.model_dump()
    context.out.mapping(
        {
            "suite": suite.name,
            "hash": suite.hash,
            "gate": config.gate,
            "sampling": " · ".join(f"{key} {value}" for key, value in sampling.items()),
            **{f"task {task}": f"{count:,} problems" for task, count in counts.items()},
        }
    )
    for task in suite.tasks:
        for problem in [p for p in suite.problems if p.task == task.name][:problems]:
            context.out.result(f"\n[{task.name}] {problem.id}, gold: {problem.gold}")
            for message in messages(task.prompt, problem):
                context.out.result(f"  {message['role']}: {message['content']}")


def verify(context: Context, name: _NAME) -> None:
    """Load a suite completely: every row is checked, and every pin."""
    suite, _ = _load(context, name)
    if context.json:
        context.out.json({"suite": suite.name, "hash": suite.hash, "problems": len(suite.problems)})
        return
    context.out.result(f"{suite.name}: {len(suite.problems):,} problems, hash {suite.hash}")


def schema(
    context: Context,
    name: Annotated[SchemaName, typer.Argument(help="Which configuration.", show_default=False)],
) -> None:
    """Print a configuration's JSON schema."""
    from smallscale_ci.config.schema import schema as of

    context.out.json(of(name.value))


def _load(context: Context, name: str) -> tuple[Suite, SuiteConfig]:
    from smallscale_ci.config.load import find, load
    from smallscale_ci.config.models import SuiteConfig
    from smallscale_ci.suite.local import load_suite

    roots = context.settings().roots
    config = load(SuiteConfig, name, roots)
    return load_suite(config, find(SuiteConfig, name, roots).parent), config
