"""The configuration of a run: suite, profile and policy with all that was resolved."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from smallscale_ci.config.base import NamedConfig
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.suite import SuiteConfig


class RunConfig(NamedConfig):
    """``config.yaml`` of a run folder: everything resolved, enough to run it again."""

    folder: ClassVar[str] = "runs"
    kind: ClassVar[str] = "run configuration"

    model: str
    suite: SuiteConfig
    suite_folder: str  # where the suite's relative sources are
    profile: EngineProfile
    gate: GatePolicy
    baseline: str  # as --baseline takes it; "none" for a run that is not compared
    epochs: Annotated[int, Field(ge=1)]  # of the suite, before the first decision
    max_epochs: Annotated[int, Field(ge=1)]
    token_budget: Annotated[int, Field(ge=1)] | None = None  # no epoch starts that would exceed it
    time_budget_min: Annotated[float, Field(gt=0)] | None = None
    gpus: tuple[str, ...] = ()
    limit: Annotated[int, Field(ge=1)] | None = None  # problems per task: a trial without a verdict
    overrides: tuple[str, ...] = ()  # what --set replaced in suite, profile and gate
    rules: str = ""  # the commit that suite, profile, gate and baseline were read from
