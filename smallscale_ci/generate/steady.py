"""A clock for machines that sleep."""

from __future__ import annotations

import time
from collections.abc import Callable

_JUMP_S = 10.0  # more than that between two looks is a machine that slept, not an engine that hangs


class SteadyClock:
    """Seconds that pass while somebody looks: a machine that sleeps does not age its engines."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last, self._time = clock(), 0.0

    def __call__(self) -> float:
        """Seconds since it was made."""
        now = self._clock()
        self._time += min(max(now - self._last, 0.0), _JUMP_S)
        self._last = now
        return self._time
