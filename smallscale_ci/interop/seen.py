"""Which documents of a file were read, and with which filter: eight bytes per document.

Most files have one filter, and may have ten million rows: a dictionary of their documents
would take ten times as much.
"""

from __future__ import annotations

from array import array

import numpy as np


class Seen:
    """The documents that were taken, each with the first filter that has it."""

    def __init__(self) -> None:
        self._filter: str | None = None  # the only one so far
        self._keys = array("q")
        self._by: dict[int, str] | None = None  # document → filter, once there are several
        self._others: set[tuple[int, str]] = set()  # documents with filters that took nothing

    def filter_of(self, key: int, used: str) -> str | None:
        """The filter that ``key`` was taken with; ``None``: it is new, and taken with ``used``.

        It is ``used`` if this filter had the document before, taken or not. While all rows have
        one filter it is always ``None``: see ``twice``.
        """
        if self._by is None and self._filter in (None, used):
            self._filter = used
            self._keys.append(key)
            return None
        by = self._several()
        before = by.get(key)
        if before is None:
            by[key] = used
        elif before != used:
            if (key, used) in self._others:
                return used
            self._others.add((key, used))
        return before

    def first(self, key: int) -> str | None:
        """The filter that ``key`` was taken with, in a file whose rows do not name theirs."""
        return self._several().get(key)

    def _several(self) -> dict[int, str]:
        if self._by is None:
            self._by = dict.fromkeys(self._keys, self._filter or "")
        return self._by

    def twice(self) -> int | None:
        """The position, among those taken, of the first document that the only filter has twice."""
        keys = np.frombuffer(self._keys, dtype=np.int64)
        ordered = np.sort(keys)
        if not np.any(ordered[1:] == ordered[:-1]):
            return None
        order = np.argsort(keys, kind="stable")
        same = keys[order[1:]] == keys[order[:-1]]
        return int(order[1:][same].min())
