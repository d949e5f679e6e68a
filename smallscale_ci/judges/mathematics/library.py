"""``math-verify`` as the last resort, for calculus and other things our own reader leaves alone."""

from __future__ import annotations

import logging
import threading
from functools import cache

from math_verify import LatexExtractionConfig, parse, verify

_SECONDS = 1  # for each of the three steps; a worker's own deadline is the hard limit
# The library's reader of plain expressions ends in sympy's parse_expr, which evaluates Python:
# only its LaTeX reader is used.
_READERS = (LatexExtractionConfig(),)

logging.getLogger("math_verify").setLevel(logging.ERROR)


def library_equal(gold: str, answer: str) -> bool | None:
    """What ``math-verify`` says about two LaTeX answers; ``None`` where it cannot read one.

    It takes at most about three seconds where Python code runs; a single huge operation inside an
    extension can only be stopped from outside. Its timer works in the main thread alone: elsewhere
    the answer is ``None``.
    """
    if threading.current_thread() is not threading.main_thread():
        return None
    _load()
    parsed = []
    for text in (gold, answer):
        parsed.append(parse(f"\\boxed{{{text}}}", _READERS, parsing_timeout=_SECONDS))
        if not parsed[-1] or all(isinstance(part, str) for part in parsed[-1]):
            return None
    return bool(verify(parsed[0], parsed[1], timeout_seconds=_SECONDS))


@cache
def _load() -> None:
    """Loads grammars and solvers before the timer runs: on a busy machine they take its second."""
    gold, answer = r"\boxed{\sum_{k=1}^{n} k}", r"\boxed{\frac{n(n+1)}{2}}"
    sides = [parse(text, _READERS, parsing_timeout=None) for text in (gold, answer)]
    verify(sides[0], sides[1], timeout_seconds=None)
