"""Template variables: the chat template's input besides the messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter, ValidationError

from smallscale_ci.checkpoint import rehearsal
from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.checkpoint.servable import own_code
from smallscale_ci.config import load
from smallscale_ci.config.template import SYSTEM, TemplateVariables
from smallscale_ci.errors import UsageError, did_you_mean, own_problems, sentence
from smallscale_ci.worker.engines import template


def merged(
    suite: Mapping[str, Any], profile: Mapping[str, Any], texts: Sequence[str]
) -> dict[str, Any]:
    """The suite's variables, overridden by the profile's and then by ``texts``; null removes one.

    Raises ``UsageError`` and ``ConfigError`` for a text that is not ``KEY=VALUE``.
    """
    every = {**suite, **profile, **_parse(texts)}
    return {key: value for key, value in every.items() if value is not None}


def refuse_unread(variables: Mapping[str, Any], found: Checkpoint) -> None:
    """Raise ``UsageError`` for a variable that the checkpoint's chat template never reads."""
    text = template.source(found.path)
    named = variables.keys() - {SYSTEM}
    if not named or text is None:  # the worker refuses a checkpoint without a template
        return
    try:
        read = template.reads(text)
    except ValueError as error:
        raise UsageError(
            f"The chat template of {found.name} is not a template: {error}.",
            "Correct chat_template.jinja in the checkpoint.",
        ) from error
    for name in sorted(named - read):
        raise UsageError(
            f"The chat template of {found.name} never reads the variable '{name}'"
            f"{did_you_mean(name, read)}.",
            f"It reads: {', '.join(sorted(read)) or 'none'}. Variables come from --template and "
            "from 'template' in suite and profile, where null removes one.",
        )


def refuse_failing(
    variables: Mapping[str, Any], found: Checkpoint, chats: Iterable[Sequence[Mapping[str, str]]]
) -> None:
    """Raise ``UsageError`` if the checkpoint's chat template cannot render one of ``chats``.

    A checkpoint's own code may render differently: then the check is left to the worker.
    """
    if own_code(found):
        return
    given = {key: value for key, value in variables.items() if key != SYSTEM}
    try:
        rehearsal.render(found.path, chats, given)
    except rehearsal.FailedError as error:
        shown = ", ".join(f"{key}={value!r}" for key, value in given.items())
        raise UsageError(
            f"The chat template of {found.name} cannot render the suite's prompts: {error}.",
            f"It was given the template variables {shown}: check their names and types."
            if given
            else "Correct chat_template.jinja in the checkpoint.",
        ) from error


def _parse(texts: Sequence[str]) -> dict[str, Any]:
    """Parse ``--template KEY=VALUE``, with values as YAML. Raises ``UsageError``."""
    found: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"--template {text} has no value.",
                "Write --template KEY=VALUE, for example --template enable_thinking=false.",
            )
        found[key.strip()] = load.read_value(value, f"--template {text}")
    try:
        return TypeAdapter(TemplateVariables).validate_python(found, strict=True)
    except ValidationError as error:
        item = own_problems(error)[0]
        raise UsageError(
            f"--template{''.join(f' {part}' for part in item['loc'][:1])}: {sentence(item)}.",
            "A value is true or false, a number, or a string, as YAML writes them.",
        ) from error
