"""The engines of a command: a loaded engine moves on to the next run that needs the same one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from itertools import takewhile
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from smallscale_ci.config.settings import Settings
from smallscale_ci.config.template import SYSTEM
from smallscale_ci.generate import runtimes
from smallscale_ci.generate.interface import Job, Placement
from smallscale_ci.generate.ranks import Limits, Ranks
from smallscale_ci.generate.store import write_replay
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.pipeline.prepare import Plan
from smallscale_ci.run.folder import RunFolder, is_run
from smallscale_ci.worker.engines.registry import Source

REPLAYED = "replay.jsonl"  # in the work folder: input of the replay engine
# Tokens per rank below which compilation does not pay off: with 135 million parameters on an
# H200 it takes 10 s with warm caches, and 55,000 tokens came no sooner with it.
_FEW_TOKENS = 150_000


class Engines:
    """The engines of ``plans``, loaded when the first run has work and stopped after the last.

    Use it as a context manager. It locks the work folders of all runs from the start, and
    removes those of runs that did not start.
    """

    def __init__(self, plans: Sequence[Plan], settings: Settings) -> None:
        """``plans`` are taken in their order; a run that lacks only its verdict needs no engine."""
        self._plans = [plan for plan in plans if not plan.run.is_undecided()]
        self._settings = settings
        self._folders: dict[Path, WorkFolder] = {}
        self._begun: set[Path] = set()
        self._held = ExitStack()
        self._mates: list[Plan] = []  # plans of the ranks
        self._ranks: Ranks | None = None
        self.quick: Mapping[str, Any] = {}  # arguments that start the current engines sooner

    def __enter__(self) -> Self:
        """Take the work folders. Raises ``UsageError`` for one that another process works in."""
        with ExitStack() as taken:
            taken.callback(self._discard)
            for plan in self._plans:
                with plan.run.writing():
                    folder = taken.enter_context(WorkFolder(plan.run.work))
                self._folders[plan.run.work] = folder
            self._held = taken.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            if self._ranks is not None:
                self._ranks.stop()
        finally:
            self._held.close()

    def _discard(self) -> None:
        for path in self._folders.keys() - self._begun:
            if not is_run(path.parent):
                shutil.rmtree(path, ignore_errors=True)
                with suppress(OSError):
                    path.parent.rmdir()

    def folder(self, plan: Plan) -> WorkFolder:
        """The work folder of the plan's run, which starts now."""
        self._begun.add(plan.run.work)
        return self._folders[plan.run.work]

    def ranks(self, plan: Plan) -> Ranks:
        """The ranks for the plan's run. Raises ``ContainerError`` and ``EngineError``."""
        if plan not in self._mates or self._ranks is None:
            if self._ranks is not None:
                self._ranks.stop()
            later = self._plans[self._plans.index(plan) :]
            self._mates = list(takewhile(lambda other: _share(plan, other), later))
            self.quick = quick(self._mates)
            self._ranks = self._made()
        return self._ranks

    def _made(self) -> Ranks:
        plan, folders = self._mates[0], [self._folders[mate.run.work] for mate in self._mates]
        config, profile = plan.config, plan.config.profile
        placement = Placement(
            run_id=",".join(mate.config.name for mate in self._mates),
            profile=profile,
            model=None if profile.engine_kind.source is Source.RUN else plan.checkpoint.path,
            python=plan.python,
            works=tuple(folder.path for folder in folders),
            # A checkpoint's own code must not leave anything for other runs to find.
            cache=plan.run.work if profile.trust_remote_code else self._settings.cache,
            gpus=config.gpus,
            environment=self._settings.environment,
            clock=lambda: self._settings.now().timestamp(),
            image=plan.place.image,
        )
        return Ranks(
            runtimes.build(plan.place, placement),
            profile.ranks,
            Limits(profile.start_timeout_s, profile.stall_timeout_s),
            folders=folders,
            one_by_one=profile.start == "one-by-one",
        )


def job(plan: Plan, quick: Mapping[str, Any]) -> Job:
    """The job of the plan's workers; for a replay, also writes the completions to replay.

    ``quick``: engine arguments in addition to the profile's.
    """
    profile = plan.config.profile
    model = plan.checkpoint.path
    if profile.engine_kind.source is Source.RUN:
        model = plan.run.work / REPLAYED
        write_replay(RunFolder(plan.checkpoint.path).generations, model)
    served = profile.engine_kind.source is Source.SERVICE
    return Job(
        engine=profile.engine,
        model=plan.config.model if served else plan.place.seen(model, plan.run.work),
        sampling=plan.sampling,
        max_in_flight=profile.max_in_flight,
        tensor_parallel=profile.tensor_parallel,
        deterministic=profile.deterministic,
        trust_remote_code=profile.trust_remote_code,
        logprobs=profile.logprobs,
        engine_args={**profile.engine_args, **quick},
        template={key: value for key, value in plan.variables.items() if key != SYSTEM},
    )


def quick(plans: Sequence[Plan]) -> Mapping[str, Any]:
    """Engine arguments that start the one engine of ``plans`` sooner, without compilation.

    Empty if many tokens are expected or the number is unknown, if the profile says how to start,
    and if the run must be like its baseline: deterministic, or with equal settings by its policy.
    """
    profile = plans[0].config.profile
    kind = profile.engine_kind
    chosen = profile.deterministic or not profile.engine_args.keys().isdisjoint(kind.paced)
    if not kind.quick or chosen or any(plan.config.gate.same for plan in plans):
        return {}
    tokens = [plan.expected.tokens for plan in plans]
    few = sum(each or 0 for each in tokens) < _FEW_TOKENS * profile.ranks
    return dict(kind.quick) if few and None not in tokens else {}


def _share(plan: Plan, other: Plan) -> bool:
    """Whether two runs can share one engine. A replay engine belongs to its own work folder."""
    if plan is other or plan.config.profile.engine_kind.source is Source.RUN:
        return plan is other

    def needs(each: Plan) -> tuple[Any, ...]:
        checkpoint = each.checkpoint
        config = each.config
        return (
            *(config.profile, config.model, config.gpus, each.place, each.python),
            *(checkpoint.path, checkpoint.weights_hash),
        )

    return needs(plan) == needs(other)
