"""Configuration files: found by name, checked as a whole, and written back complete.

A wrong file gives one ``ConfigError`` with all its problems, each ``file:line: key: what is
wrong``. Validation goes through JSON, where strict models take a list for a tuple but never a
text for a number.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smallscale_ci.config.models import Config, NamedConfig, SuiteConfig, TaskConfig
from smallscale_ci.config.schema import MODELS
from smallscale_ci.errors import ConfigError, DataError, UsageError, did_you_mean

C = TypeVar("C", bound=NamedConfig)

_SUFFIXES = (".yaml", ".yml")
_PACKAGE = Path(__file__).resolve().parent.parent
# YAML 1.1 reads 1e-3 as a text; everyone who writes it means the number.
_EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
_OF_ONE_FILE = frozenset({"sha256", "blob", "skip"})  # what does not go over to another source
_WORDS = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a string (quote it)",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


def default_roots(cwd: Path) -> tuple[Path, ...]:
    """Folders that are searched for configurations, the first match wins.

    ``cwd``/configs if there is one, then the configurations shipped with the package: the
    repository's ``configs`` in a checkout, ``smallscale_ci/_configs`` in an installed wheel.
    """
    checkout = _PACKAGE.parent / "configs"
    shipped = _PACKAGE / "_configs"
    folders = (cwd / "configs", shipped if shipped.is_dir() else checkout)
    return tuple(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))


def names(model: type[NamedConfig], roots: Sequence[Path]) -> tuple[str, ...]:
    """All names of this kind of configuration in ``roots``, sorted."""
    return tuple(sorted(_files(model, roots)))


def is_path(name_or_path: str) -> bool:
    """Whether a configuration is given as a file, not by its name."""
    return name_or_path.endswith(_SUFFIXES) or "/" in name_or_path or "\\" in name_or_path


def find(model: type[NamedConfig], name_or_path: str, roots: Sequence[Path]) -> Path:
    """The file of a configuration. Raises ``UsageError`` that names the nearest valid name."""
    if is_path(name_or_path):
        path = Path(name_or_path)
        if path.is_file():
            return path
        raise UsageError(
            f"There is no file {path}.",
            f"Give the path of a YAML file or the name of {_article(model.kind)}: "
            f"{', '.join(names(model, roots)) or 'none is known'}.",
        )
    files = _files(model, roots)
    if name_or_path in files:
        return files[name_or_path]
    raise UsageError(
        f"There is no {model.kind} '{name_or_path}'{did_you_mean(name_or_path, files)}.",
        f"Known: {', '.join(sorted(files)) or 'none'}. Your own go into "
        f"configs/{model.folder}/NAME.yaml; the path of a YAML file works, too.",
    )


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

    Suites that its tasks name with ``from`` are searched in ``roots``. Raises ``ConfigError`` with
    all problems, in the order of their lines.
    """
    document = _Document(file)
    data = document.read(text)
    if data is None:
        document.problem((), f"is empty; {_article(model.kind)} has at least a name")
    elif not isinstance(data, dict):
        document.problem((), f"must be a mapping of keys to values, not {_shown(data)}")
    else:
        if issubclass(model, SuiteConfig):
            _take_over(document, data, roots, above)
        try:
            config = model.model_validate_json(json.dumps(data))
        except ValidationError as error:
            for item in _own(error):
                document.problem(item["loc"], sentence(model, item))
        else:
            if not document.problems:
                return config
    problems = [text for _, text in sorted(document.problems, key=lambda found: found[0])]
    count = f"{len(problems)} problem{'s' if len(problems) > 1 else ''}"
    raise ConfigError(f"{file} has {count}.", problems, schema_hint(model))


