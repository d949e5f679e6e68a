"""The user's request, and the complete configuration that follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.checkpoint import find
from smallscale_ci.config import folders, load, override
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.run import RunConfig
from smallscale_ci.config.seams import AUTO
from smallscale_ci.config.settings import Settings
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.errors import UsageError
from smallscale_ci.ids import run_id
from smallscale_ci.pipeline import variables
from smallscale_ci.run.folder import NO_BASELINE
from smallscale_ci.worker.engines.registry import Source

_FILES = ("suite", "profile", "gate")  # files that --set may change


@dataclass(frozen=True, slots=True)
class Request:
    """The user's request; ``None`` leaves a value to the suite, the profile or the policy."""

    model: str
    suite: str = "smoke"
    profile: str = "vllm-cpu"
    gate: str | None = None
    baseline: str = AUTO
    epochs: int | None = None
    max_epochs: int | None = None
    token_budget: int | None = None
    time_budget_min: float | None = None
    seed: int | None = None
    template: tuple[str, ...] = ()  # KEY=VALUE each
    ranks: int | None = None
    tensor_parallel: int | None = None
    gpus: tuple[str, ...] = ()
    runtime: str | None = None
    limit: int | None = None
    overrides: tuple[str, ...] = ()  # KEY=VALUE


def configure(request: Request, settings: Settings) -> RunConfig:
    """The complete configuration of a new run. Raises ``UsageError`` for unknown names."""
    roots = settings.roots
    suite_file = folders.find(SuiteConfig, request.suite, roots)
    changes = override.read(request.overrides, _FILES)
    suite = override.apply(load.load(SuiteConfig, request.suite, roots), changes["suite"])
    profile = load.load(EngineProfile, request.profile, roots)
    profile = override.apply(profile, changes["profile"])
    gate = load.load(GatePolicy, request.gate or suite.gate, settings.fixed)
    gate = override.apply(gate, changes["gate"])
    if request.limit is not None:
        suite = _limited(suite, request.limit)
    if request.seed is not None:
        sampling = suite.sampling.model_copy(update={"seed": request.seed})
        suite = suite.model_copy(update={"sampling": sampling})
    given = variables.merged(suite.template, profile.template, request.template)
    suite = suite.model_copy(update={"template": given})
    named = ranks_for(request, profile)
    asked = {
        "ranks": request.ranks or named,
        "tensor_parallel": request.tensor_parallel,
        "runtime": request.runtime,
    }
    profile = profile.model_copy(
        update={key: value for key, value in asked.items() if value is not None}
    )
    epochs, most = _epochs(request, gate)
    return RunConfig(
        name=run_id(settings.now(), suite.name, find.name_of(request.model), settings.nonce()),
        model=request.model
        if profile.engine_kind.source is Source.SERVICE
        else absolute(request.model),
        suite=suite,
        suite_folder=str(suite_file.parent.resolve()),
        profile=profile,
        gate=gate,
        baseline=request.baseline,
        epochs=epochs,
        max_epochs=most,
        token_budget=request.token_budget,
        time_budget_min=request.time_budget_min,
        gpus=request.gpus,
        limit=request.limit,
        overrides=request.overrides,
        rules=settings.rules.commit if settings.rules else "",
    )


def _epochs(request: Request, gate: GatePolicy) -> tuple[int, int]:
    """The epochs before the first decision, and the most. Raises ``UsageError`` if none fit."""
    first = request.epochs or 1
    if request.max_epochs and request.max_epochs < first:
        raise UsageError(
            f"--max-epochs {request.max_epochs} is less than --epochs {first}.",
            "Raise --max-epochs, or lower --epochs.",
        )
    is_open = gate.on_inconclusive == "extend" and request.limit is None
    if request.baseline == NO_BASELINE or not is_open:
        return first, first
    return first, request.max_epochs or (first if request.epochs else gate.max_epochs)


def _limited(suite: SuiteConfig, limit: int) -> SuiteConfig:
    """``suite`` with at most ``limit`` problems of each task."""
    tasks = [
        task.model_copy(update={"limit": min(limit, task.limit or limit)}) for task in suite.tasks
    ]
    return suite.model_copy(update={"tasks": tuple(tasks)})


def ranks_for(request: Request, profile: EngineProfile) -> int | None:
    """The number of ranks for the named GPUs. Raises ``UsageError`` if there are too few."""
    if not request.gpus:
        return None
    size = request.tensor_parallel or profile.tensor_parallel
    if len(request.gpus) < size:
        raise UsageError(
            f"One rank needs {size} GPUs, and --gpus names {len(request.gpus)}.",
            "Name more, or lower --tp.",
        )
    return len(request.gpus) // size * profile.ranks_per_gpu


def absolute(model: str) -> str:
    """A folder by its full path; a hub id or an alias unchanged."""
    path = Path(model).expanduser()
    return str(path.resolve()) if path.exists() else model
