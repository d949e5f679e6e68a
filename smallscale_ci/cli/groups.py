"""The options that several commands have, in groups."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from smallscale_ci.cli.options import (
    Baselines,
    Deadline,
    EnginePython,
    Gpus,
    MaxEpochs,
    Ranks,
    Runs,
    Runtime,
    Sandbox,
    Seed,
    Template,
    TensorParallel,
    TimeBudget,
    TokenBudget,
)


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Engine:
    """Options for sampling and for where the engine processes run."""

    seed: Seed = None
    template: Template = None
    ranks: Ranks = None
    tp: TensorParallel = None
    gpus: Gpus = ""
    runtime: Runtime = None
    sandbox: Sandbox = None
    engine_python: EnginePython = None

    def request(self) -> dict[str, Any]:
        """As a ``Request`` names them. Raises ``UsageError`` for a GPU that is named twice."""
        return {
            "seed": self.seed,
            "template": tuple(self.template or ()),
            "ranks": self.ranks,
            "tensor_parallel": self.tp,
            "gpus": named_gpus(self.gpus),
            "runtime": str(self.runtime) if self.runtime else None,
        }


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Budget:
    """The limits of an evaluation's cost."""

    max_epochs: MaxEpochs = None
    token_budget: TokenBudget = None
    time_budget: TimeBudget = None
    deadline: Deadline = None

    def request(self) -> dict[str, Any]:
        """As a ``Request`` names them; the deadline belongs to this call, not to the run."""
        return {
            "max_epochs": self.max_epochs,
            "token_budget": self.token_budget,
            "time_budget_min": self.time_budget,
        }


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class Folders:
    """Where runs and baselines are stored."""

    runs: Runs = None
    baselines: Baselines = None

    def places(self) -> dict[str, Path | None]:
        """As ``Context.settings`` names them."""
        return {"runs": self.runs, "baselines": self.baselines}


def named_gpus(text: str) -> tuple[str, ...]:
    """The GPUs of ``--gpus``. Raises ``UsageError`` for one that is named twice."""
    from smallscale_ci.errors import UsageError

    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if len(set(names)) < len(names):
        raise UsageError(
            "--gpus names a GPU twice.", "Ranks share a GPU by ranks_per_gpu in the profile."
        )
    return names
