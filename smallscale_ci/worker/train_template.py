"""The checkpoint's own chat template as LLaMA-Factory's template: training sees what serving sees.

LLaMA-Factory guesses a template from the rendered text of a few messages, which goes wrong where
the generation prompt opens a block of thinking. Here the prompt is rendered by the checkpoint's
template itself, and the answer is its text and the token that ends a turn.
"""

from __future__ import annotations

from typing import Any

from llamafactory.data import template as upstream

_MARK = "smallscale"  # an answer that no template changes


class CheckpointTemplate(upstream.Template):  # type: ignore[misc]
    """Prompt and answer token ids by ``tokenizer.apply_chat_template``."""

    def encode_oneturn(
        self, tokenizer: Any, messages: Any, system: str | None = None, tools: str | None = None
    ) -> tuple[list[int], list[int]]:
        """The ids of all messages but the last, and of the last."""
        shown = [{"role": "system", "content": system}] if system else []
        shown += [{"role": one["role"], "content": one["content"]} for one in messages]
        prompt = rendered(tokenizer, shown[:-1])
        return prompt, answer(tokenizer, shown[-1]["content"])

    def encode_multiturn(
        self,
        tokenizer: Any,
        messages: Any,
        system: str | None = None,
        tools: str | None = None,
        discarding_history_cot: bool = False,
    ) -> list[tuple[list[int], list[int]]]:
        """One turn, the last: its prompt holds the others, and no loss is taken on them."""
        return [self.encode_oneturn(tokenizer, messages, system, tools)]


def install() -> None:
    """Have LLaMA-Factory use the checkpoint's template where none is named."""
    guess = upstream.parse_template

    def own(tokenizer: Any) -> CheckpointTemplate:
        # The guess's other fields are not used for text, but the class wants them.
        plain = upstream.TEMPLATES["empty"] if not tokenizer.chat_template else guess(tokenizer)
        fields = {name: getattr(plain, name) for name in plain.__dataclass_fields__}
        return CheckpointTemplate(**{**fields, "default_system": "", "stop_words": []})

    upstream.parse_template = own


def rendered(tokenizer: Any, messages: list[dict[str, str]]) -> list[int]:
    """Token ids of the prompt, as the engine is given them."""
    ids = tokenizer.apply_chat_template(
        messages, add_generation_prompt=True, tokenize=True, return_dict=False
    )
    return [int(token) for token in ids]


def answer(tokenizer: Any, text: str) -> list[int]:
    """Token ids of an answer, with the one that ends it."""
    return [*tokenizer.encode(text, add_special_tokens=False), end(tokenizer)]


def end(tokenizer: Any) -> int:
    """The token that the chat template puts after an answer; else the tokenizer's end."""
    talk = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _MARK}]
    text = tokenizer.apply_chat_template(talk, tokenize=False, add_generation_prompt=False)
    after = tokenizer.encode(text.rpartition(_MARK)[2].lstrip(), add_special_tokens=False)
    if after and after[0] in tokenizer.all_special_ids:
        return int(after[0])
    return int(tokenizer.eos_token_id)
