"""From out files to ``generations.parquet``: sorted, each sample once, in bounded memory."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.generate.opening import reading
from smallscale_ci.generate.workfolder import valid_text
from smallscale_ci.run import tables
from smallscale_ci.worker import protocol

_COLUMNS = tuple(tables.GENERATIONS.names)


class Origins:
    """Which line of which out file each sample was taken from: 24 bytes per sample.

    A sample can have two completions if a rank that was taken for dead wakes up late. The one that
    was taken first was judged, and is stored.
    """

    def __init__(self) -> None:
        self._files: list[str] = []  # names, not paths: the run folder may be renamed
        self._numbers, self._which, self._offsets = array("q"), array("q"), array("q")

    def note(self, number: int, name: str, offset: int) -> None:
        """Record that the sample ``number`` is the line at ``offset`` of the out file ``name``."""
        if name not in self._files:
            self._files.append(name)
        self._numbers.append(number)
        self._which.append(self._files.index(name))
        self._offsets.append(offset)

    def lines(self, numbers: NDArray[np.int64], out: Path) -> Iterator[dict[str, Any]]:
        """The lines of the samples ``numbers``, in that order, without those that were not taken.

        ``out`` is the folder of the out files.
        """
        # np.unique returns the first of equal ones.
        ascending, first = np.unique(np.array(self._numbers, dtype=np.int64), return_index=True)
        with ExitStack() as stack:
            streams = [stack.enter_context(reading(out / name)) for name in self._files]
            for number, at in zip(numbers, np.searchsorted(ascending, numbers), strict=True):
                if at == len(ascending) or ascending[at] != number:
                    continue
                stream = streams[self._which[first[at]]]
                stream.seek(self._offsets[first[at]])
                value = protocol.decode_line(stream.readline())
                if value is not None:
                    yield value


def write_generations(
    origins: Origins, out: Path, path: Path, numbers: NDArray[np.int64], predecessor: str
) -> str:
    """Write the completions of the samples ``numbers`` in ``out``, in that order, to ``path``.

    Returns the file's SHA-256. Only their places in the out files are held in memory.
    """
    rows = (
        {name: valid_text(value.get(name)) for name in _COLUMNS}
        for value in origins.lines(numbers, out)
    )
    return tables.write(path, tables.GENERATIONS, rows, predecessor)


def write_replay(generations: Path, path: Path) -> None:
    """Write stored generations as the JSON Lines file that the replay engine reads."""
    path.unlink(missing_ok=True)
    with path.open("x", encoding="utf-8") as stream:
        for row in tables.rows(generations, tables.GENERATIONS):
            stream.write(json.dumps(row) + "\n")
