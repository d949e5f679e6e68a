"""Values in other tools' files: golds, options, finish reasons, hashes of content."""

from __future__ import annotations

import json
from typing import Any

from smallscale_ci import ids
from smallscale_ci.errors import DataError
from smallscale_ci.interop import chat
from smallscale_ci.records import FinishReason, Outcome
from smallscale_ci.suite import gold

QUESTIONS = ("problem", "question", "prompt", "query", "input")

# Servers' and tools' words for why a generation ended; any other word is unknown.
_FINISHES = {
    "stop": FinishReason.STOP,
    "end_turn": FinishReason.STOP,
    "eos": FinishReason.STOP,
    "eos_token": FinishReason.STOP,
    "stop_sequence": FinishReason.STOP,
    "tool_calls": FinishReason.STOP,
    "length": FinishReason.LENGTH,
    "max_tokens": FinishReason.LENGTH,
    "model_length": FinishReason.LENGTH,
    "max_output_tokens": FinishReason.LENGTH,
    "abort": FinishReason.ABORT,
    "error": FinishReason.ERROR,
}


def finish_of(word: Any) -> FinishReason | None:
    """The finish reason that a tool's word stands for; ``None`` if it is missing or unknown."""
    return _FINISHES.get(word.lower()) if isinstance(word, str) else None


def scored(found: Outcome, finish: FinishReason | None) -> Outcome:
    """The outcome from a tool's verdict and finish reason: cut off and not right is TRUNCATED."""
    if finish in (FinishReason.ABORT, FinishReason.ERROR):
        return Outcome.ERRORED
    if finish is FinishReason.LENGTH and found is not Outcome.CORRECT:
        return Outcome.TRUNCATED
    return found


def right(target: Any, options: gold.Choices, base: int | None, where: str) -> tuple[str, ...]:
    """The right answers of a target, by the rules of ``suite.gold``. Raises ``DataError``."""
    try:
        return gold.named(gold.accepted(target), options, base)
    except gold.GoldError as error:
        raise DataError(f"{where} {error}.", error.hint) from error


def options_of(value: Any, where: str) -> gold.Choices:
    """The options in a value. Raises ``DataError``."""
    try:
        return gold.choices(value)
    except gold.GoldError as error:
        raise DataError(f"{where} {error}.", error.hint) from error


def asked(row: dict[str, Any]) -> str:
    """The question in a data set's row, by the usual column names."""
    return next((chat.asked(row[name]) for name in QUESTIONS if row.get(name)), "")


def content_hash(value: Any) -> str:
    """A hash of any JSON value, independent of the order of its keys."""
    return ids.content_hash(json.loads(json.dumps(value, default=str)))
