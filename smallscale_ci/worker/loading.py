"""Imports large libraries without garbage collection."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_garbage() -> Iterator[None]:
    """No garbage collection inside the block, and objects made there are not searched later either.

    torch and an engine create about 800,000 objects that stay. Searching them repeatedly while
    they are created takes a fifth to a third of the import time.
    """
    gc.disable()
    try:
        yield
    finally:
        _search()


def _search() -> None:
    """Turn garbage collection on again, but not for existing objects."""
    gc.freeze()
    gc.enable()


# An engine that is forked while loading would never collect garbage again.
os.register_at_fork(after_in_child=_search)
