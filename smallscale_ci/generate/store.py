"""From out files to ``generations.parquet``: sorted, each sample once, in bounded memory."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from smallscale_ci import tables
from smallscale_ci.worker import protocol

_COLUMNS = tuple(tables.GENERATIONS.names)


def write_generations(
    work: Path, path: Path, planned: Iterable[tuple[str, int]], predecessor: str
) -> int:
    """Write the completions of the ``planned`` (problem_id, sample_index), in that order.

    Returns how many there were. Only their places in the out files are held in memory.
    """
    places = _index(work)
    found = (places[key] for key in planned if key in places)
    return tables.write(path, tables.GENERATIONS, _read(found), predecessor)


def write_replay(generations: Path, path: Path) -> None:
    """Stored generations as the JSON Lines file that the replay engine reads."""
    with path.open("w", encoding="utf-8") as stream:
        for row in tables.rows(generations, "generations"):
            stream.write(json.dumps(row) + "\n")


def _index(work: Path) -> dict[tuple[str, int], tuple[Path, int]]:
    """Where the first complete line of each sample is: file and offset."""
    places: dict[tuple[str, int], tuple[Path, int]] = {}
    for path in sorted((work / "out").glob("*.jsonl")):
        offset = 0
        with path.open("rb") as stream:
            for line in stream:
                value = protocol.decode_line(line)
                if value is not None:
                    places.setdefault((value["problem_id"], value["sample_index"]), (path, offset))
                offset += len(line)
    return places


def _read(places: Iterable[tuple[Path, int]]) -> Iterator[dict[str, Any]]:
    streams: dict[Path, Any] = {}
    try:
        for path, offset in places:
            if path not in streams:
                streams[path] = path.open("rb")
            streams[path].seek(offset)
            value = protocol.decode_line(streams[path].readline())
            if value is not None:
                yield {name: _text(value[name]) for name in _COLUMNS}
    finally:
        for stream in streams.values():
            stream.close()


def _text(value: Any) -> Any:
    # Parquet text is UTF-8: a lone surrogate of a tokenizer becomes a replacement character.
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
