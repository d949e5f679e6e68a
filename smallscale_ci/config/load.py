"""Configuration files: found by name, checked as a whole, and written back complete.

An invalid file raises one ``ConfigError`` with all its problems, each ``file:line: key: what is
wrong``. Validation goes through JSON, where strict models take a list for a tuple but never a
text for a number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from smallscale_ci.config.base import Config, NamedConfig
from smallscale_ci.config.document import EXPONENT, Document
from smallscale_ci.config.folders import find, read_text
from smallscale_ci.config.problems import article, schema_hint, sentence
from smallscale_ci.config.suite import SuiteConfig, TaskConfig
from smallscale_ci.errors import ConfigError, DataError, UsageError, own_problems, shown

C = TypeVar("C", bound=NamedConfig)

_OF_ONE_FILE = frozenset({"sha256", "blob", "skip"})  # what is not taken over for another source


def load(
    model: type[C], name_or_path: str, roots: Sequence[Path], *, above: tuple[Path, ...] = ()
) -> C:
    """Read and check one configuration, by name or by path.

    ``above`` are the files that refer to this one. Raises ``UsageError`` for an unknown name and
    ``ConfigError`` with every problem of the file.
    """
    path = find(model, name_or_path, roots)
    config = parse(model, read_text(path), str(path), roots, above=(*above, path.resolve()))
    # A copied file that kept the old name would call its runs and baselines by that name.
    if path.stem == name_or_path != config.name:
        problem = f"{path}: name: is '{config.name}', but the file is called {path.name}"
        raise ConfigError(f"{path} has 1 problem.", [problem], "Make the two agree.")
    return config


def parse(
    model: type[C],
    text: str,
    file: str,
    roots: Sequence[Path] = (),
    *,
    above: tuple[Path, ...] = (),
) -> C:
    """Check the YAML ``text`` against ``model``; ``file`` is what problems call it.

    Suites that its tasks name with ``from`` are looked up in ``roots``. Raises ``ConfigError`` with
    all problems, in the order of their lines.
    """
    document = Document(file)
    data = document.read(text)
    if data is None:
        document.problem((), f"is empty; {article(model.kind)} has at least a name")
    elif not isinstance(data, dict):
        document.problem((), f"must be a mapping of keys to values, not {shown(data)}")
    else:
        if issubclass(model, SuiteConfig):
            _take_over(document, data, roots, above)
        try:
            config = model.model_validate_json(json.dumps(data))
        except ValidationError as error:
            for item in own_problems(error):
                document.problem(item["loc"], sentence(model, item))
        else:
            if not document.problems:
                return config
    problems = [text for _, text in sorted(document.problems, key=lambda found: found[0])]
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    raise ConfigError(f"{file} has {count}.", problems, schema_hint(model))


def checked(model: type[C], value: Any, where: str, hint: str) -> C:
    """``value`` from one of our JSON files as a configuration; errors name it ``where``.

    Raises ``DataError``.
    """
    try:
        return model.model_validate_json(json.dumps(value))
    except (ValidationError, ValueError, RecursionError) as error:
        what = "it cannot be read"
        if isinstance(error, ValidationError):
            item = own_problems(error)[0]
            what = f"{'.'.join(map(str, item['loc'])) or 'it'} {sentence(model, item)}"
        raise DataError(f"{where} is damaged: {what}.", hint) from error


def read_value(text: str, place: str) -> Any:
    """One YAML value, read as in a file. Raises ``ConfigError``, which names ``place``."""
    document = Document(place)
    found = document.read(text)
    if document.problems:
        raise ConfigError(f"{place} cannot be read.", [problem for _, problem in document.problems])
    return found


def _take_over(
    document: Document, data: dict[str, Any], roots: Sequence[Path], above: tuple[Path, ...]
) -> None:
    """Replace every ``from: SUITE`` or ``from: SUITE/TASK`` by that task's settings.

    The task's own keys win. Each entry stays one entry, so that problems keep their line numbers.
    """
    tasks = data.get("tasks")
    if not isinstance(tasks, list):
        return
    for index, task in enumerate(tasks):
        if isinstance(task, dict) and "from" in task:
            own = {key: value for key, value in task.items() if key != "from"}
            try:
                taken = _task_of(str(task["from"]), roots, above)
                if "source" in own:  # another file has another pin
                    taken = {key: taken[key] for key in taken if key not in _OF_ONE_FILE}
                tasks[index] = {**taken, **own}
            except UsageError as error:
                tasks[index] = None
                within = [*getattr(error, "problems", ())]
                document.refuse(("tasks", index), " ".join(["from:", error.message, *within]))


def _task_of(name: str, roots: Sequence[Path], above: tuple[Path, ...]) -> dict[str, Any]:
    suite, _, wanted = name.partition("/")
    path = find(SuiteConfig, suite, roots)
    if path.resolve() in above:
        raise UsageError(f"'{suite}' refers back to this suite.")
    tasks = {task.name: task for task in load(SuiteConfig, suite, roots, above=above).tasks}
    if not wanted and len(tasks) == 1:
        wanted = next(iter(tasks))
    if wanted not in tasks:
        raise UsageError(f"The suite '{suite}' has the tasks {', '.join(tasks)}: name one.")
    return _apart(tasks[wanted], path.parent)


def _apart(task: TaskConfig, folder: Path) -> dict[str, Any]:
    """The settings in a task's file, with a source that can be found from any folder."""
    given = task.model_dump(mode="json", exclude_unset=True)
    local = folder / task.source
    return {**given, "source": str(local.resolve())} if local.is_file() else given


def dump(model: Config) -> str:
    """``model`` as YAML, every default written out, in the order of its fields."""
    # PyYAML folds these three line breaks into others unless all of Unicode is escaped.
    readable = not re.search("[\x85\u2028\u2029]", model.model_dump_json())
    data = model.model_dump(mode="json")
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=readable, width=100)


class _Dumper(yaml.SafeDumper):
    """Quotes strings that would otherwise be read as numbers."""


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(rf"{EXPONENT.pattern}$"), [*"-+0123456789"]
)
