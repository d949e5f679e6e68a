"""What LLaMA-Factory would silently do to pairs: drop malformed ones, cut long ones.

LLaMA-Factory 0.9.5 logs and drops a pair whose turns do not alternate, and cuts prompt and answers
to ``cutoff_len`` tokens. A cut answer teaches the model to stop in the middle.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from smallscale_ci.errors import DataError
from smallscale_ci.pairs.dataset import PARQUET, SCHEMA
from smallscale_ci.pairs.record import Screening
from smallscale_ci.run import tables

_TURN_END = 2  # tokens that a template adds after an answer: the end of the turn and a line break


def screen(folder: Path, cutoff_len: int, *, supervised: bool = False) -> Screening:
    """Screen the pairs in ``folder``. Raises ``DataError`` for a damaged folder."""
    return screen_rows(tables.rows(folder / PARQUET, SCHEMA), cutoff_len, supervised=supervised)


def screen_rows(
    rows: Iterable[Mapping[str, Any]], cutoff_len: int, *, supervised: bool = False
) -> Screening:
    """Screen rows of ``pairs.parquet``; ``supervised`` training uses only chosen answers."""
    sides = ("chosen_tokens",) if supervised else ("chosen_tokens", "rejected_tokens")
    pairs = malformed = cut = longest = 0
    first = ""
    for row in rows:
        pairs += 1
        needs = (row["prompt_tokens"] or 0) + _TURN_END
        needs += max(row[side] for side in sides)
        longest = max(longest, needs)
        is_malformed = bool(fault(_messages(row["prompt"]), row["chosen"], row["rejected"]))
        malformed += is_malformed
        cut += needs > cutoff_len and not is_malformed
        if not first and (is_malformed or needs > cutoff_len):
            first = f"{row['task']}/{row['problem_id']}"
    return Screening(pairs, malformed, cut, cutoff_len, longest, first)


def _messages(prompt: str) -> list[Mapping[str, str]]:
    """The messages in a row's JSON; empty if it is damaged, which makes the pair malformed."""
    try:
        found = json.loads(prompt)
        return [{"role": str(one["role"]), "content": str(one["content"])} for one in found]
    except (ValueError, TypeError, LookupError, RecursionError):
        return []


def fault(messages: Sequence[Mapping[str, str]], chosen: str, rejected: str) -> str:
    """Why LLaMA-Factory would drop a pair, or an empty text."""
    turns = [message["role"] for message in messages]
    if turns[:1] == ["system"]:
        turns = turns[1:]
    if not turns or turns != [("user", "assistant")[at % 2] for at in range(len(turns))]:
        return "the turns do not alternate between user and assistant"
    if turns[-1] != "user":
        return "the last turn is not the user's"
    if not all(message["content"].strip() for message in messages):
        return "a message is empty"
    if not (chosen.strip() and rejected.strip()):
        return "an answer is empty"
    return ""


def refuse_lost(screening: Screening, limit: float) -> None:
    """Raise ``DataError`` if more than the share ``limit`` of the pairs would be lost."""
    if screening.lost_share > limit:
        raise DataError(
            f"{screening.sentence()}; the first is {screening.first}. At most {100 * limit:g}% "
            "may be lost.",
            "Raise cutoff_len in the recipe, leave long answers out with "
            "--set pairs.max_tokens=N, or accept "
            "the loss: `pairs --max-lost`, or max_cut in the recipe of a candidate.",
        )
