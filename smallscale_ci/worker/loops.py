"""Completions that end in a loop: the same span repeated until the token limit.

Words are compared in runs of eight, with all numbers treated as equal: "Step 41: …, Step 42: …"
is a loop too. Repetitions of any length are found, in time linear in the text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

# Splits long words, so that texts and loops without spaces have words, too.
_UNIT = re.compile(r"\d+|[^\W\d_]{1,6}|[^\w\s]|_|\n")
_RUN = 8
_TAIL = 256  # runs examined at the end; half of a shorter text
_SHARE = 0.9  # of them that must have occurred …
_TIMES = 3  # … so often
_FEWEST = 3 * _RUN


@dataclass(frozen=True)
class Loop:
    """A loop: ``text[start:end]`` is the last repetition, and ``times`` the number of them."""

    start: int
    end: int
    times: int


def loops(text: str) -> bool:
    """Whether ``text`` ends in a loop."""
    return _last(_runs(_units(text))) is not None


def find(text: str) -> Loop | None:
    """The loop that ``text`` ends in, or ``None``."""
    runs = _runs(_units(text))
    found = _last(runs)
    if found is None:
        return None
    at, times = found
    before = next((i for i in range(at - 1, -1, -1) if runs[i] == runs[at]), 0)
    ends = [match.end() for match in _UNIT.finditer(text)]
    return Loop(ends[before + _RUN - 1], ends[at + _RUN - 1], times)


def _units(text: str) -> list[str]:
    return ["0" if unit.isdecimal() else unit for unit in _UNIT.findall(text)]


def _runs(units: list[str]) -> list[tuple[str, ...]]:
    shifted: Iterator[list[str]] = (units[shift:] for shift in range(_RUN))
    return list(zip(*shifted, strict=False)) if len(units) >= _FEWEST else []


def _last(runs: list[tuple[str, ...]]) -> tuple[int, int] | None:
    """The last run that is part of a loop, and how often it occurs; ``None`` without a loop."""
    tail = min(_TAIL, len(runs) // 2)
    if not tail:
        return None
    ending = set(runs[-tail:])
    seen = Counter(run for run in runs if run in ending)
    often = [place for place in range(len(runs) - tail, len(runs)) if seen[runs[place]] >= _TIMES]
    return (often[-1], seen[runs[often[-1]]]) if len(often) >= _SHARE * tail else None
