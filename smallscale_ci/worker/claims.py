"""Distribution of work: items are claimed by rename, and near the end each rank takes its share.

While there is plenty, a rank claims what it has room for. From a backlog that no longer fills all
ranks, each takes its part of *all remaining work* less what it already has, as in guided
self-scheduling (Polychronopoulos and Kuck, IEEE Transactions on Computers C-36, 1987): answers of
equal length end together, while otherwise the first rank to look would take most of the rest.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .protocol import ALONE, read_json

_PLENTY = 2  # times what fills all ranks: a larger backlog is not shared out


@dataclass(frozen=True)
class Pace:
    """How a rank compares with the others that share the work."""

    ranks: int = 1  # that share the work, including those still loading
    typical_s: float = 0.0  # of this rank's last items, claim to completion; 0: unknown
    rates: Mapping[int, float] = field(default_factory=dict)  # tokens/s by rank, where known

    def rate(self, rank: int) -> float:
        """Tokens/s of ``rank``; if unknown, the mean of the others, or 1 if none is known."""
        known = [rate for rate in self.rates.values() if rate > 0]
        return self.rates.get(rank) or (sum(known) / len(known) if known else 1.0)

    def part(self, rank: int) -> float:
        """The part of the work that ``rank`` should do so that all ranks end together, 0 to 1."""
        known = [rate for rate in self.rates.values() if rate > 0]
        unknown = max(self.ranks - len(known), 0)
        return self.rate(rank) / max(sum(known) + unknown * self.rate(-1), self.rate(rank))

    def left(self, rank: int, owner: int, age_s: float) -> float:
        """The remaining fraction of an item that ``owner`` claimed ``age_s`` seconds ago."""
        if self.typical_s <= 0:
            return 1.0
        expected_s = self.typical_s * self.rate(rank) / self.rate(owner)
        return min(max(1.0 - age_s / expected_s, 0.0), 1.0)


def share(pending: int, mine: float, others: float, part: float) -> int:
    """How many of ``pending`` items a rank should claim now.

    ``mine`` and ``others`` are the remaining work in claimed items; an item that was just claimed
    counts 1. ``part`` is the rank's part of the whole (1 / ranks if all are alike).
    """
    return max(0, math.ceil(part * (pending + mine + others) - mine - 1e-9))


def claim(
    work: Path, rank: int, room: int, in_flight: int, pace: Pace | None = None
) -> list[tuple[Path, dict[str, Any]]]:
    """Move up to ``room`` items from pending to this rank; returns (claimed file, item) pairs.

    An item that must be alone is claimed only by a rank with nothing ``in_flight``.
    """
    pace = pace or Pace()
    target = work / "claimed" / str(rank)
    claimed: list[tuple[Path, dict[str, Any]]] = []
    names = sorted(_names(work / "pending"))
    if names and pace.ranks > 1 and len(names) < _PLENTY * pace.ranks * (room + in_flight):
        mine, others = _held(work / "claimed", rank, pace)
        names = sorted(_names(work / "pending"))  # afterwards: nothing counts twice
        room = min(room, share(len(names), mine, others, pace.part(rank)))
    for name in names:
        if len(claimed) >= room:
            break
        if name.endswith(ALONE) and (in_flight or claimed):
            continue
        path = target / name
        try:
            (work / "pending" / name).rename(path)
        except FileNotFoundError:
            continue  # another rank was faster
        item = read_json(path)
        if isinstance(item, dict):
            claimed.append((path, item))
        if name.endswith(ALONE):
            break
    return claimed


def _held(folder: Path, rank: int, pace: Pace) -> tuple[float, float]:
    """The remaining work in the items claimed by this rank and by all others."""
    now, mine, others = time.time(), 0.0, 0.0
    for owner in folder.iterdir():
        number = int(owner.name) if owner.name.isdigit() else -1
        for entry in _entries(owner):
            try:
                claimed_at = entry.stat().st_ctime  # a rename sets it
            except FileNotFoundError:
                continue  # completed meanwhile
            amount = pace.left(rank, number, now - claimed_at)
            mine, others = (mine + amount, others) if number == rank else (mine, others + amount)
    return mine, others


def _names(folder: Path) -> Iterator[str]:
    return (entry.name for entry in _entries(folder))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                yield entry
