"""What vLLM cannot do on a CPU: one rule, checked before a run and again by the engine process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ARGUMENTS = {"enable_chunked_prefill": False}  # vLLM's own default is to prefill in chunks


def refusal(*, deterministic: bool, engine_args: Mapping[str, Any]) -> tuple[str, str] | None:
    """What would crash vLLM 0.31 and 0.32 on a CPU, and the remedy; ``None`` if nothing would."""
    if deterministic:
        return (
            "vLLM has no deterministic mode on a CPU.",
            "Leave out `deterministic: true` from the profile, or run it on a GPU.",
        )
    if engine_args.get("enable_chunked_prefill"):
        return (
            "On a CPU, vLLM cannot prefill a seeded prompt in chunks.",
            "Set `enable_chunked_prefill: false` in engine_args of the profile.",
        )
    return None