def checked(model: type[C], value: Any, where: str, hint: str) -> C:
    """``value`` of a JSON file, of ours, as a configuration; ``where`` is what errors call it.

    Raises ``DataError``.
    """
    try:
        return model.model_validate_json(json.dumps(value))
    except (ValidationError, ValueError, RecursionError) as error:
        what = "it cannot be read"
        if isinstance(error, ValidationError):
            item = next(iter(_own(error)))
            what = f"{'.'.join(map(str, item['loc'])) or 'it'} {sentence(model, item)}"
        raise DataError(f"{where} is damaged: {what}.", hint) from error


def _own(error: ValidationError) -> Iterator[ErrorDetails]:
    """The problems that do not follow from other ones.

    Items with problems of their own are missing from the list that is too short, and from what a
    default is made of.
    """
    for item in error.errors(include_url=False):
        is_left = item["type"] == "too_short" and bool(item["input"])
        if not is_left and item["type"] != "default_factory_not_called":
            yield item


def schema_hint(model: type[Config]) -> str:
    """Where to read what files of this kind may hold; empty for those that nobody writes."""
    schema = next((name for name, known in MODELS.items() if known is model), None)
    return f"`smallscale schema {schema}` prints what such files may hold." if schema else ""


def read_value(text: str, place: str) -> Any:
    """One YAML value as a file would have it. Raises ``ConfigError`` that names ``place``."""
    document = _Document(place)
    found = document.read(text)
    if document.problems:
        raise ConfigError(f"{place} cannot be read.", [problem for _, problem in document.problems])
    return found


def _take_over(
    document: _Document, data: dict[str, Any], roots: Sequence[Path], above: tuple[Path, ...]
) -> None:
    """Replace every ``from: SUITE`` or ``from: SUITE/TASK`` by that task's settings.

    The task's own keys win. One entry stays one entry, so that problems keep their lines.
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
        raise UsageError(f"the suite '{suite}' has the tasks {', '.join(tasks)}: name one.")
    return _apart(tasks[wanted], path.parent)


def _apart(task: TaskConfig, folder: Path) -> dict[str, Any]:
    """The settings that a task's file gives, with a source that is found from anywhere."""
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
    """Puts texts in quotes that would be read as numbers."""


_Dumper.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(rf"{_EXPONENT.pattern}$"), [*"-+0123456789"]
)


class _Document:
    """One YAML file as plain data, with the line of every key and all problems found so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[tuple[int, str]] = []
        self._unread: set[tuple[int | str, ...]] = set()  # already reported; their value is a guess
        self._lines: dict[tuple[int | str, ...], int] = {(): 1}
        self._scalars = yaml.constructor.SafeConstructor()
        self._open: set[int] = set()  # nodes being read: an alias to one of them has no end

    def read(self, text: str) -> Any:
        """Plain data of ``text``; raises ``ConfigError`` for YAML that cannot be parsed at all."""
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except (yaml.YAMLError, RecursionError) as error:
            mark = getattr(error, "problem_mark", None)
            deep = "lists or mappings are nested too deeply"
            words = deep if isinstance(error, RecursionError) else str(error).splitlines()[0]
            what = getattr(error, "problem", None) or words
            where = f"{self.file}:{mark.line + 1}" if mark else self.file
            raise ConfigError(
                f"{self.file} is not valid YAML.",
                [f"{where}: {what}"],
                "Mind the indentation, and put texts with ':' or '#' in quotes.",
            ) from error
        return None if node is None else self._plain(node, ())

    def problem(self, location: tuple[int | str, ...], what: str) -> None:
        """Note a problem at the nearest known line of ``location``."""
        if location in self._unread:
            return
        known = location
        while known not in self._lines:
            known = known[:-1]
        self._add(self._lines[known], location, what)

    def _add(self, line: int, location: tuple[int | str, ...], what: str) -> None:
        key = ""
        for part in location:
            key += f"[{part}]" if isinstance(part, int) else f".{part}" if key else part
        self.problems.append((line, f"{self.file}:{line}: {key}{': ' if key else ''}{what}"))

    def _plain(self, node: Any, location: tuple[int | str, ...]) -> Any:
        self._lines.setdefault(location, node.start_mark.line + 1)
        if id(node) in self._open:
            return self.refuse(location, "refers to itself")
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return self._mapping(node, location)
            if isinstance(node, yaml.SequenceNode):
                return [self._plain(item, (*location, i)) for i, item in enumerate(node.value)]
            return self._scalar(node, location)
        finally:
            self._open.discard(id(node))

    def _mapping(self, node: yaml.MappingNode, location: tuple[int | str, ...]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._add(line, location, "a key must be a single word")
                continue
            key, place = key_node.value, (*location, key_node.value)
            if key in found:
                self._add(line, place, f"is given twice, first in line {self._lines[place]}")
                continue
            self._lines[place] = line
            found[key] = self._plain(value_node, place)
        return found

    def _scalar(self, node: yaml.ScalarNode, location: tuple[int | str, ...]) -> Any:
        if node.tag.endswith((":timestamp", ":binary")):
            return node.value
        try:
            value = self._scalars.construct_object(node)
        except (yaml.YAMLError, ValueError):
            return self.refuse(location, f"cannot read {_shown(node.value)} as {node.tag}")
        if isinstance(value, str) and node.style is None and _EXPONENT.fullmatch(value):
            value = float(value)
        if isinstance(value, float) and not math.isfinite(value):
            return self.refuse(location, f"must be a finite number, not {node.value}")
        return value

    def refuse(self, location: tuple[int | str, ...], what: str) -> None:
        """Note a problem of a value that can't be read: what takes its place is not checked."""
        self.problem(location, what)
        self._unread.add(location)


