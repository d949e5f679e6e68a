"""Resolves everything that the user named; all checks come before an engine starts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from smallscale_ci.checkpoint import find
from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.checkpoint.servable import refuse_own_code
from smallscale_ci.config.profile import EngineProfile
from smallscale_ci.config.run import RunConfig
from smallscale_ci.config.seams import RUNTIMES
from smallscale_ci.config.settings import Settings
from smallscale_ci.errors import DataError, EngineError, UsageError
from smallscale_ci.generate import runtimes
from smallscale_ci.generate.runtimes import Choice
from smallscale_ci.ids import slug
from smallscale_ci.pipeline import variables
from smallscale_ci.pipeline.forecast import Forecast, forecast
from smallscale_ci.pipeline.request import Request, configure
from smallscale_ci.records import SamplingSpec
from smallscale_ci.run import baselines, chain
from smallscale_ci.run.baselines import Place
from smallscale_ci.run.folder import NO_BASELINE, RunFolder, open_run
from smallscale_ci.run.run import Run
from smallscale_ci.suite import prompts
from smallscale_ci.suite.local import load_suite
from smallscale_ci.suite.model import Suite
from smallscale_ci.worker.engines import cpu
from smallscale_ci.worker.engines.registry import Source

if TYPE_CHECKING:
    from smallscale_ci.sandbox.choice import SandboxChoice


@dataclass(frozen=True, eq=False)
class Plan:
    """A run that can start: all names resolved."""

    config: RunConfig
    suite: Suite
    checkpoint: Checkpoint
    baseline: Run | None
    run: RunFolder
    python: Path | None  # the engine environment's; containers bring their own
    place: Choice  # where the engine processes run
    now: Callable[[], datetime]

    @property
    def sampling(self) -> SamplingSpec:
        """The suite's sampling parameters, complete."""
        return SamplingSpec(**self.config.suite.sampling.model_dump())

    @property
    def variables(self) -> Mapping[str, Any]:
        """The variables of the chat template, and ``system``."""
        return self.config.suite.template

    @cached_property
    def expected(self) -> Forecast:
        """The expected cost of the epochs before the first decision."""
        return forecast(self.config, self.suite, self.baseline)


def plan(request: Request, settings: Settings, *, say: Callable[[str], None]) -> Plan:
    """Resolve a new run. Raises the errors of every part, before any GPU is used."""
    config = configure(request, settings)
    return complete(config, settings, say)


def complete(
    config: RunConfig, settings: Settings, say: Callable[[str], None], run: RunFolder | None = None
) -> Plan:
    """The plan of ``config``: data, checkpoint, baseline and runtime found. Raises their errors."""
    suite = load_suite(config.suite, Path(config.suite_folder), settings.cache)
    place = Place(
        config.suite.name,
        config.profile.name,
        _name(config),
        config.suite.reference.get(config.profile.name),
        given=config.model,
    )
    baseline = None
    if config.baseline != NO_BASELINE:
        baseline = baselines.resolve(config.baseline, place, settings.root_of(config.baseline))
    choice = runtimes.choose(config.profile, settings.images, settings.environment, say)
    # A resumed run continues where it was started, whatever `auto` would find now.
    profile = config.profile.model_copy(update={"runtime": choice.name})
    kind, python = RUNTIMES[choice.name], settings.engine_python
    if kind.images:
        python = None  # the image brings one
    elif kind.here:
        python = engine_python(profile, settings)
        _refuse_on_a_cpu(profile, python)
    found = _checkpoint(config, settings, python or _converter(profile, settings), say)
    if profile.engine_kind.source is Source.CHECKPOINT:
        first = {problem.task: problem for problem in reversed(suite.problems)}
        chats = (prompts.messages(suite.task(task).prompt, first[task]) for task in first)
        variables.refuse_failing(config.suite.template, found, chats)
    return Plan(
        config=config.model_copy(update={"profile": profile}),
        suite=suite,
        checkpoint=found,
        baseline=baseline,
        run=run or RunFolder(settings.runs / config.name),
        python=python,
        place=choice,
        now=settings.now,
    )


def _refuse_on_a_cpu(profile: EngineProfile, python: Path) -> None:
    """Raise ``UsageError`` for what ``python``'s engine cannot do if it is a CPU build."""
    build = profile.engine_kind.cpu
    made = python.parent.parent.glob(f"lib/python*/site-packages/{build}-*.dist-info")
    if not build or not any(made):
        return
    refused = cpu.refusal(deterministic=profile.deterministic, engine_args=profile.engine_args)
    if refused is not None:
        raise UsageError(f"Profile '{profile.name}': {refused[0]}", refused[1])


def _converter(profile: EngineProfile, settings: Settings) -> Path | None:
    """The Python of a local engine environment, for converting embedded models, if any."""
    try:
        return engine_python(profile, settings)
    except EngineError:
        return None


def _checkpoint(
    config: RunConfig, settings: Settings, python: Path | None, say: Callable[[str], None]
) -> Checkpoint:
    match config.profile.engine_kind.source:
        case Source.RUN:
            return _replayed(config.model)
        case Source.SERVICE:
            return Checkpoint(slug(config.model), Path(), config.model, "", "", "", "")
        case Source.CHECKPOINT:
            found = find.resolve(config.model, cache=settings.cache, engine_python=python, say=say)
            refuse_own_code(found, trusted=config.profile.trust_remote_code)
            variables.refuse_unread(config.suite.template, found)
            return found
        case unknown:
            assert_never(unknown)


def _name(config: RunConfig) -> str:
    """The model's name in baselines."""
    match config.profile.engine_kind.source:
        case Source.RUN:
            return open_run(Path(config.model)).read_manifest().checkpoint.name
        case Source.SERVICE:
            return slug(config.model)
        case Source.CHECKPOINT:
            return find.name_of(config.model)
        case unknown:
            assert_never(unknown)


def _replayed(model: str) -> Checkpoint:
    """The checkpoint of a replayed run; its ``path`` is that run's folder."""
    run = open_run(Path(model))
    manifest = run.read_manifest()
    chain.check(run.path, manifest, chain.ASKED)
    if not run.generations.is_file():
        raise DataError(f"There is no {run.generations}.", "Replay a run that has its outputs.")
    return replace(manifest.checkpoint, path=Path(model))


def engine_python(profile: EngineProfile, settings: Settings) -> Path:
    """The Python that runs the profile's engine. Raises ``EngineError`` if there is none."""
    if settings.engine_python is not None:
        return settings.engine_python
    if not profile.engine_kind.loads:
        return Path(sys.executable)  # stored outputs and endpoints need no engine here
    if profile.environment is None:
        raise EngineError(
            f"The profile '{profile.name}' names no local environment for its engine.",
            "Name the Python that has the engine installed with --engine-python.",
        )
    python = settings.environments / profile.environment / "bin" / "python"
    if not python.exists():
        raise EngineError(
            f"The engine's environment {python.parent.parent} does not exist.",
            "Make it with `smallscale engine install`, or name a Python that has the engine with "
            "--engine-python.",
        )
    return python


def choose_sandbox(settings: Settings) -> SandboxChoice:
    """The sandbox of this machine. Raises ``UsageError`` and ``JudgeError``."""
    from smallscale_ci.sandbox.choice import choose

    where = settings.images, settings.environment
    return choose(settings.sandbox, *where, settings.now, nonce=settings.nonce())
