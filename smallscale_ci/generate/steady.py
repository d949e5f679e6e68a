"""A clock for machines that sleep."""

from __future__ import annotations

import time
from collections.abc import Callable

# A longer gap between two calls means that the machine slept, not that an engine hangs.
_JUMP_S = 10.0


class SteadyClock:
    """Counts seconds only while it is called: a machine's sleep does not count."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last, self._time = clock(), 0.0

    def __call__(self) -> float:
        """Seconds since it was made."""
        now = self._clock()
        self._time += min(max(now - self._last, 0.0), _JUMP_S)
        self._last = now
        return self._time
