"""What each column of a file of rows holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from smallscale_ci.errors import UsageError, did_you_mean
from smallscale_ci.interop.files import Row
from smallscale_ci.interop.rows import RowFile
from smallscale_ci.suite.option_columns import has_options

_CHATS = ("messages", "conversations", "conversation")
# Our name for a column → the names that files give it; the first that exists counts.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "task": ("task",),
    "problem": ("problem_id", "question_id", "example_id", "id"),
    "epoch": ("sample_index", "epoch"),
    "question": ("question", "problem", "prompt", "query", "input", *_CHATS),
    "gold": (
        *("gold", "ground_truth", "target", "expected_answer", "correct_answer"),
        *("reference_answer", "answer", "answer_key", "answerKey", "final_answer", "solution"),
    ),
    "choices": (),  # by the rule for options in suite/gold.py: choices, options, or columns A, B, …
    "text": (
        *("text", "model_output", "output", "response", "completion", "generation"),
        *("generated_text", "prediction"),
        *("outputs", "responses", "completions", "generations", "predictions"),
        *_CHATS,  # with their answers
    ),
    "outcome": ("outcome",),
    "score": ("score", "correct", "is_correct", "reward"),
    "tokens": ("completion_tokens", "output_tokens"),
    "thinking_tokens": ("thinking_tokens", "reasoning_tokens"),
    "finish": ("finish_reason", "stop_reason"),
    "cluster": ("cluster",),
    "error": ("error",),
    "model": ("model",),
}
# Golds of rows that have options: anywhere else they may be anything.
_OPTION_GOLDS = ("label", "cop", "answer_idx", "answer_index", "correct_option", "correct_choice")
_REWARD = "reward_model"  # rows for reinforcement learning (verl)
_BATCH = {  # as written by the batch APIs of OpenAI and vLLM
    "problem": "custom_id",
    "text": "response.body.choices.0.message.content",
    "finish": "response.body.choices.0.finish_reason",
    "tokens": "response.body.usage.completion_tokens",
    "model": "response.body.model",
}


def columns_of(file: RowFile, named: Mapping[str, str]) -> dict[str, str]:
    """Our columns → the file's: as ``named``, else by the usual names."""
    plain = {_plain(theirs): theirs for theirs in reversed(file.columns)}
    plain |= {theirs: theirs for theirs in file.columns}  # an exact match goes first
    found = {}
    for ours, names in COLUMNS.items():
        theirs = next((plain[one] for one in names if one in plain), None)
        if theirs is not None:
            found[ours] = theirs
    if "gold" not in found and has_options(file.columns):
        found.update(("gold", plain[one]) for one in reversed(_OPTION_GOLDS) if one in plain)
    if "gold" not in found and _REWARD in file.columns:
        found["gold"] = f"{_REWARD}.ground_truth"
    if {"custom_id", "response"} <= set(file.columns):
        found |= _BATCH
    for ours, theirs in named.items():
        if ours not in COLUMNS:
            raise UsageError(
                f"--columns: unknown column '{ours}'{did_you_mean(ours, COLUMNS)}.",
                f"Known: {', '.join(COLUMNS)}.",
            )
        if theirs not in file.columns and theirs.partition(".")[0] not in file.columns:
            raise UsageError(
                f"--columns {ours}={theirs}: {file.path} has no column '{theirs}'"
                f"{did_you_mean(theirs, file.columns)}.",
                f"It has {', '.join(file.columns)}.",
            )
    taken = {theirs.partition(".")[0] for theirs in named.values()}
    return {**{ours: one for ours, one in found.items() if one not in taken}, **named}


def _plain(name: str) -> str:
    """``Model Output`` as ``model_output``."""
    return re.sub(r"[\s-]+", "_", name.strip()).lower()


def without_verdicts(columns: Mapping[str, str]) -> dict[str, str]:
    """``columns`` without those of the tool's own verdicts."""
    return {ours: one for ours, one in columns.items() if ours not in ("outcome", "score")}


def cell(row: Row, column: str) -> Any:
    """The value of a column; ``response.choices.0.text`` names a nested one."""
    if column in row or "." not in column:
        return row.get(column)
    value: Any = row
    for key in column.split("."):
        if isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value
