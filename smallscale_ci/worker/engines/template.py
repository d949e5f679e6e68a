"""A checkpoint's chat template: the variables it reads, and deterministic rendering.

The template may be malicious and never end, and its prompts must be the same tomorrow.
"""

from __future__ import annotations

import ctypes
import json
import re
import threading
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

# Passed by `apply_chat_template` itself, so they cannot be set.
_MESSAGES = ("messages", "tools", "documents", "add_generation_prompt", "continue_final_message")
_HELPERS = ("strftime_now", "raise_exception", "bos_token", "eos_token", "pad_token", "unk_token")
GIVEN = frozenset((*_MESSAGES, *_HELPERS))
LIMIT_S = 20.0  # longest time for one prompt; most take a millisecond
_CLOCK = datetime(2026, 1, 1)  # noqa: DTZ001 - a template's clock has no zone
_GENERATION = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")


class UnendingError(Exception):
    """A template that did not end in time."""


def source(model: Path) -> str | None:
    """The text of the default chat template of the checkpoint folder ``model``, if it has one."""
    try:
        return (model / "chat_template.jinja").read_text(encoding="utf-8")
    except (OSError, ValueError):
        pass
    try:
        config = json.loads((model / "tokenizer_config.json").read_text(encoding="utf-8"))
        found = config.get("chat_template")
        if isinstance(found, list):  # several, by name
            found = {item["name"]: item["template"] for item in found}.get("default")
    except (OSError, ValueError, AttributeError, TypeError, KeyError, RecursionError):
        return None
    return found if isinstance(found, str) else None


def plain(text: str) -> str:
    """``text`` without the {% generation %} marks, which plain Jinja does not know."""
    return _GENERATION.sub("", text)


def reads(text: str) -> frozenset[str]:
    """The variables that a template reads and does not set itself.

    Raises ``ValueError`` for a text that is not a template.
    """
    import jinja2
    from jinja2 import meta

    environment = jinja2.Environment(extensions=["jinja2.ext.loopcontrols"])  # noqa: S701
    try:
        tree = environment.parse(plain(text))
        return frozenset(meta.find_undeclared_variables(tree)) - GIVEN
    except (jinja2.TemplateError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        where = f" (line {line})" if line else ""
        raise ValueError(f"{error or 'it is nested too deeply'}{where}") from error


def render(
    tokenizer: Any, messages: Sequence[Mapping[str, str]], variables: Mapping[str, Any]
) -> list[int]:
    """Token ids of ``messages``, with the generation prompt.

    Raises whatever the template raises, and ``UnendingError``.
    """
    import jinja2.filters

    jinja2.filters.random = _First  # type: ignore[assignment, attr-defined]  # of `|random` alone
    with _Limit(LIMIT_S):
        ids: Any = tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            add_generation_prompt=True,
            tokenize=True,
            return_dict=False,
            strftime_now=_CLOCK.strftime,
            lipsum=lambda *_, **__: "",  # Jinja's other source of randomness
            **variables,
        )
    return [int(token) for token in ids]


class _First:
    """Replaces the module ``random``: always chooses the first."""

    @staticmethod
    def choice(items: Sequence[Any]) -> Any:
        return items[0]


class _Limit:
    """Ends the block after ``seconds`` by an exception in its thread."""

    def __init__(self, seconds: float) -> None:
        self._thread = threading.get_ident()
        self._timer = threading.Timer(seconds, self._end)
        self._timer.daemon = True
        self._over, self._lock = False, threading.Lock()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:  # nothing is raised from here on
            self._over = True

    def _end(self) -> None:
        with self._lock:
            if not self._over:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(self._thread), ctypes.py_object(UnendingError)
                )
