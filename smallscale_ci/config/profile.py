"""An engine profile: a named, complete engine configuration."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from smallscale_ci.config import engine_args as passed
from smallscale_ci.config.base import Config, Name, NamedConfig, Positive
from smallscale_ci.config.names import OneOf
from smallscale_ci.config.seams import AUTO, RUNTIMES
from smallscale_ci.config.secret import refuse_secrets
from smallscale_ci.config.template import TemplateVariables
from smallscale_ci.worker.engines.registry import ENGINES, EngineKind


class ContainerConfig(Config):
    """What one container of the docker runtime may use."""

    memory_gib: Positive | None = None  # None: the ranks share nine tenths of the machine's
    shm_gib: Positive = 8.0
    pids: Annotated[int, Field(ge=16)] = 4096
    deadline_h: Positive = 24.0  # a container ends then, even if its host is gone


class EngineProfile(NamedConfig):
    """``configs/engines/PROFILE.yaml``: a named, complete engine configuration."""

    folder: ClassVar[str] = "engines"
    kind: ClassVar[str] = "engine profile"

    engine: Annotated[str, OneOf.of(table=ENGINES)]
    runtime: Annotated[str, OneOf.of(AUTO, table=RUNTIMES)] = AUTO
    environment: Name | None = None  # local runtime: .envs/NAME, made from requirements/NAME.txt
    image: Name | None = None  # docker runtime: a name in docker/images.lock.yaml
    ranks: Annotated[int, Field(ge=1, le=1024)] = 1
    ranks_per_gpu: Annotated[int, Field(ge=1, le=64)] = 1  # with --gpus
    tensor_parallel: Annotated[int, Field(ge=1, le=64)] = 1
    order: Literal["longest-first", "shuffle", "as-is"] = "longest-first"
    max_in_flight: Annotated[int, Field(ge=1)] = 256  # requests an engine holds at once, per rank
    start_timeout_s: Annotated[float, Field(gt=0)] = 900.0
    stall_timeout_s: Annotated[float, Field(gt=0)] = 600.0  # without a completion from any rank
    deterministic: bool = False
    trust_remote_code: bool = False
    start: Literal["together", "one-by-one"] = "together"  # one-by-one: ranks that share a GPU
    logprobs: bool = False  # keep the log-probability of every generated token
    price_per_gpu_hour: Annotated[float, Field(ge=0)] | None = None
    engine_args: dict[str, Any] = {}  # passed to the engine as they are
    template: TemplateVariables = {}  # these win over the suite's
    env: dict[str, str] = {}  # environment of the engine processes
    container: ContainerConfig = ContainerConfig()

    @property
    def engine_kind(self) -> EngineKind:
        """What the engine is."""
        return ENGINES[self.engine]

    @property
    def asked(self) -> dict[str, Any]:
        """Those of a service's ``engine_args`` that change what is asked, or how."""
        asked = self.engine_kind.asked
        return {name: self.engine_args[name] for name in asked if name in self.engine_args}

    @model_validator(mode="after")
    def _passes_only_what_may_be_passed(self) -> EngineProfile:
        passed.refuse_other_weights(self.engine_args)
        passed.refuse_unknown(self.engine_kind, self.engine_args)
        for name in ("engine_args", "env", "template"):
            refuse_secrets(name, getattr(self, name))
        return self
