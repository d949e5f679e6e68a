"""A YAML file as plain data: each key knows its line, and every problem is found at once."""

from __future__ import annotations

import math
import re
from typing import Any

import yaml

from smallscale_ci.errors import ConfigError, shown

# YAML 1.1 reads 1e-3 as a string; everyone who writes it means the number.
EXPONENT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")


class Document:
    """One YAML file as plain data, with the line of every key and all problems found so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[tuple[int, str]] = []
        self._unread: set[tuple[int | str, ...]] = set()  # already reported; their value is a guess
        self._lines: dict[tuple[int | str, ...], int] = {(): 1}
        self._scalars = yaml.constructor.SafeConstructor()
        self._open: set[int] = set()  # nodes being read: an alias to one of them would never end

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
                "Check the indentation, and put texts with ':' or '#' in quotes.",
            ) from error
        return None if node is None else self._plain(node, ())

    def problem(self, location: tuple[int | str, ...], what: str) -> None:
        """Record a problem at the nearest known line of ``location``."""
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
            return self.refuse(location, f"cannot read {shown(node.value)} as {node.tag}")
        if isinstance(value, str) and node.style is None and EXPONENT.fullmatch(value):
            value = float(value)
        if isinstance(value, float) and not math.isfinite(value):
            return self.refuse(location, f"must be a finite number, not {node.value}")
        return value

    def refuse(self, location: tuple[int | str, ...], what: str) -> None:
        """Record that a value cannot be read; its placeholder is not checked."""
        self.problem(location, what)
        self._unread.add(location)
