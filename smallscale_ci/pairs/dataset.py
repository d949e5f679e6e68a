"""Pairs with their texts, and the folder that training reads: LLaMA-Factory's files and parquet.

``pairs.jsonl`` is LLaMA-Factory's ranking format in its sharegpt form, ``sft.jsonl`` only the
preferred answers, and ``dataset_info.json`` describes both; ``pairs.parquet`` adds all numbers to
the texts, and ``pairs.json`` records the provenance.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from smallscale_ci.files import write_json, write_text
from smallscale_ci.pairs.record import PAIRS, RECORD, Lengths, PairsRecord
from smallscale_ci.run import tables

SFT, INFO, PARQUET = "sft.jsonl", "dataset_info.json", "pairs.parquet"
_ROLES = {"system": "system", "user": "human", "assistant": "gpt"}
_TAGS = {
    "role_tag": "from",
    "content_tag": "value",
    "user_tag": "human",
    "assistant_tag": "gpt",
    "system_tag": "system",
}
SCHEMA = pa.schema(
    [
        tables.required("task", pa.string()),
        tables.required("problem_id", pa.string()),
        tables.required("prompt", pa.string()),  # the messages as JSON
        tables.required("chosen", pa.string()),
        tables.required("rejected", pa.string()),
        tables.required("chosen_tokens", pa.int32()),
        tables.required("rejected_tokens", pa.int32()),
        ("prompt_tokens", pa.int32()),  # null where unknown
        tables.required("solve_rate", pa.float64()),
        tables.required("chosen_index", pa.int32()),
        tables.required("rejected_index", pa.int32()),
    ],
    metadata={"kind": "pairs"},  # of the parquet file
)


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt with a preferred and a rejected answer; tokens as the engine counted them."""

    task: str
    problem_id: str
    messages: tuple[Mapping[str, str], ...]  # {"role", "content"}, the last one the user's
    chosen: str
    rejected: str
    chosen_tokens: int
    rejected_tokens: int
    prompt_tokens: int | None
    solve_rate: float
    chosen_index: int
    rejected_index: int


def write(folder: Path, pairs: Sequence[Pair], about: PairsRecord, predecessor: str) -> PairsRecord:
    """Write the whole folder and return the content of ``pairs.json``.

    ``about`` is the caller's part of the record, without lengths and hash. ``predecessor`` is the
    hash of the judgements that the pairs were made from. ``pairs.json`` appears last, so a folder
    with it is complete. Raises ``OSError``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RECORD).unlink(missing_ok=True)
    sha256 = _write_lines(folder / PAIRS, map(_ranking, pairs))
    _write_lines(folder / SFT, map(_instruction, pairs))
    write_json(folder / INFO, _INFO)
    tables.write(folder / PARQUET, SCHEMA, map(row, pairs), predecessor)
    record = replace(about, lengths=lengths(pairs), sha256=sha256)
    write_json(folder / RECORD, record)
    return record


def row(pair: Pair) -> dict[str, Any]:
    """A pair as a row of ``pairs.parquet``."""
    columns = {name: getattr(pair, name) for name in SCHEMA.names if name != "prompt"}
    return {**columns, "prompt": json.dumps(list(pair.messages), ensure_ascii=False)}


def lengths(pairs: Sequence[Pair]) -> Lengths:
    """Quantiles of tokens of both answers and of their ratio, rejected / chosen."""
    columns: dict[str, Sequence[float]] = {
        "chosen": [pair.chosen_tokens for pair in pairs],
        "rejected": [pair.rejected_tokens for pair in pairs],
        "ratio": [pair.rejected_tokens / max(pair.chosen_tokens, 1) for pair in pairs],
    }
    return {name: _quantiles(values) for name, values in columns.items()}


def _quantiles(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {}
    points = {"min": 0.0, "p10": 0.1, "median": 0.5, "p90": 0.9, "max": 1.0}
    found = {name: round(float(np.quantile(values, at)), 3) for name, at in points.items()}
    return {**found, "mean": round(float(np.mean(values)), 3)}


_MESSAGES = {"messages": "conversations"}
_INFO = {
    "pairs": {
        "file_name": PAIRS,
        "ranking": True,
        "formatting": "sharegpt",
        "columns": {**_MESSAGES, "chosen": "chosen", "rejected": "rejected"},
        "tags": _TAGS,
    },
    "sft": {"file_name": SFT, "formatting": "sharegpt", "columns": _MESSAGES, "tags": _TAGS},
}


def _ranking(pair: Pair) -> dict[str, Any]:
    return {
        "conversations": _turns(pair),
        "chosen": {"from": "gpt", "value": pair.chosen},
        "rejected": {"from": "gpt", "value": pair.rejected},
    }


def _instruction(pair: Pair) -> dict[str, Any]:
    return {"conversations": [*_turns(pair), {"from": "gpt", "value": pair.chosen}]}


def _turns(pair: Pair) -> list[dict[str, str]]:
    return [{"from": _ROLES[m["role"]], "value": m["content"]} for m in pair.messages]


def _write_lines(path: Path, values: Iterable[Mapping[str, Any]]) -> str:
    return write_text(path, "".join(json.dumps(v, ensure_ascii=False) + "\n" for v in values))
