"""``suite`` and ``schema``: what is configured."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option
from smallscale_ci.cli.tried import all_tried

if TYPE_CHECKING:
    from smallscale_ci.config.suite import SuiteConfig, TaskConfig
    from smallscale_ci.records import FewClusters
    from smallscale_ci.suite.model import Suite

_TELL_EVERY_S = 3.0
_NAME = Annotated[str, typer.Argument(help="A suite's name or YAML file.", show_default=False)]


class SchemaName(StrEnum):
    """What has a JSON schema."""

    SUITE = "suite"
    ENGINE = "engine"
    GATE = "gate"
    PAIRS = "pairs"
    TRAIN = "train"
    GRID = "grid"
    VERDICT = "verdict"


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    group = typer.Typer(help="Suites and their data.", no_args_is_help=True)
    command(group, "list", "smallscale suite list")(list_all)
    command(group, "show", "smallscale suite show smoke --problems 3")(show)
    command(group, "pull", "smallscale suite pull gsm8k")(pull)
    command(group, "verify", "smallscale suite verify smoke")(verify)
    app.add_typer(group, name="suite")
    command(app, "schema", "smallscale schema gate > gate.schema.json")(schema)


def list_all(context: Context) -> None:
    """List the available suites."""
    from smallscale_ci.config.folders import names
    from smallscale_ci.config.suite import SuiteConfig
    from smallscale_ci.suite.local import not_pulled

    settings = context.settings()
    with all_tried(context) as results:
        found = results(partial(_configured, context), names(SuiteConfig, settings.roots))
        if not context.json:
            rows = []
            for suite, base in found:
                missing = not_pulled(suite, base, settings.cache)
                data = "to be pulled" if missing else "here"
                count = str(len(suite.tasks))
                rows.append((suite.name, count, data, suite.gate, suite.description))
            context.out.table(("suite", "tasks", "data", "gate", "description"), rows)
    if context.json:
        context.out.json([suite.name for suite, _ in found])


def show(
    context: Context,
    name: _NAME,
    problems: Annotated[
        int,
        option("--problems", min=0, help="Problems to print for each task."),
    ] = 1,
) -> None:
    """Show a suite: tasks, sampling, hash, and some problems.

    The problems are shown as the model sees them.
    """
    from smallscale_ci.suite.local import not_pulled
    from smallscale_ci.suite.prompts import messages

    config, base = _configured(context, name)
    missing = not_pulled(config, base, context.settings().cache)
    suite = None if missing else _load(context, name)
    if context.json:
        value = config.model_dump(mode="json")
        found = (suite.hash, len(suite.problems)) if suite else (None, None)
        context.out.json({**value, "hash": found[0], "problems": found[1], "pulled": not missing})
        return
    sampling = config.sampling.model_dump()
    context.out.mapping(
        {
            "suite": config.name,
            "description": config.description,
            "hash": suite.hash if suite else f"not known before `smallscale suite pull {name}`",
            "gate": config.gate,
            "sampling": " · ".join(
                f"{key} {value}" for key, value in sampling.items() if value != ()
            ),
            **{f"task {task.name}": _about(task, suite) for task in config.tasks},
        }
    )
    for task in config.tasks if suite is None else ():
        context.out.result(f"\n[{task.name}] user: {task.prompt.user}")
    for task in suite.tasks if suite is not None else ():
        for problem in list(suite.of(task.name))[:problems] if suite else ():
            context.out.result(f"\n[{task.name}] {problem.id}, gold: {problem.gold}")
            for message in messages(task.prompt, problem):
                context.out.result(f"  {message['role']}: {message['content']}")


def pull(
    context: Context,
    names: Annotated[
        list[str], typer.Argument(help="Suites: names or YAML files.", show_default=False)
    ],
    origin: Annotated[
        str | None,
        option(
            "--from",
            help="A folder, file or URL that has a copy, for example a checkout of the toolkit.",
            show_default="where the suite says",
        ),
    ] = None,
) -> None:
    """Get the data of suites, checked against their pins.

    The data are kept in the cache ($SMALLSCALE_CACHE). A source without a pin gets one, in
    pins.lock.json beside its suite: commit it.
    """
    from dataclasses import asdict

    from smallscale_ci.report.formats import count
    from smallscale_ci.suite.published import pull as pull_task

    cache = context.settings().cache

    def get(name: str) -> dict[str, Any]:
        config, base = _configured(context, name)

        def get_task(task: TaskConfig) -> dict[str, Any]:
            pulled = pull_task(task, base, cache, origin, _teller(context))
            state = "" if pulled.fresh else ", here already"
            context.out.say(
                f"{task.name}: {count(pulled.rows, 'row')}, {count(pulled.problems, 'problem')}, "
                f"{_PINNED[pulled.pinned]}{state}{_skipped(task)}"
            )
            return asdict(pulled)

        with all_tried(context) as results:
            done = results(get_task, config.tasks)
        return {**_checked(context, name), "tasks": done}

    with all_tried(context) as results:
        value = results(get, names)
    if context.json:
        context.out.json(value[0] if len(value) == 1 else value)


def verify(
    context: Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(help="Suites: names or YAML files.", show_default="all whose data are here"),
    ] = None,
) -> None:
    """Load suites completely: every row is checked, and every pin."""
    from smallscale_ci.config.folders import names as known
    from smallscale_ci.config.suite import SuiteConfig
    from smallscale_ci.suite.local import not_pulled

    settings = context.settings()

    def check(name: str) -> dict[str, Any] | None:
        if not names and not_pulled(*_configured(context, name), settings.cache):
            context.out.say(f"{name}: not pulled")
            return None
        return _checked(context, name)

    with all_tried(context) as results:
        found = results(check, names or known(SuiteConfig, settings.roots))
    value = [checked for checked in found if checked]
    if context.json:
        context.out.json(value[0] if len(names or ()) == 1 else value)


def _checked(context: Context, name: str) -> dict[str, Any]:
    """Load a suite, print what it holds, and return that."""
    from smallscale_ci.report.formats import count
    from smallscale_ci.report.planning import limit

    suite = _load(context, name)
    if not context.json:
        skipped = "".join(_skipped(task) for task in suite.tasks)
        problems = count(len(suite.problems), "problem")
        context.out.result(f"{suite.name}: {problems}, hash {suite.hash}{skipped}")
        for found in _few_clusters(suite):
            context.out.warning(limit(found))
    rows = {t.name: [row.model_dump() for row in t.skip] for t in suite.tasks if t.skip}
    told = {"skipped": rows} if rows else {}
    return {"suite": suite.name, "hash": suite.hash, "problems": len(suite.problems), **told}


def _few_clusters(suite: Suite) -> tuple[FewClusters, ...]:
    from smallscale_ci.gate.holdable import few_clusters
    from smallscale_ci.run.names import Names

    groups = {
        task.name: Names.of(problem.cluster or problem.id for problem in suite.of(task.name))
        for task in suite.tasks
    }
    return few_clusters({task: names.codes() for task, names in groups.items()})


def _skipped(task: TaskConfig) -> str:
    from smallscale_ci.report.formats import count

    rows = count(len(task.skip), "unusable row")
    return f"; {task.name}: {rows} left out" if task.skip else ""


def schema(
    context: Context,
    name: Annotated[SchemaName, typer.Argument(help="Which configuration.", show_default=False)],
) -> None:
    """Print the JSON schema of a file."""
    from smallscale_ci.config.schema import schema as of
    from smallscale_ci.run.records_json import verdict_schema

    context.out.json(verdict_schema() if name is SchemaName.VERDICT else of(name.value))


_PINNED = {
    "sha256": "as pinned (sha256)",
    "blob": "as pinned (git blob id)",
    "lock": "as pinned (pins.lock.json)",
    "recorded": "pin recorded in pins.lock.json: commit it",
    "shipped": "shipped with the package",
}


def _about(task: TaskConfig, suite: Suite | None) -> str:
    from smallscale_ci.report.formats import count

    epochs = count(task.epochs, "epoch")
    parts = [task.source, f"judge {task.judge.name}", f"{task.metric}, {epochs}"]
    if suite is not None:
        parts.insert(0, count(sum(1 for _ in suite.of(task.name)), "problem"))
    return " · ".join(parts)


def _teller(context: Context) -> Callable[[str, int, int | None], None]:
    """Returns a function that reports the progress of a download now and then."""
    last = time.monotonic()

    def tell(task: str, done: int, total: int | None) -> None:
        nonlocal last
        if time.monotonic() - last >= _TELL_EVERY_S:
            last = time.monotonic()
            of = f" of {total / 1e6:,.1f}" if total else ""
            context.out.say(f"{task}: {done / 1e6:,.1f}{of} MB")

    return tell


def _configured(context: Context, name: str) -> tuple[SuiteConfig, Path]:
    """A suite's configuration and the folder that its relative sources start from."""
    from smallscale_ci.config.folders import find
    from smallscale_ci.config.load import load
    from smallscale_ci.config.suite import SuiteConfig

    roots = context.settings().roots
    return load(SuiteConfig, name, roots), find(SuiteConfig, name, roots).parent


def _load(context: Context, name: str) -> Suite:
    from smallscale_ci.suite.local import load_suite

    return load_suite(*_configured(context, name), context.settings().cache)
