"""The interface of the engines, and the rules that all adapters share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

STOP, LENGTH, ABORT, ERROR = "STOP", "LENGTH", "ABORT", "ERROR"


class StartError(Exception):
    """The engine cannot start or continue with this job; ``hint`` says what to change.

    The rank is not restarted, and the items it had claimed are not blamed.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class EngineDownError(Exception):
    """The engine itself is gone: this rank ends, and its claimed items are handed out again."""


@dataclass(frozen=True)
class Request:
    """One sample to generate: chat messages and the seed of its random numbers."""

    problem_id: str
    sample_index: int
    messages: list[dict[str, str]]
    seed: int
    refused: str = ""  # why it is only rendered: its workers died, but its prompt must be known

    @property
    def name(self) -> str:
        """A name that is unique within the run."""
        return f"{self.problem_id}-{self.sample_index}"


@dataclass(frozen=True)
class Completion:
    """The engine's output: ``token_ids`` without the final end-of-sequence token."""

    text: str
    token_ids: list[int]
    prompt_tokens: int
    finish_reason: str
    prompt_hash: str = ""
    error: str = ""
    extra: dict[str, Any] = field(default_factory=dict)


class Adapter(Protocol):
    """An engine: started once, then given many requests at a time, run after run."""

    async def start(self) -> None:
        """Load the model. Raises ``StartError`` for anything a user can fix."""
        ...

    async def generate(self, request: Request) -> Completion:
        """Generate one sample; a ``refused`` one is only rendered, and is an ERROR completion.

        Any exception fails only this request, except ``StartError`` and ``EngineDownError``.
        """
        ...

    async def switch(self, job: dict[str, Any]) -> None:
        """Go on with another run's sampling parameters and template variables.

        Everything else in ``job`` is unchanged, and nothing is in flight. Answers must be those of
        an engine started with this job. Raises ``StartError``.
        """
        ...

    async def close(self) -> None:
        """Stop the engine and free its resources."""
        ...

    def info(self) -> dict[str, Any]:
        """Versions, device and resolved settings, for the manifest."""
        ...


def failed(message: str, prompt_tokens: int = 0, prompt_hash: str = "") -> Completion:
    """The completion of a request that failed."""
    return Completion("", [], prompt_tokens, ERROR, prompt_hash, error=message)


def without_end(token_ids: Sequence[int], end_ids: frozenset[int]) -> list[int]:
    """The token rule: generated ids without the final end-of-sequence token."""
    ids = list(token_ids)
    return ids[:-1] if ids and ids[-1] in end_ids else ids


def prompt_hash(value: Any) -> str:
    """Hash of a rendered prompt (its token ids, or the engine's equivalent)."""
    text = json.dumps(value, separators=(",", ":"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
