"""The parts of a run's manifest on its plan, its engine and its judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from smallscale_ci.gate.corrected import corrected_accuracy
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.registry import judge_version
from smallscale_ci.judges.stream import JudgeStream
from smallscale_ci.pipeline.due import prompts_id
from smallscale_ci.pipeline.prepare import Plan
from smallscale_ci.records import Summary
from smallscale_ci.records.measured import Corrected, Measured
from smallscale_ci.run import manifest as provenance
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import Engine, Manifest, Runtime, SuiteId
from smallscale_ci.suite.model import Suite
from smallscale_ci.worker.engines.registry import Source


def judge_specs(suite: Suite) -> dict[str, JudgeSpec]:
    """The judge of each task and its options."""
    return {
        task.name: JudgeSpec(**task.judge.model_dump(exclude={"measured"})) for task in suite.tasks
    }


def judge_errors(summary: Summary, suite: Suite) -> dict[str, Corrected]:
    """The corrected accuracy of tasks whose judge's errors were measured."""
    found = {}
    for task in summary.tasks:
        counts = suite.task(task.task).judge.measured
        if counts is not None and task.accuracy.n:
            measured = Measured(*counts.right, *counts.wrong)
            level = corrected_accuracy(task, measured)
            found[task.task] = Corrected(
                **asdict(measured), corrected=level.value, low=level.low, high=level.high
            )
    return found


def judge_versions(suite: Suite) -> dict[str, str]:
    """Task → judge with its version and options, as the manifest compares them."""
    return {
        task.name: " ".join(
            (judge_version(task.judge.name), "+".join(task.judge.extract), task.judge.model)
        ).strip()
        for task in suite.tasks
    }


def begin(plan: Plan) -> Manifest:
    """The manifest of a starting run: everything known before the engine is loaded."""
    config = plan.config
    asked: tuple[Mapping[str, Any], ...] = (plan.variables, config.profile.asked)
    if _replays(plan):  # those of the replayed run
        source = _replayed(plan)
        asked = (source.template, source.engine.request)
    template, request = asked
    return provenance.begin(
        run_id=config.name,
        now=plan.now(),
        checkpoint=plan.checkpoint,
        suite=SuiteId(config.suite.name, plan.suite.hash),
        sampling=plan.sampling,
        template=template,
        judges=judge_versions(plan.suite),
        engine=Engine(config.profile.engine, plan.place.digest, request=request),
        profile=config.profile.name,
        runtime=Runtime(
            plan.place.name,
            plan.place.reason,
            plan.place.digest,
            config.profile.ranks,
            config.profile.engine,
        ),
        repository=Path.cwd(),
        rules=config.rules,
    )


def with_engine(manifest: Manifest, plan: Plan, scheduler: Scheduler) -> Manifest:
    """Add engine and prompt hash; for a replay, those of the replayed run."""
    if _replays(plan):
        source = _replayed(plan)
        return replace(
            manifest, engine=source.engine, prompts=source.prompts, machine=source.machine
        )
    manifest = provenance.with_engine(manifest, scheduler.ranks.info())
    return replace(manifest, prompts=prompts_id(scheduler.prompt_hashes, plan.suite))


def with_judging(manifest: Manifest, stream: JudgeStream) -> Manifest:
    """Add what judging found: unknown thinking, two judges' agreement, the programs' sandbox."""
    return replace(
        manifest,
        judge_agreement=stream.agreed,
        unknown_thinking=dict(stream.unknown_thinking),
        sandbox=stream.sandbox,
    )


def _replays(plan: Plan) -> bool:
    return plan.config.profile.engine_kind.source is Source.RUN


def _replayed(plan: Plan) -> Manifest:
    """The manifest of the replayed run."""
    return RunFolder(plan.checkpoint.path).read_manifest()
