"""The checkpoint's chat template, applied by the same code for every engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ..thinking import opening
from .interface import StartError

_TAIL = 32  # tokens: more than any mark and the white space after it


class Chat:
    """A tokenizer with its chat template: messages to prompt token ids."""

    def __init__(self, model: str, *, trust_remote_code: bool) -> None:
        from transformers import AutoTokenizer

        try:
            self._tokenizer = AutoTokenizer.from_pretrained(
                model, trust_remote_code=trust_remote_code
            )
        except (OSError, ValueError, KeyError) as error:
            raise StartError(
                f"the tokenizer of {model} cannot be loaded: {error}",
                "The checkpoint folder needs its tokenizer files beside the weights.",
            ) from error
        if not self._tokenizer.chat_template:
            raise StartError(
                f"the checkpoint {model} has no chat template.",
                "Save it with its tokenizer: chat_template.jinja, or 'chat_template' in "
                "tokenizer_config.json. Base models need one of your own.",
            )
        self.end_ids = _end_ids(Path(model), self._tokenizer.eos_token_id)

    def render(self, messages: list[dict[str, str]]) -> list[int]:
        """Prompt token ids of ``messages`` with the generation prompt added.

        Raises ``ValueError`` for what template or tokenizer refuse: a role, half a character.
        """
        try:
            ids: Any = self._tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=False
            )
        except Exception as error:  # whatever a checkpoint's own template raises
            what = f"{type(error).__name__}: {error}"
            raise ValueError(f"the chat template cannot render this prompt: {what}") from error
        return [int(token) for token in ids]

    def opens_thinking(self, prompt_ids: list[int]) -> bool:
        """Whether a rendered prompt ends inside a block of thinking that its template opened."""
        return opening(self._tokenizer.decode(prompt_ids[-_TAIL:])) is not None


def _end_ids(model: Path, tokenizer_end: int | None) -> frozenset[int]:
    """End-of-sequence ids: the generation config's, the config's and the tokenizer's."""
    found = set() if tokenizer_end is None else {tokenizer_end}
    for name in ("generation_config.json", "config.json"):
        try:
            value = json.loads((model / name).read_text(encoding="utf-8")).get("eos_token_id")
        except (OSError, ValueError):
            continue
        found.update(value if isinstance(value, list) else [] if value is None else [value])
    return frozenset(found)
