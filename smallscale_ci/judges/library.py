"""``math-verify`` as the last resort. Only worker processes with a deadline call this."""

from __future__ import annotations

import logging

from math_verify import LatexExtractionConfig, parse, verify

logging.getLogger("math_verify").setLevel(logging.ERROR)
# Its reader of plain expressions ends in sympy's parse_expr, which evaluates Python: never used.
_READERS = (LatexExtractionConfig(),)


def library_equal(gold: str, answer: str) -> bool:
    """What ``math-verify`` says about two LaTeX answers. May take long or raise anything."""
    parsed = [
        parse(f"\\boxed{{{text}}}", _READERS, parsing_timeout=None) for text in (gold, answer)
    ]
    return all(parsed) and bool(verify(parsed[0], parsed[1], timeout_seconds=None))
