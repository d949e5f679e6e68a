"""``--set KEY=VALUE``: one value of a configuration file, replaced for one call.

A key begins with the file that it is in: ``sampling.max_tokens``, ``profile.max_in_flight``,
``gate.max_epochs``. The changed file is checked as a whole, as if it had been written that way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from smallscale_ci.config.base import Config, NamedConfig
from smallscale_ci.config.load import read_value
from smallscale_ci.config.problems import schema_hint, sentence
from smallscale_ci.errors import ConfigError, UsageError, did_you_mean, own_problems

C = TypeVar("C", bound=NamedConfig)

# What a key may begin with that is not a file of its own.
_WITHIN = {"sampling": ("suite", "sampling")}


@dataclass(frozen=True, slots=True)
class Override:
    """One ``--set``: the path below a file, the value, and the text that was given."""

    path: tuple[str, ...]
    value: Any
    text: str


def read(texts: Iterable[str], known: Sequence[str]) -> Mapping[str, tuple[Override, ...]]:
    """The overrides by the file that they change; ``known`` are this command's files.

    Raises ``UsageError`` for a text without ``=`` and for a key that begins with another word.
    """
    found: dict[str, list[Override]] = {name: [] for name in known}
    words = [*known, *(word for word, path in _WITHIN.items() if path[0] in known)]
    for text in texts:
        key, equals, given = text.partition("=")
        path = tuple(part.strip() for part in key.split("."))
        path = (*_WITHIN.get(path[0], path[:1]), *path[1:])
        if not equals or not all(path) or len(path) < 2 or path[0] not in found:
            near = did_you_mean(path[0], words) if path[0] not in found else ""
            raise UsageError(
                f"--set {text} cannot be applied{near}.",
                f"Write --set KEY=VALUE, where KEY begins with {' or '.join(words)}, for example "
                f"--set {_EXAMPLES[words[-1]]}.",
            )
        found[path[0]].append(Override(path[1:], read_value(given, f"--set {text}"), text))
    return {name: tuple(overrides) for name, overrides in found.items()}


_EXAMPLES = {
    "sampling": "sampling.max_tokens=512",
    "suite": "suite.gate=strict",
    "profile": "profile.max_in_flight=64",
    "gate": "gate.max_epochs=2",
    "pairs": "pairs.max_pairs=200",
    "recipe": "recipe.steps=50",
    "judge": "judge.request.max_completion_tokens=256",
}


def apply(config: C, overrides: Sequence[Override]) -> C:
    """``config`` with ``overrides``, checked again. Raises ``ConfigError`` with every problem."""
    if not overrides:
        return config
    # Fields that the file leaves out stay unset: some defaults depend on other values.
    data = config.model_dump(mode="json", exclude_unset=True)
    for override in overrides:
        place(data, override)
    try:
        return type(config).model_validate_json(json.dumps(data))
    except ValidationError as error:
        given = [((), "--set"), *((one.path, f"--set {one.text}") for one in overrides)]
        problems = [problem(type(config), item, given) for item in own_problems(error)]
        what = f"--set does not fit the {config.kind} '{config.name}'."
        raise ConfigError(what, problems, schema_hint(type(config))) from error


def problem(
    model: type[Config], item: ErrorDetails, given: Iterable[tuple[Sequence[str], str]]
) -> str:
    """One problem in words, after what the user gave for it: ``given`` are paths and texts."""
    where = tuple(map(str, item["loc"]))
    named = [text for path, text in given if _meet(tuple(path), where)]
    start = named[-1] if named else ".".join(where)
    return f"{start}: {sentence(model, item)}" if start else sentence(model, item)


def _meet(path: tuple[str, ...], where: tuple[str, ...]) -> bool:
    """Whether a problem at ``where`` is within ``path``, or with a key on the way to it."""
    return where[: len(path)] == path or (where != () and path[: len(where)] == where)


def place(data: Any, override: Override) -> None:
    """Set the value at the override's path; list items are named by number or by ``name``."""
    *way, last = override.path
    here = data
    for part in way:
        if isinstance(here, dict):
            here = here.setdefault(part, {})
        else:
            here = here[_index(here, part, override)]
    if isinstance(here, dict):
        here[last] = override.value
    else:
        here[_index(here, last, override)] = override.value


def _index(here: Any, part: str, override: Override) -> int:
    """The place of an item in a list. Raises ``UsageError`` if ``here`` has no such item."""
    if not isinstance(here, list):
        raise UsageError(f"--set {override.text}: there is no key '{part}' in {_shown(here)}.")
    names = [str(item.get("name", "")) if isinstance(item, dict) else "" for item in here]
    if part in names:
        return names.index(part)
    if part.isdecimal() and int(part) < len(here):
        return int(part)
    known = ", ".join(name for name in names if name) or f"0 to {len(here) - 1}"
    raise UsageError(f"--set {override.text}: there is no '{part}'.", f"Known: {known}.")


def _shown(value: Any) -> str:
    return "an empty value" if value is None else f"the value {value}"
