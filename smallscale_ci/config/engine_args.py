"""What a profile may pass to an engine: no other model, and nothing that the engine ignores.

No message here repeats a value that may be a secret.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from smallscale_ci.worker.engines.registry import EngineKind

# Arguments of vLLM and SGLang that change which weights, tokenizer or configuration are served.
_OTHER_WEIGHTS = (
    *("model", "model_path", "model_weights", "lora_paths"),
    *("tokenizer", "tokenizer_path", "tokenizer_revision", "revision", "code_revision"),
    *("load_format", "model_loader_extra_config"),
    *("hf_overrides", "hf_config_path", "json_model_override_args"),
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
