"""A time limit for a run, shorter than the CI job's: it ends in good order, with a report."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager

from smallscale_ci.errors import EngineError, RunInterruptedError


@contextmanager
def within(minutes: float | None) -> Iterator[None]:
    """Interrupt the block after ``minutes``; ``None``: no limit.

    Raises ``EngineError`` (exit 3) then, with the message of the interrupted run.
    """
    from smallscale_ci.cli.command import interrupt

    passed = False

    def stop(*_: object) -> None:
        nonlocal passed
        passed = True
        interrupt()

    if minutes is not None:
        signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, 60 * minutes)
    try:
        yield
    except (KeyboardInterrupt, RunInterruptedError) as error:
        if not passed:
            raise
        done, hint = "", "Give it more time."
        if isinstance(error, RunInterruptedError):
            done, hint = f" {error.message}", error.hint
        raise EngineError(f"The deadline of {minutes:g} minutes passed.{done}", hint) from error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
