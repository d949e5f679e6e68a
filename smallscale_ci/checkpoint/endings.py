"""Whether a checkpoint's chat template ends a turn with a token that ends generation.

A model trained on turns that end with another token never stops: every completion is cut off at
max_tokens. The template is the checkpoint author's code, so it is rendered sandboxed, in a process
with limits of time and memory; one that fails there is left to the worker, which refuses it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from smallscale_ci.worker.engines import template

_LIMIT_S = 10
_MARK = "This is the answer"
_SCRIPT = f"""
import json, resource, sys
from datetime import datetime
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
resource.setrlimit(resource.RLIMIT_CPU, ({_LIMIT_S}, {_LIMIT_S}))
from jinja2.sandbox import ImmutableSandboxedEnvironment
given = json.load(sys.stdin)
made = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
)
def refuse(what):
    raise ValueError(what)
made.globals.update(strftime_now=datetime(2026, 1, 1).strftime, raise_exception=refuse)
made.filters["tojson"] = lambda value, **how: json.dumps(value, ensure_ascii=False)
turns = [{{"role": "user", "content": "Hello"}}, {{"role": "assistant", "content": "{_MARK}"}}]
text = made.from_string(given.pop("template")).render(
    messages=turns, add_generation_prompt=False, **given
)
sys.stdout.write(json.dumps(text.rpartition("{_MARK}")[2] if "{_MARK}" in text else None))
"""


def complaint(path: Path) -> str | None:
    """What is wrong with the end of a turn of the checkpoint folder ``path``; ``None``: nothing."""
    text = template.source(path)
    tokenizer = _read(path / "tokenizer_config.json")
    names = dict(_added(path, tokenizer))
    eos = _content(tokenizer.get("eos_token"))
    ends = {eos} if eos else set()
    for file in ("generation_config.json", "config.json"):
        found = _read(path / file).get("eos_token_id")
        ids = found if isinstance(found, list) else [found]
        ends.update(names[one] for one in ids if isinstance(one, int) and one in names)
    if text is None or not ends:
        return None
    special = {key: _content(tokenizer.get(key)) for key in ("bos_token", "pad_token", "unk_token")}
    tail = _tail({"template": text, "eos_token": eos, **special})
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


def _tail(given: Mapping[str, Any]) -> str | None:
    """What the template writes after an answer; ``None`` where that cannot be seen."""
    try:
        ran = subprocess.run(
            [sys.executable, "-I", "-c", _SCRIPT],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=2 * _LIMIT_S,
            check=True,
        )
        tail = json.loads(ran.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return tail if isinstance(tail, str) else None


def _added(path: Path, tokenizer: Mapping[str, Any]) -> Iterator[tuple[int, str]]:
    """Ids and contents of the tokens that were added to the vocabulary, the special ones."""
    decoder = tokenizer.get("added_tokens_decoder")
    if isinstance(decoder, dict):
        for number, token in decoder.items():
            if number.isdecimal() and _content(token):
                yield int(number), _content(token)
    added = _read(path / "tokenizer.json").get("added_tokens")
    for token in added if isinstance(added, list) else []:
        if isinstance(token, dict) and isinstance(token.get("id"), int) and _content(token):
            yield token["id"], _content(token)


def _content(token: Any) -> str:
    """A token's text: configurations name it, or describe it."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else ""


def _read(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
