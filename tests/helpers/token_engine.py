"""What the tests of the adapters on token ids share: a chat of characters, and one request."""

import asyncio
from typing import Any

from smallscale_ci.worker.engines.interface import Completion, Request

SAMPLING = {
    "temperature": 0.6,
    "top_p": 0.95,
    "top_k": 0,
    "min_p": 0.0,
    "max_tokens": 8,
    "stop": [],
}


class Words:
    """A chat with one token for each character."""

    end_ids = frozenset({2})

    def render(self, messages: list[dict[str, str]]) -> list[int]:
        return [ord(letter) for message in messages for letter in message["content"]]

    def thinking_tokens(self, text: str, ids: list[int], *, opened: bool) -> int:
        return len(ids) if opened else 0

    def opens_thinking(self, ids: list[int]) -> bool:
        return ids[-1:] == [ord("<")]


def complete(engine: Any, content: str = "?") -> Completion:
    request = Request("p", 3, [{"role": "user", "content": content}], 77)
    return asyncio.run(engine.generate(request))
