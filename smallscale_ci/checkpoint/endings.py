"""Whether a checkpoint's chat template ends a turn with a token that ends generation.

A model trained on turns that end with another token never stops: every completion is cut off at
max_tokens. A template that cannot be rendered is not reported here but by ``rehearsal``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smallscale_ci.checkpoint import rehearsal
from smallscale_ci.checkpoint.rehearsal import content, read

_MARK = "This is the answer"
_TURNS = ({"role": "user", "content": "Hello"}, {"role": "assistant", "content": _MARK})


def complaint(path: Path) -> str | None:
    """What is wrong with how the checkpoint folder ``path`` ends a turn; ``None``: nothing."""
    tokenizer = read(path / "tokenizer_config.json")
    names = dict(_added(path, tokenizer))
    eos = content(tokenizer.get("eos_token"))
    ends = {eos} if eos else set()
    for file in ("generation_config.json", "config.json"):
        found = read(path / file).get("eos_token_id")
        ids = found if isinstance(found, list) else [found]
        ends.update(names[one] for one in ids if isinstance(one, int) and one in names)
    if not ends:
        return None
    tail = _tail(path)
    if tail is None or any(end in tail for end in ends):
        return None
    shown = ", ".join(sorted(ends))
    other = sorted((name for name in names.values() if name in tail), key=tail.find)
    if other:
        return (
            f"the chat template ends an answer with {other[0]}, which is not an end token "
            f"({shown}): completions may run on to max_tokens. Add its id to eos_token_id in "
            "generation_config.json."
        )
    return (
        f"the chat template never ends an answer with an end token ({shown}): completions may run "
        "on to max_tokens. Correct eos_token_id in generation_config.json, or the template."
    )


def _tail(path: Path) -> str | None:
    """What the template writes after an answer; ``None`` if that cannot be determined."""
    try:
        texts = rehearsal.render(path, [_TURNS], prompting=False)
    except rehearsal.FailedError:
        return None
    _, mark, after = texts[0].rpartition(_MARK) if texts else ("", "", "")
    return after if mark else None


def _added(path: Path, tokenizer: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Ids and contents of the tokens that were added to the vocabulary, the special ones."""
    decoder = tokenizer.get("added_tokens_decoder")
    if isinstance(decoder, dict):
        for number, token in decoder.items():
            if number.isdecimal() and content(token):
                yield int(number), content(token)
    added = read(path / "tokenizer.json").get("added_tokens")
    for token in added if isinstance(added, list) else []:
        if isinstance(token, dict) and isinstance(token.get("id"), int) and content(token):
            yield token["id"], content(token)
