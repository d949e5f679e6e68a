"""Prompts and outputs that are stored as chat messages."""

from __future__ import annotations

import json
from typing import Any

from smallscale_ci.errors import DataError

_TEXT_PARTS = ("text", "output_text", "input_text")
_PLAIN = ("content", "text", "generated_text", "output")  # keys of an output without a role
_ANSWERS = ("assistant", "model", "ai", "gpt")
_ASKS = ("user", "human")


def asked(prompt: Any) -> str:
    """The user's last turn in a prompt: a text, messages, or messages as JSON text."""
    turns = _turns(prompt)
    if turns is None:
        return content(prompt)
    users = [turn for turn in turns if _role(turn) in _ASKS]
    return content(_said((users or turns)[-1])) if turns else ""


def answers(output: Any, where: str) -> list[str]:
    """The texts of an output: one text, several samples, or a chat, whose last answer counts.

    An output without any text has one empty text. Raises ``DataError`` for anything else.
    """
    if isinstance(output, str):
        return [output]
    if output is None or output == []:
        return [""]
    turns = _turns(output)
    if turns is not None and any(map(_role, turns)):
        said = [turn for turn in turns if _role(turn) in _ANSWERS]
        if not said:
            raise DataError(f"{where} holds messages, but none of the assistant.", _NEEDS)
        return [content(_said(said[-1]))]
    if isinstance(output, dict) and any(isinstance(output.get(name), str) for name in _PLAIN):
        return [content(_said(output))]
    if isinstance(output, list):
        return [text for one in output for text in answers(one, where)]
    raise DataError(f"{where} holds {output!r:.60}, which is not a text.", _NEEDS)


def content(value: Any) -> str:
    """The text of a message's content: a text, or its parts except for reasoning and images."""
    if isinstance(value, list):
        parts = [_part(part) for part in value]
        return "\n".join(part for part in parts if part)
    return value if isinstance(value, str) else ""


_NEEDS = "An output is a text, a list of texts, or chat messages with a turn of the assistant."


def _turns(value: Any) -> list[dict[str, Any]] | None:
    """The messages in ``value``; ``None`` if it is something else."""
    if isinstance(value, str) and value.lstrip().startswith(("[{", "[ {", "[\n")):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
        if not _is_chat(value):
            return None
    if isinstance(value, dict):
        value = value.get("messages", [value] if _role(value) else None)
    return value if _is_chat(value) else None


def _is_chat(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(t, dict) for t in value)


def _role(turn: dict[str, Any]) -> str:
    role = turn.get("role", turn.get("from"))  # "from", "value": ShareGPT's keys
    return role if isinstance(role, str) else ""


def _said(turn: dict[str, Any]) -> Any:
    return next((turn[name] for name in (*_PLAIN, "value") if turn.get(name) is not None), "")


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if isinstance(part, dict) and part.get("type", "text") in _TEXT_PARTS:
        return content(part.get("text"))
    return ""
