"""What a profile may pass to an engine: neither another model nor a secret.

A profile is written into every run's ``config.yaml`` and committed to git. No message here repeats
a value that may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from smallscale_ci.worker.engines.registry import EngineKind

# Arguments of vLLM and SGLang that change which weights, tokenizer or configuration are served.
_OTHER_WEIGHTS = (
    *("model", "model_path", "model_weights", "lora_paths"),
    *("tokenizer", "tokenizer_path", "tokenizer_revision", "revision", "code_revision"),
    *("load_format", "model_loader_extra_config"),
    *("hf_overrides", "hf_config_path", "json_model_override_args"),
)
_SECRET_NAME = re.compile(
    r"(.*[-_.])?(api[-_]?key|access[-_]?key|private[-_]?key|secret|passw(or)?d|credentials?"
    r"|authorization|bearer|(hf|hub|auth|access|api|refresh|session|github|gh)[-_]?token)|token",
    re.IGNORECASE,
)
_SECRET_VALUE = re.compile(
    r"^\s*(Bearer\s+\S|Basic\s+\S|(sk|rk|pk)-\w|hf_\w{8}|gh[opsu]_\w{8}|github_pat_|xai-\w|gsk_\w{8}"
    r"|AIza\w{8}|nvapi-\w)",
    re.IGNORECASE,
)
_VARIABLE = re.compile(r"[A-Za-z_]\w*")


def refuse_other_weights(args: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for an argument that names anything other than the checkpoint."""
    body = args.get("extra_body")
    for name in (*args, *(body if isinstance(body, dict) else ())):
        if name.lstrip("-").replace("-", "_").lower() in _OTHER_WEIGHTS:
            raise ValueError(
                f"engine_args cannot have {name}: the engine would serve something else than "
                "the checkpoint whose hash is recorded. Name the model on the command line"
            )


def refuse_unknown(kind: EngineKind, args: Mapping[str, Any]) -> None:
    """Raise ``ValueError`` for an argument that a service's adapter ignores, and for a bad URL."""
    known = (*kind.reached, *kind.asked)
    if not known:
        return
    odd = next((name for name in args if name not in known), None)
    if odd is not None:
        raise ValueError(
            f"engine_args of {kind.name} has no {odd}; known are {', '.join(known)}. Other "
            "fields of a request go into engine_args.extra_body, reasoning_effort into template"
        )
    url = args.get("base_url")
    if url is not None and not re.match(r"https?://[^/\s]", str(url)):
        raise ValueError(
            "engine_args.base_url has no scheme: write http://HOST:PORT/v1 or https://HOST/v1"
        )
    if url is not None and "@" in str(url).split("/")[2]:
        raise ValueError(
            "engine_args.base_url holds a user name or a password: a key is read from the variable "
            "that api_key_env names"
        )
    variable = args.get("api_key_env")
    if variable is not None and not _VARIABLE.fullmatch(str(variable)):
        raise ValueError(
            "engine_args.api_key_env is the name of an environment variable, not the key itself"
        )


def refuse_secrets(place: str, value: Any) -> None:
    """Raise ``ValueError`` for anything that has a secret's name or looks like one."""
    for name in _secrets(place, value):
        raise ValueError(
            f"{name} looks like a secret, and this file is written into every run. Set it in the "
            "environment"
        )


def _secrets(place: str, value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if isinstance(item, str) and item and _SECRET_NAME.fullmatch(key.strip("- ")):
                yield f"{place}.{key}"
            yield from _secrets(f"{place}.{key}", item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _secrets(place, item)
    elif isinstance(value, str) and _SECRET_VALUE.match(value):
        yield place
