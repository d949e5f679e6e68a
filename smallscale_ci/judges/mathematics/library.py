"""``math-verify`` as the last resort, for calculus and the like, which our reader leaves alone."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from math_verify import LatexExtractionConfig, parse, verify

from smallscale_ci.judges.deadline import uncharged

_SECONDS = 3  # of CPU time; a worker's own deadline is the hard limit
# The library's reader of plain expressions ends in sympy's parse_expr, which evaluates Python:
# only its LaTeX reader is used.
_READERS = (LatexExtractionConfig(),)

logging.getLogger("math_verify").setLevel(logging.ERROR)


class _OutOfTime(BaseException):
    """Not for anybody's ``except Exception``."""


def library_equal(gold: str, answer: str) -> bool | None:
    """What ``math-verify`` says about two LaTeX answers; ``None`` if it cannot read one.

    It takes at most three seconds of CPU time while Python code runs; a single huge operation
    inside an extension can only be stopped from outside. The library's own timers count wall-clock
    seconds, which pass faster on a busy machine, so they are off. Signals reach only the main
    thread: elsewhere the answer is ``None``.
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    with uncharged():
        _load()
    try:
        with _limited():
            return _equal(gold, answer)
    except _OutOfTime:
        return None


def _equal(gold: str, answer: str) -> bool | None:
    parsed = []
    for text in (gold, answer):
        parsed.append(parse(f"\\boxed{{{text}}}", _READERS, parsing_timeout=None))
        if not parsed[-1] or all(isinstance(part, str) for part in parsed[-1]):
            return None
    return bool(verify(parsed[0], parsed[1], timeout_seconds=None))


@contextmanager
def _limited() -> Iterator[None]:
    def stop(_number: int, _frame: object) -> None:
        raise _OutOfTime

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, _SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@cache
def _load() -> None:
    """Loads grammars and solvers before the timer runs: they take a good second of CPU time."""
    gold, answer = r"\boxed{\sum_{k=1}^{n} k}", r"\boxed{\frac{n(n+1)}{2}}"
    sides = [parse(text, _READERS, parsing_timeout=None) for text in (gold, answer)]
    verify(sides[0], sides[1], timeout_seconds=None)
