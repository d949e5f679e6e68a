"""The options that several commands have, in groups."""

from __future__ import annotations

import re
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

_ALL = "all"  # as docker's option of that name takes it
_NO_GPU = re.compile(r"\s|^\d+-\d+$")  # several in one word: 0 1, 0-3


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
    """The GPUs of ``--gpus``; none for all. Raises ``UsageError`` for what names none, or twice."""
    from smallscale_ci.errors import UsageError

    names = tuple(part.strip() for part in text.split(",") if part.strip())
    if names == (_ALL,):
        return ()
    for name in names:
        if _NO_GPU.search(name):
            raise UsageError(
                f"--gpus: '{name}' is not a GPU.", "Separate them by commas: --gpus 0,1,2,3"
            )
    if len(set(names)) < len(names):
        raise UsageError(
            "--gpus names a GPU twice.", "Ranks share a GPU by ranks_per_gpu in the profile."
        )
    return names
