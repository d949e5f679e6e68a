"""Imports of large libraries without Python's search for garbage."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_garbage() -> Iterator[None]:
    """Nothing is looked through for garbage inside, and what was made there not afterwards either.

    torch and an engine make about 800,000 objects that stay. Searching them again and again while
    they are made takes a fifth to a third of the time of their import.
    """
    gc.disable()
    try:
        yield
    finally:
        _search()


def _search() -> None:
    """Search for garbage, but not among what is there already."""
    gc.freeze()
    gc.enable()


# An engine that is forked while it loads would never search again.
os.register_at_fork(after_in_child=_search)
