"""A chart of the checks in characters: for terminals, and for Markdown without pictures."""

from __future__ import annotations

import math
from collections.abc import Iterable

from smallscale_ci.records import Check
from smallscale_ci.report import formats, text

_NAME = 40  # characters of a name
_REACHES = (3, 6, 9)  # margins on either side of zero: the first that suffices
_HALF = 18  # columns of either side


def lines(checks: Iterable[Check]) -> list[str]:
    """Every gated check as an interval on one axis, in margins: ``0`` no change, ``1`` too much."""
    shown = [check for check in checks if check.gated]
    # Names are padded to one width.
    names = [_plain(text.short_name(check, _NAME)) for check in shown]
    width = max((len(name) for name in names), default=0)
    if not names:
        return []
    ends = [abs(end) for check in shown for end in formats.used_margin(check)]
    furthest = max(filter(math.isfinite, ends), default=0.0)
    reach = next((enough for enough in _REACHES if furthest <= enough), _REACHES[-1])
    step = _HALF // reach
    axis = [" "] * (2 * _HALF + 1)
    for mark in (-1, 0, 1, reach):
        label = formats.number(mark)
        start = mark * step + _HALF - (len(label) - 1)
        axis[start : start + len(label)] = label
    rows = [f"{name:<{width}}  {_interval(c, reach)}" for name, c in zip(names, shown, strict=True)]
    ruler = f"{'loss in margins':<{width}}  {''.join(axis).rstrip()}"
    return [*rows, ruler]


def _plain(name: str) -> str:
    return "".join(c for c in name if c.isprintable())


def _interval(check: Check, reach: int) -> str:
    step, last = _HALF // reach, 2 * _HALF
    cells = [" "] * (last + 1)
    cells[_HALF], cells[_HALF + step] = "│", "┊"
    ends = formats.used_margin(check)
    if any(map(math.isnan, ends)):
        return "".join(cells).rstrip()
    place = [round(min(max(end, -reach), reach) * step) + _HALF for end in ends]
    low, value, high = place
    cells[low : high + 1] = "─" * (high - low + 1)
    cells[value] = "●"
    if ends[0] < -reach:
        cells[0] = "◄"
    if ends[2] > reach:
        cells[last] = "►"
    return "".join(cells).rstrip()
