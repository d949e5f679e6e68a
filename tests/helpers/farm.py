"""Engines of a farm in virtual time: what the claim rule does to the end of a run.

An engine advances all requests that it runs together; a step takes ``base + each × requests``
seconds, as on a GPU (a 7-billion-parameter model on an H200: about 7 ms + 0.02 ms each). A rank
holds a quarter more than its engine runs. Ranks look for work once a tick, in an order drawn again
each time; of their speed the host sees what is complete, once a second.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.worker.claims import _PLENTY, Pace, held, rates_within, share

TICK_S, BEAT_S = 0.05, 1.0
BASE_S, EACH_S = 0.007, 0.00002


@dataclass
class Engine:
    """One rank: tokens that are left of each request, its tokens, and when it was claimed."""

    slots: int
    speed: float = 1.0
    ready_at: float = 0.0
    left: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    length: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    since: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=256))
    tokens: float = 0.0  # of completed requests
    items: int = 0
    busy: float = 0.0
    ended_at: float = 0.0

    @property
    def limit(self) -> int:
        """How many requests it may hold."""
        return self.slots * 5 // 4

    def take(self, lengths: NDArray[np.float64], now: float) -> None:
        """Begin requests of these lengths."""
        self.left = np.concatenate([self.left, lengths])
        self.length = np.concatenate([self.length, lengths])
        self.since = np.concatenate([self.since, np.full(len(lengths), now)])

    def advance(self, now: float) -> None:
        """Work for one tick that ends at ``now``."""
        if not len(self.left):
            return
        running = min(len(self.left), self.slots)
        made = TICK_S * self.speed / (BASE_S + EACH_S * running)
        self.busy += TICK_S
        last = float(self.left.max()) / made
        self.left[:running] -= made
        over = self.left <= 0
        self.recent.extend(now - self.since[over])
        self.tokens += float(self.length[over].sum())
        self.items += int(over.sum())
        self.left, self.length, self.since = self.left[~over], self.length[~over], self.since[~over]
        if not len(self.left):
            self.ended_at = now - TICK_S + TICK_S * min(last, 1.0)

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which its tokens/s lie, as the host sees it."""
        low = self.tokens / self.busy
        return low, low * (1 + len(self.left) / max(self.items, 1))


def run(engines: list[Engine], lengths: NDArray[np.float64], seed: int = 0) -> list[float]:
    """Seconds at which each rank ended, where all take from one queue."""
    chance, now, at, seen = np.random.default_rng(seed), 0.0, 0, dict[int, float]()
    while at < len(lengths) or any(len(engine.left) for engine in engines):
        if round(now / TICK_S) % round(BEAT_S / TICK_S) == 0:
            known = {n: e.bounds for n, e in enumerate(engines) if e.tokens and e.busy >= 2}
            seen = rates_within(known)
        for number in chance.permutation(len(engines)):
            engine = engines[number]
            pending = len(lengths) - at
            room = engine.limit - len(engine.left)
            if now < engine.ready_at or not pending or room <= engine.limit // 32:
                continue
            if pending < _PLENTY * len(engines) * engine.slots:
                if engine.slots - len(engine.left) <= engine.limit // 32:
                    continue
                pace = Pace(len(engines), float(np.mean(engine.recent or [0.0])), seen)
                ages = {n: list(now - e.since) for n, e in enumerate(engines) if now >= e.ready_at}
                claimed = held(int(number), ages, pace, engine.slots)
                room = min(room, engine.slots - len(engine.left),
                           share(pending, claimed, pace.part(number)))  # fmt: skip
            count = max(0, min(room, pending))
            engine.take(lengths[at : at + count], now)
            at += count
        now += TICK_S
        for engine in engines:
            engine.advance(now)
    return [engine.ended_at for engine in engines]


def split(engines: list[Engine], lengths: NDArray[np.float64]) -> list[float]:
    """Seconds at which each rank ended, where each has a contiguous part of its own."""
    return [
        run([engine], part)[0]
        for engine, part in zip(engines, np.array_split(lengths, len(engines)), strict=True)
    ]
