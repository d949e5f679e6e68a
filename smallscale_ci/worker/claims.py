"""Distribution of work: items are claimed by rename, and near the end each rank takes its share.

While there is plenty, a rank claims what it has room for, and a few more that wait in its engine.
From a backlog that no longer fills all ranks, it claims only what its engine can start at once: its
part of *all remaining work* less what it already has, as in guided self-scheduling
(Polychronopoulos and Kuck, IEEE Transactions on Computers C-36, 1987). Answers of equal length end
together, while otherwise the first rank to look would take most of the rest. Nothing is left to
others that they could start only much later.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .protocol import ALONE, read_json

_PLENTY = 2.5  # times what all ranks run at once: a larger backlog is not shared out
_AT_ONCE = ("max_num_seqs", "max_running_requests")  # engines' names for what they run at once
_ENDING = 0.5  # of an item's work is left: its place will soon be free


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


def rates_within(bounds: Mapping[int, tuple[float, float]]) -> dict[int, float]:
    """Tokens/s by rank, each from the lowest and the highest that it may be.

    Empty as long as all may be the same: nothing says that the ranks differ.
    """
    lowest = max((low for low, _ in bounds.values()), default=0.0)
    highest = min((high for _, high in bounds.values()), default=0.0)
    if lowest <= highest:
        return {}
    return {rank: round(sum(between) / 2, 1) for rank, between in bounds.items()}


@dataclass(frozen=True)
class Held:
    """The remaining work in claimed items; an item that was just claimed counts 1."""

    mine: float
    others: float
    soon: float = math.inf  # how many items the other ranks can start soon


def held(rank: int, ages: Mapping[int, Sequence[float]], pace: Pace, slots: int) -> Held:
    """What ``rank`` and the others have claimed, from the items' ages in seconds by rank.

    Another rank can start an item soon if one of its ``slots`` is free or will be: its item is more
    than half done. So it can where it is still loading, as far as is known.
    """
    left = {
        owner: [pace.left(rank, owner, age_s) for age_s in items] for owner, items in ages.items()
    }
    others = [items for owner, items in left.items() if owner != rank]
    free = sum(max(slots - len(items), 0) for items in others)
    ending = sum(amount < _ENDING for items in others for amount in items)
    loading = max(pace.ranks - 1 - len(others), 0) * slots
    return Held(sum(left.get(rank, ())), sum(map(sum, others)), free + ending + loading)


def share(pending: int, claimed: Held, part: float) -> int:
    """How many of ``pending`` items a rank should claim now.

    ``part`` is the rank's part of the whole (1 / ranks if all are alike).
    """
    whole = pending + claimed.mine + claimed.others
    fair = math.ceil(part * whole - claimed.mine - 1e-9)
    return int(max(0, fair, pending - claimed.soon))


def slots_of(info: Mapping[str, Any], limit: int) -> int:
    """How many requests an engine runs at once, by its ``info``; at most ``limit``."""
    settings = info.get("settings") or {}
    known = [settings[name] for name in _AT_ONCE if settings.get(name)]
    return min([limit, *map(int, known)])


@dataclass(frozen=True)
class Claimed:
    """What a look at the backlog gave."""

    items: list[tuple[Path, dict[str, Any]]]  # (claimed file, item)
    plenty: bool  # there is more than enough for all ranks


def claim(
    work: Path,
    rank: int,
    room: int,
    in_flight: int,
    pace: Pace | None = None,
    slots: int | None = None,
) -> Claimed:
    """Move up to ``room`` items from pending to this rank.

    ``slots`` are the requests that an engine runs at once (``None``: all that there is room for).
    An item that must be alone is claimed only by a rank with nothing ``in_flight``.
    """
    pace = pace or Pace()
    slots = room + in_flight if slots is None else slots
    target = work / "claimed" / str(rank)
    claimed: list[tuple[Path, dict[str, Any]]] = []
    names = sorted(_names(work / "pending"))
    plenty = pace.ranks < 2 or len(names) >= _PLENTY * pace.ranks * slots
    if not plenty:
        room = min(room, slots - in_flight)
        if names and room > 0:
            known = held(rank, _ages(work / "claimed"), pace, slots)
            names = sorted(_names(work / "pending"))  # afterwards: nothing counts twice
            room = min(room, share(len(names), known, pace.part(rank)))
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
    return Claimed(claimed, plenty)


def _ages(folder: Path) -> dict[int, list[float]]:
    """Seconds since each claimed item was claimed, by rank."""
    now, ages = time.time(), dict[int, list[float]]()
    for owner in folder.iterdir():
        items = ages.setdefault(int(owner.name) if owner.name.isdigit() else -1, [])
        for entry in _entries(owner):
            with suppress(FileNotFoundError):  # completed meanwhile
                items.append(now - entry.stat().st_ctime)  # a rename sets it
    return ages


def _names(folder: Path) -> Iterator[str]:
    return (entry.name for entry in _entries(folder))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith("."):
                yield entry
