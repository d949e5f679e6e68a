"""A checkpoint's chat template, rendered here before anything is loaded.

The template is the checkpoint author's code, so it runs in Jinja's sandbox, in a process of its own
with limits of time and memory. It gets what ``apply_chat_template`` would give it: this is the one
place that stands in for transformers where that is not installed. The clock stands still and
nothing is random, as in the worker.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from smallscale_ci.worker.engines import template

LIMIT_S = 3  # of CPU time, for everything rendered in one call: most prompts take a millisecond
_ENDLESS = f"it does not end within {LIMIT_S} s"
_GIB = 1 << 30
_SPECIAL = ("bos_token", "eos_token", "pad_token", "unk_token")
_SCRIPT = f"""
import json, resource, sys
from datetime import datetime
resource.setrlimit(resource.RLIMIT_AS, ({_GIB}, {_GIB}))
resource.setrlimit(resource.RLIMIT_CPU, ({LIMIT_S}, {LIMIT_S}))
sys.path.append(sys.argv[1])  # -I leaves out what PYTHONPATH names
from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
given = json.load(sys.stdin)
made = ImmutableSandboxedEnvironment(
    trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
)
def refuse(what):
    raise TemplateError(what)
made.globals.update(
    strftime_now=datetime(2026, 1, 1).strftime, raise_exception=refuse, lipsum=lambda *_, **__: ""
)
made.filters["tojson"] = lambda value, indent=None, **_: json.dumps(
    value, ensure_ascii=False, indent=indent
)
made.filters["random"] = lambda items: list(items)[0]
try:
    ready = made.from_string(given["template"])
    texts = [ready.render(messages=chat, **given["values"]) for chat in given["chats"]]
    answer = {{"texts": texts}}
except MemoryError:
    answer = {{"failed": "it takes more than 1 GiB of memory"}}
except Exception as error:
    line = getattr(error, "lineno", None)
    where = f" (line {{line}})" if line else ""
    answer = {{"failed": f"{{type(error).__name__}}: {{error}}"[:500] + where}}
sys.stdout.write(json.dumps(answer))
"""


class FailedError(Exception):
    """Why a template cannot be rendered."""


def render(
    path: Path,
    chats: Iterable[Sequence[Mapping[str, str]]],
    variables: Mapping[str, Any] | None = None,
    *,
    prompting: bool = True,
) -> list[str] | None:
    """The ``chats`` as the template of the checkpoint folder ``path`` writes them.

    ``prompting`` adds the generation prompt. Returns ``None`` for a checkpoint without a template,
    and if no process can be started. Raises ``FailedError``.
    """
    text = template.source(path)
    if text is None:
        return None
    values = {
        **special_tokens(path),
        "tools": None,
        "documents": None,
        "add_generation_prompt": prompting,
        **(variables or {}),
    }
    given = {"template": template.plain(text), "chats": [*map(list, chats)], "values": values}
    try:
        ran = subprocess.run(
            [sys.executable, "-I", "-c", _SCRIPT, _packages()],
            input=json.dumps(given, default=dict),
            capture_output=True,
            text=True,
            timeout=20 * LIMIT_S,  # on a machine that is busy with other things
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise FailedError(_ENDLESS) from error
    except OSError:
        return None
    if ran.returncode < 0:
        raise FailedError(_ENDLESS)
    if ran.returncode > 0:  # Python did not come as far as the template
        return None
    answer = json.loads(ran.stdout)
    if "failed" in answer:
        raise FailedError(answer["failed"])
    return [str(one) for one in answer["texts"]]


def _packages() -> str:
    """The folder that Jinja was installed into."""
    found = find_spec("jinja2")
    return str(Path(found.origin).parents[1]) if found and found.origin else ""


def special_tokens(path: Path) -> dict[str, str]:
    """The special tokens that templates use; empty if the checkpoint names none."""
    named = {**read(path / "special_tokens_map.json"), **read(path / "tokenizer_config.json")}
    return {key: content(named.get(key)) for key in _SPECIAL}


def content(token: Any) -> str:
    """A token's text: configurations give it as text or as an object."""
    found = token.get("content") if isinstance(token, dict) else token
    return found if isinstance(found, str) else ""


def read(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty if there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
