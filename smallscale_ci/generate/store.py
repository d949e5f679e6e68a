"""From out files to ``generations.parquet``: sorted, each sample once, in bounded memory."""

from __future__ import annotations

import json
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.generate.workfolder import valid_text
from smallscale_ci.run import tables
from smallscale_ci.run.places import Places
from smallscale_ci.worker import protocol

_COLUMNS = tuple(tables.GENERATIONS.names)


def write_generations(
    work: Path, path: Path, places: Places, numbers: NDArray[np.int64], predecessor: str
) -> str:
    """Write the completions of the samples ``numbers``, in that order.

    Returns the file's SHA-256. Only their places in the out files are held in memory.
    """
    files = sorted((work / "out").glob("*.jsonl"))
    return tables.write(path, tables.GENERATIONS, _read(files, places, numbers), predecessor)


def write_replay(generations: Path, path: Path) -> None:
    """Stored generations as the JSON Lines file that the replay engine reads."""
    with path.open("w", encoding="utf-8") as stream:
        for row in tables.rows(generations, "generations"):
            stream.write(json.dumps(row) + "\n")


def _index(files: Iterable[Path], places: Places) -> tuple[NDArray[np.int64], ...]:
    """The first complete line of each sample: its number (ascending), its file, its offset."""
    found, origin, offsets = array("q"), array("q"), array("q")
    for which, path in enumerate(files):
        offset = 0
        with path.open("rb") as stream:
            for line in stream:
                value = protocol.decode_line(line)
                at, offset = offset, offset + len(line)
                if value is None:
                    continue
                number = places.number(value["problem_id"], value["sample_index"])
                if number is not None:
                    found.append(number)
                    origin.append(which)
                    offsets.append(at)
    # np.unique gives the first of equal ones.
    ascending, first = np.unique(np.array(found, dtype=np.int64), return_index=True)
    return ascending, np.array(origin, np.int64)[first], np.array(offsets, np.int64)[first]


def _read(files: list[Path], places: Places, numbers: NDArray[np.int64]) -> Iterator[Any]:
    ascending, origin, offsets = _index(files, places)
    streams = [path.open("rb") for path in files]
    try:
        for number, at in zip(numbers, np.searchsorted(ascending, numbers), strict=True):
            if at == len(ascending) or ascending[at] != number:
                continue
            stream = streams[origin[at]]
            stream.seek(offsets[at])
            value = protocol.decode_line(stream.readline())
            if value is not None:
                yield {name: valid_text(value.get(name)) for name in _COLUMNS}
    finally:
        for stream in streams:
            stream.close()
