"""Limits on the CPU time of an item, which a busy machine does not shorten.

The kernel ends the process when its time is up, even inside an extension.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNAL = signal.SIGPROF  # the signal that ends a process whose time is up


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """End this process if the block takes more than ``seconds`` of its CPU time."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


@contextmanager
def uncharged() -> Iterator[None]:
    """Pause the clock of ``limited``, for loading what later items also use."""
    left, _ = signal.setitimer(signal.ITIMER_PROF, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, left)