def _files(model: type[NamedConfig], roots: Sequence[Path]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for root in roots:
        folder = root / model.folder
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.suffix in _SUFFIXES and path.is_file():
                found.setdefault(path.stem, path)
    return found


def read_text(path: Path) -> str:
    """The text of a configuration file. Raises ``ConfigError``."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text.", hint="Save the file as UTF-8.") from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from error


def sentence(model: type[Config], item: ErrorDetails) -> str:
    """What is wrong, in words, with the nearest valid word where there is one."""
    kind, value, context = item["type"], item["input"], item.get("ctx", {})
    if kind in _WORDS:
        return f"must be {_WORDS[kind]}, not {_shown(value)}"
    match kind:
        case "missing":
            what = "is missing"
        case "extra_forbidden":
            known = _fields(model, item["loc"][:-1])
            what = f"unknown key{did_you_mean(str(item['loc'][-1]), known)}"
        case "literal_error":
            words = re.findall(r"'([^']+)'", context["expected"])
            near = did_you_mean(str(value), words)
            what = f"{_shown(value)} is not one of {', '.join(words)}{near}"
        case "too_short":
            what = "must not be empty"
        case "string_pattern_mismatch":
            what = f"{_shown(value)} may hold letters, digits, '.', '_' and '-' only"
        case "value_error":
            what = str(context["error"])
        case _:
            rule = item["msg"].removeprefix("Input should be ").removeprefix("Input should ")
            what = f"must be {rule}, not {_shown(value)}"
    return what


def _fields(model: type[Config], location: tuple[int | str, ...]) -> tuple[str, ...]:
    """The keys that are known at ``location``, read from the JSON schema of ``model``."""
    schema = model.model_json_schema()
    here: dict[str, Any] = schema
    for part in location:
        here = here.get("properties", {}).get(part) or here.get("additionalProperties") or here
        here = here.get("items", here) if isinstance(part, int) else here
        if "$ref" in here:
            here = schema["$defs"][here["$ref"].rsplit("/", 1)[-1]]
    return tuple(here.get("properties", ()))


def _shown(value: Any) -> str:
    if isinstance(value, dict | list):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False)
    text = text.encode("utf-8", "backslashreplace").decode()  # of half a surrogate
    return text if len(text) <= 60 else text[:57] + "…"


def _article(noun: str) -> str:
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
