"""Suites from Parquet, JSONL or CSV files, local or pulled, pinned by hash, every row checked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from smallscale_ci.config.suite import SuiteConfig, TaskConfig
from smallscale_ci.config.template import SYSTEM
from smallscale_ci.errors import DataError
from smallscale_ci.records import Problem
from smallscale_ci.suite import files, pins, published, source
from smallscale_ci.suite.model import Suite, suite_hash
from smallscale_ci.suite.normal import Numbered, normal, refusal
from smallscale_ci.suite.rows import RowError, problem


def load_suite(config: SuiteConfig, base: Path, cache: Path | None = None) -> Suite:
    """Read the problems of every task; relative sources start from the folder ``base``.

    ``cache`` is where ``suite pull`` puts data. Raises ``DataError`` for a file that is missing,
    changed, empty, corrupt or not pulled yet, for a row that cannot be used, and for a problem
    that appears twice.
    """
    if missing := not_pulled(config, base, cache):
        raise DataError(
            f"The data of {', '.join(missing)} are not on this machine yet.",
            f"Get them with `smallscale suite pull {config.name}`.",
        )
    problems = tuple(found for task in config.tasks for found in load_task(task, base, cache))
    tasks = tuple(_with_system(task, config.template.get(SYSTEM)) for task in config.tasks)
    return Suite(config.name, tasks, problems, suite_hash(tasks, problems))


def _with_system(task: TaskConfig, default: Any) -> TaskConfig:
    """``task`` with the ``default`` system message, unless it has its own."""
    if default is None or task.prompt.system is not None:
        return task
    prompt = task.prompt.model_copy(update={"system": default})
    return task.model_copy(update={"prompt": prompt})


def not_pulled(config: SuiteConfig, base: Path, cache: Path | None) -> tuple[str, ...]:
    """The names of the tasks whose data must be pulled before the suite can be loaded."""
    return tuple(
        task.name
        for task in config.tasks
        if source.is_pulled(task.source)
        and (cache is None or published.cached(task, base, cache) is None)
    )


def load_task(task: TaskConfig, base: Path, cache: Path | None = None) -> tuple[Problem, ...]:
    """The problems of one task in the order of its file. Raises ``DataError``."""
    name, rows = _rows(task, base, cache)
    # Pulled data are in our own form, in which no gold is a position.
    counted_from = None if source.is_pulled(task.source) else task.gold_index
    problems: list[Problem] = []
    wrong: list[tuple[int, str]] = []
    for number, row in rows:
        try:
            problems.append(problem(row, task.name, task.judge.name, counted_from))
        except RowError as error:
            wrong.append((number, str(error)))
    if wrong:
        raise refusal(task, name, wrong)
    if not problems:
        raise DataError(f"Task {task.name}: {name} holds no problems.", "Is this the right file?")
    _refuse_duplicates(problems, task.name, name)
    return tuple(_chosen(problems, task.limit))


def _rows(task: TaskConfig, base: Path, cache: Path | None) -> tuple[str, Iterable[Numbered]]:
    """The name of the task's file, and its numbered rows in the schema of suites."""
    found = source.parse(task.source, base)
    if not isinstance(found, Path):
        path = published.cached(task, base, cache) if cache else None
        if path is None:
            raise DataError(
                f"The data of {task.name} are not on this machine yet.",
                "Get them with `smallscale suite pull` and the name of the suite.",
            )
        return str(path), enumerate(_pulled(path), start=1)
    if not found.is_file():
        raise DataError(
            f"Task {task.name}: there is no file {found}.",
            "Correct 'source' in the suite's YAML; relative paths start beside that YAML.",
        )
    pins.check_pin(task, found, base)
    return str(found), normal(files.rows(found), task, str(found))


def _pulled(path: Path) -> Iterator[files.Row]:
    try:
        yield from files.rows(path)
    except DataError as error:
        raise DataError(
            error.message, "`smallscale suite pull` with the suite's name repairs it."
        ) from error


def _chosen(problems: Sequence[Problem], limit: int | None) -> Sequence[Problem]:
    """At most ``limit`` problems, those with the smallest ids (hashes), in their order."""
    if limit is None or limit >= len(problems):
        return problems
    kept = {found.id for found in sorted(problems, key=lambda found: found.id)[:limit]}
    return [found for found in problems if found.id in kept]


def _refuse_duplicates(problems: Sequence[Problem], task: str, name: str) -> None:
    first: dict[str, int] = {}
    for number, found in enumerate(problems, start=1):
        earlier = first.setdefault(found.id, number)
        if earlier != number:
            raise DataError(
                f"Task {task}: {name}: rows {earlier} and {number} are the same problem.",
                "Remove one: to sample a problem more often, ask for more epochs.",
            )
