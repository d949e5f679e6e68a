"""Limits on the CPU time of an item: a busy machine takes none of it away.

The kernel ends the process when its time is up, whatever it is doing, also inside an extension.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNAL = signal.SIGPROF  # of a process whose time was up


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """End this process where the block takes more than ``seconds`` of its CPU time."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)


@contextmanager
def uncharged() -> Iterator[None]:
    """Stop the clock of ``limited``: for loading what later items use, too."""
    left, _ = signal.setitimer(signal.ITIMER_PROF, 0)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, left)
