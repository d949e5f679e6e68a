"""Values as other tools write them: golds, prompts that are chat messages, hashes of content."""

from __future__ import annotations

import json
from typing import Any

from smallscale_ci import ids
from smallscale_ci.errors import DataError
from smallscale_ci.interop import chat
from smallscale_ci.records import FinishReason, Outcome
from smallscale_ci.suite import gold

QUESTIONS = ("problem", "question", "prompt", "query", "input")

# The words of servers and tools for why a generation ended; what is not here is unknown.
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
    """The finish reason that a tool's word stands for; ``None`` for none and for unknown ones."""
    return _FINISHES.get(word.lower()) if isinstance(word, str) else None


def scored(found: Outcome, finish: FinishReason | None) -> Outcome:
    """A tool's verdict beside the finish reason: cut off and not right is TRUNCATED."""
    if finish in (FinishReason.ABORT, FinishReason.ERROR):
        return Outcome.ERRORED
    if finish is FinishReason.LENGTH and found is not Outcome.CORRECT:
        return Outcome.TRUNCATED
    return found


def right(target: Any, options: gold.Choices, base: int | None, where: str) -> tuple[str, ...]:
    """What a target says is right, by the one rule for golds. Raises ``DataError``."""
    try:
        return gold.named(gold.accepted(target), options, base)
    except gold.GoldError as error:
        raise DataError(f"{where} {error}.", error.hint) from error


def options_of(value: Any, where: str) -> gold.Choices:
    """The options that a value holds. Raises ``DataError``."""
    try:
        return gold.choices(value)
    except gold.GoldError as error:
        raise DataError(f"{where} {error}.", error.hint) from error


def asked(row: dict[str, Any]) -> str:
    """The question of a row of a data set, by the names that data sets give it."""
    return next((chat.asked(row[name]) for name in QUESTIONS if row.get(name)), "")


def content_hash(value: Any) -> str:
    """A hash of any value that JSON can hold, whatever the order of its keys."""
    return ids.content_hash(json.loads(json.dumps(value, default=str)))
