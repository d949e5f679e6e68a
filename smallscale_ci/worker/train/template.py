"""The checkpoint's own chat template for LLaMA-Factory, so that training sees what serving sees.

LLaMA-Factory guesses a template from the rendered text of a few messages, which goes wrong if
the generation prompt opens a block of thinking. Here the prompt is rendered by the checkpoint's
template itself, and the answer is its text and the token that ends a turn.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from llamafactory.data import template as upstream

from ..engines.template import render
from ..marks import opening

_TAIL = 32  # tokens: more than any such mark and the white space after it
_BEGUN = "<think>\n"  # put by `pairs` before an answer whose thinking the prompt had started
_MARK = "smallscale"  # an answer that no template changes
_RECORD = "pairs.json"  # its `template`: the variables of the sampled answers' prompts
_SYSTEM = "system"  # not a template variable: it is in the pairs as a message


class CheckpointTemplate(upstream.Template):  # type: ignore[misc]
    """Prompt and answer token ids by ``tokenizer.apply_chat_template``."""

    variables: ClassVar[Mapping[str, Any]] = {}  # passed to the template besides the messages

    def encode_oneturn(
        self, tokenizer: Any, messages: Any, system: str | None = None, tools: str | None = None
    ) -> tuple[list[int], list[int]]:
        """The ids of all messages but the last, and of the last."""
        shown = [{"role": "system", "content": system}] if system else []
        shown += [{"role": one["role"], "content": one["content"]} for one in messages]
        prompt = rendered(tokenizer, shown[:-1], self.variables)
        return prompt, answer(tokenizer, prompt, shown[-1]["content"], self.variables)

    def encode_multiturn(
        self,
        tokenizer: Any,
        messages: Any,
        system: str | None = None,
        tools: str | None = None,
        discarding_history_cot: bool = False,
    ) -> list[tuple[list[int], list[int]]]:
        """Only the last turn: its prompt holds the others, which get no loss."""
        return [self.encode_oneturn(tokenizer, messages, system, tools)]


def variables_of(pairs: Path) -> dict[str, Any]:
    """The template variables that the answers in the folder ``pairs`` were sampled with."""
    try:
        known = json.loads((pairs / _RECORD).read_text(encoding="utf-8")).get("template") or {}
    except (OSError, ValueError):
        return {}  # pairs from another tool
    return {name: value for name, value in known.items() if name != _SYSTEM}


def install(variables: Mapping[str, Any]) -> None:
    """Make LLaMA-Factory use the checkpoint's template, with ``variables``, if none is named."""
    CheckpointTemplate.variables = dict(variables)

    def own(_tokenizer: Any) -> CheckpointTemplate:
        # The class requires fields that are not used here; this end of turn is our own.
        empty = upstream.TEMPLATES["empty"]
        fields = {name: getattr(empty, name) for name in empty.__dataclass_fields__}
        return CheckpointTemplate(**{**fields, "efficient_eos": False})

    upstream.parse_template = own


def rendered(
    tokenizer: Any, messages: list[dict[str, str]], variables: Mapping[str, Any]
) -> list[int]:
    """Token ids of the prompt, as passed to the engine."""
    return render(tokenizer, messages, variables)


def answer(tokenizer: Any, prompt: list[int], text: str, variables: Mapping[str, Any]) -> list[int]:
    """Token ids of an answer to ``prompt``, including its end token.

    Pairs hold whole answers. If the prompt ends with the mark that opens thinking,
    the answer's own mark is left out, because the engine did not generate it.
    """
    opened = opening(tokenizer.decode(prompt[-_TAIL:]))
    if opened:
        mark, space = opened[0].removesuffix(opened[1]), opened[1]
        if text.startswith(_BEGUN):
            text = text.removeprefix(_BEGUN)
        elif text.lstrip().startswith(mark):
            text = text.lstrip().removeprefix(mark).removeprefix(space)
    return [*tokenizer.encode(text, add_special_tokens=False), end(tokenizer, variables)]


def end(tokenizer: Any, variables: Mapping[str, Any]) -> int:
    """The token that the chat template puts after an answer; else the tokenizer's end."""
    talk = [{"role": "user", "content": "?"}, {"role": "assistant", "content": _MARK}]
    text = tokenizer.apply_chat_template(
        talk, tokenize=False, add_generation_prompt=False, **variables
    )
    after = tokenizer.encode(text.rpartition(_MARK)[2].lstrip(), add_special_tokens=False)
    if after and after[0] in tokenizer.all_special_ids:
        return int(after[0])
    return int(tokenizer.eos_token_id)
