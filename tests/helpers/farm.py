"""Engines of a farm in virtual time: what the claim rule does to the end of a run.

An engine advances all its requests together; a step takes ``base + each × requests`` seconds, as
on a GPU (a 7-billion-parameter model on an H200: about 7 ms + 0.02 ms each). Ranks look for work
once a tick, in an order drawn again each time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.worker.claims import Pace, share

TICK_S = 0.05
BASE_S, EACH_S = 0.007, 0.00002


@dataclass
class Engine:
    """One rank: tokens that are left of each request, and when it was claimed."""

    slots: int
    speed: float = 1.0
    ready_at: float = 0.0
    tokens: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    since: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    recent: deque[float] = field(default_factory=lambda: deque(maxlen=256))
    done: float = 0.0
    busy: float = 0.0
    ended_at: float = 0.0

    def take(self, lengths: NDArray[np.float64], now: float) -> None:
        """Begin requests of these lengths."""
        self.tokens = np.concatenate([self.tokens, lengths])
        self.since = np.concatenate([self.since, np.full(len(lengths), now)])

    def advance(self, now: float) -> None:
        """Work for one tick that ends at ``now``."""
        if not len(self.tokens):
            return
        made = TICK_S * self.speed / (BASE_S + EACH_S * len(self.tokens))
        self.done += float(np.minimum(self.tokens, made).sum())
        self.busy += TICK_S
        last = float(self.tokens.max()) / made
        self.tokens = self.tokens - made
        over = self.tokens <= 0
        self.recent.extend(now - self.since[over])
        self.tokens, self.since = self.tokens[~over], self.since[~over]
        if not len(self.tokens):
            self.ended_at = now - TICK_S + TICK_S * min(last, 1.0)


def run(engines: list[Engine], lengths: NDArray[np.float64], seed: int = 0) -> list[float]:
    """Seconds at which each rank ended, where all take from one queue."""
    chance, now, at = np.random.default_rng(seed), 0.0, 0
    while at < len(lengths) or any(len(engine.tokens) for engine in engines):
        for number in chance.permutation(len(engines)):
            engine = engines[number]
            pending = len(lengths) - at
            room = engine.slots - len(engine.tokens)
            if now < engine.ready_at or not pending or room <= 0:
                continue
            count = min(room, pending)
            if pending < 2 * len(engines) * engine.slots:
                rates = {n: e.done / e.busy for n, e in enumerate(engines) if e.busy > 0}
                pace = Pace(len(engines), float(np.mean(engine.recent or [0.0])), rates)
                held = [
                    sum(pace.left(number, n, now - at) for at in other.since)
                    for n, other in enumerate(engines)
                ]
                others = sum(held) - held[number]
                count = min(count, share(pending, held[number], others, pace.part(number)))
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
