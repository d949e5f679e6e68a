"""The checkpoint's chat template, applied by the same code for every engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..marks import opening
from ..thinking import OPENED, split
from . import template
from .interface import StartError

_TAIL = 32  # tokens: more than any mark and the white space after it


class Chat:
    """A tokenizer with its chat template: messages to prompt token ids."""

    def __init__(
        self, model: str, *, trust_remote_code: bool, variables: Mapping[str, Any] | None = None
    ) -> None:
        """``variables`` go to the template in addition to the messages.

        Raises ``StartError`` for a checkpoint without tokenizer or template.
        """
        from transformers import AutoTokenizer

        self.variables = variables or {}
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
        # The token of each mark that is a single token, the longest first: "</think>" before ">".
        added = self._tokenizer.get_added_vocab()
        self._added = sorted(added.items(), key=lambda item: -len(item[0]))
        self.end_ids = _end_ids(Path(model), self._tokenizer.eos_token_id)

    def render(self, messages: list[dict[str, str]]) -> list[int]:
        """Prompt token ids of ``messages``, with the generation prompt.

        Raises ``ValueError`` for anything template or tokenizer refuse: a role, a lone surrogate.
        """
        try:
            return template.render(self._tokenizer, messages, self.variables)
        except template.UnendingError as error:
            what = f"the chat template does not end within {template.LIMIT_S:.0f} s"
            raise ValueError(what) from error
        except Exception as error:  # a checkpoint's own template may raise anything
            what = f"{type(error).__name__}: {error}"
            raise ValueError(f"the chat template cannot render this prompt: {what}") from error

    def try_out(self) -> None:
        """Render a greeting, with a system message if the template requires one.

        Raises ``StartError``: a template that fails here fails for every prompt, and it is
        better to say so before the engine is loaded.
        """
        greeting = [{"role": "user", "content": "Hello"}]
        try:
            self.render(greeting)
        except ValueError as error:
            try:
                if isinstance(error.__cause__, template.UnendingError):
                    raise
                self.render([{"role": "system", "content": "Answer briefly."}, *greeting])
            except ValueError:
                given = ", ".join(f"{key}={value!r}" for key, value in self.variables.items())
                raise StartError(
                    f"The checkpoint's prompts cannot be rendered: {error}",
                    f"It was given the template variables {given}: check their names and types."
                    if given
                    else "Correct chat_template.jinja in the checkpoint.",
                ) from error

    def opens_thinking(self, prompt_ids: list[int]) -> bool:
        """Whether a rendered prompt ends inside a block of thinking that its template opened."""
        return opening(self._tokenizer.decode(prompt_ids[-_TAIL:])) is not None

    def thinking_tokens(self, text: str, ids: list[int], *, opened: bool) -> int:
        """How many of the generated ``ids`` of ``text`` come before the answer."""
        parts = split(OPENED + text if opened else text)
        if not parts.finished:
            return len(ids)
        end = parts.start - (len(OPENED) if opened else 0)
        if end <= 0:
            return 0
        for mark, token in self._added:
            if text.endswith(mark, 0, end):  # count these tokens before the answer
                places = [place for place, one in enumerate(ids) if one == token]
                number = text.count(mark, 0, end)
                if len(places) >= number:
                    return places[number - 1] + 1
        low, high = 0, len(ids)  # the mark is made of several tokens: look for its end
        while high - low > 1:
            middle = (low + high) // 2
            if len(self._tokenizer.decode(ids[:middle])) < end:
                low = middle
            else:
                high = middle
        return high


def _end_ids(model: Path, tokenizer_end: int | None) -> frozenset[int]:
    """End-of-sequence ids: the generation config's, the config's and the tokenizer's."""
    found = set() if tokenizer_end is None else {tokenizer_end}
    for name in ("generation_config.json", "config.json"):
        try:
            value = json.loads((model / name).read_text(encoding="utf-8")).get("eos_token_id")
        except (OSError, ValueError, AttributeError, RecursionError):
            continue
        named = value if isinstance(value, list) else [value]
        found.update(one for one in named if isinstance(one, int))
    return frozenset(found)
