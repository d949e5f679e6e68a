"""What token-id engines share: the chat template, the token rule, and handling of bad prompts."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .chat import Chat
from .interface import Completion, Request, failed, prompt_hash, without_end


@dataclass(frozen=True)
class Output:
    """An engine's output for one request, with its own finish reason.

    ``token_ids`` may end with an end-of-sequence token; ``logprobs`` has one number per token
    id, and is empty if not requested.
    """

    text: str
    token_ids: list[int]
    finish: str
    logprobs: list[float]


class ChatEngine:
    """A token-id adapter. Subclasses load the engine in ``start`` and call it in ``sample``."""

    finishes: Mapping[str, str]  # the engine's finish reason → ours; any other is an error

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self.sampling: dict[str, Any] = job["sampling"]
        self.logprobs = bool(job.get("logprobs"))
        self.trust = bool(job.get("trust_remote_code"))
        self.chat: Chat
        self.context = 0  # tokens of prompt and completion together
        self.settings: dict[str, Any] = {}

    def load_chat(self) -> None:
        """Load the tokenizer and test its template. Raises ``StartError``."""
        variables = self.job.get("template", {})
        self.chat = Chat(self.job["model"], trust_remote_code=self.trust, variables=variables)
        self.chat.try_out()

    async def switch(self, job: dict[str, Any]) -> None:
        """Continue with another run's sampling parameters and template variables."""
        self.job, self.sampling = job, job["sampling"]
        self.chat.variables = job.get("template", {})
        self.chat.try_out()
        await self.forget()

    async def forget(self) -> None:
        """Drop cached prefixes, which would change the batches of the next run."""
        raise NotImplementedError

    async def sample(self, request: Request, ids: list[int], max_tokens: int) -> Output:
        """Generate at most ``max_tokens`` new tokens from prompt ``ids``."""
        raise NotImplementedError

    async def generate(self, request: Request) -> Completion:
        """Generate one sample; an unusable prompt is an ERROR completion."""
        ids = await asyncio.to_thread(self.chat.render, request.messages)
        hashed = prompt_hash(ids)
        if request.refused:
            return failed(request.refused, len(ids), hashed)
        room = self.context - len(ids)
        if room < 1:
            message = f"the prompt has {len(ids)} tokens, the model's context {self.context}"
            return failed(message, len(ids), hashed)
        output = await self.sample(request, ids, min(self.sampling["max_tokens"], room))
        if output.finish not in self.finishes:
            return failed(f"unknown finish reason '{output.finish}'", len(ids), hashed)
        tokens = without_end(output.token_ids, self.chat.end_ids)
        opened = self.chat.opens_thinking(ids)
        extra: dict[str, Any] = {
            "thinking": opened,
            "thinking_tokens": self.chat.thinking_tokens(output.text, tokens, opened=opened),
        }
        if output.logprobs:
            extra["logprobs"] = [round(value, 5) for value in output.logprobs[: len(tokens)]]
        finish = self.finishes[output.finish]
        return Completion(output.text, tokens, len(ids), finish, hashed, extra=extra)
