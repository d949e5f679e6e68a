"""Judging alone: a run's generations again, or another tool's file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from smallscale_ci.config.settings import Service, Settings
from smallscale_ci.errors import InvalidError
from smallscale_ci.files import write_json
from smallscale_ci.generate.progress import Tracker
from smallscale_ci.interop import foreign
from smallscale_ci.judges.agreement import Agreement
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.stream import JudgeStream
from smallscale_ci.pipeline.prepare import choose_sandbox
from smallscale_ci.pipeline.session import (
    Observer,
    judge_specs,
    judge_versions,
    write_judged,
)
from smallscale_ci.records import Generation, Judgement
from smallscale_ci.run import tables
from smallscale_ci.run.collector import Judged
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.suite.model import Suite

_JUDGES = os.cpu_count() or 1


def judge(
    run: RunFolder, suite: Suite, observer: Observer, settings: Settings | None = None
) -> None:
    """Judge a run's generations (again), and write its judgements and summary.

    Without ``settings`` there is neither a judge service nor a sandbox for programs.
    """
    _refuse_other_suite(run, suite)
    tracker = Tracker(tables.open_file(run.generations, "generations").metadata.num_rows)
    tracker.phase = "judging"
    judged = Judged(suite.problems, run.path)
    with judge_stream(suite, settings) as stream:
        for generation in tables.generations(run.generations):
            tracker.generated(generation)
            stream.feed(generation)
            take(stream.ready(), judged, tracker)
            observer.progress(tracker.snapshot())
        take(stream.drain(), judged, tracker)
    tell(stream, observer)
    write_judged(run, judged, suite)
    judges = judge_versions(suite)
    write_json(run.manifest, replace(run.read_manifest(), judges=judges, **stream.told()))


def judge_foreign(
    source: Path,
    target: Path,
    spec: JudgeSpec,
    observer: Observer,
    service: Service | None = None,
) -> tuple[dict[str, int], Agreement | None]:
    """Judge a generation file of another tool into ``target``.

    Returns counts by outcome, and the agreement with the judge that ``spec.rule`` names.
    """
    foreign.refuse_target(source, target)
    samples = foreign.read(source)
    problems = [sample.problem(spec.name, str(number)) for number, sample in enumerate(samples)]
    tracker = Tracker(len(problems))
    tracker.phase = "judging"
    found: dict[int, Judgement] = {}

    def take(pairs: Iterator[tuple[Generation, Judgement]]) -> None:
        for generation, judgement in pairs:
            tracker.generated(generation)
            tracker.judged(judgement.outcome)
            found[int(generation.problem_id)] = judgement

    specs = {spec.name: spec}
    with JudgeStream(problems, specs, workers=_JUDGES, service=service) as stream:
        for problem, sample in zip(problems, samples, strict=True):
            stream.feed(sample.generation(problem.id))
            take(stream.ready())
            observer.progress(tracker.snapshot())
        take(stream.drain())
    judgements = [found[number] for number in range(len(samples))]
    foreign.write(source, target, samples, judgements)
    counts = Counter(judgement.outcome.value for judgement in judgements)
    return dict(counts), stream.agreement.get(spec.name)


def _refuse_other_suite(run: RunFolder, suite: Suite) -> None:
    if run.read_manifest().suite.hash != suite.hash:
        raise InvalidError(
            f"the data of suite '{suite.name}' changed since {run.path} was generated.",
            "Restore the suite's files, or start a new run.",
        )


def judge_stream(suite: Suite, settings: Settings | None, *, judging: bool = True) -> JudgeStream:
    """The judges of ``suite``; without ``settings`` there is neither a service nor a sandbox."""
    return JudgeStream(
        suite.problems,
        judge_specs(suite) if judging else {},
        workers=_JUDGES,
        service=settings.service if settings else None,
        sandbox=partial(choose_sandbox, settings) if settings else None,
    )


def tell(stream: JudgeStream, observer: Observer) -> None:
    """Say where programs were run, and how often two judges agreed."""
    sandbox = stream.told().get("sandbox")
    if sandbox:
        observer.say(f"programs were run in: {sandbox['name']} ({sandbox['reason']})")
    for task, agreement in stream.agreement.items():
        observer.say(f"{task}: {agreement.sentence()}")


def take(pairs: Iterator[tuple[Generation, Judgement]], judged: Judged, tracker: Tracker) -> None:
    """Keep what was judged."""
    for generation, judgement in pairs:
        tracker.judged(judgement.outcome)
        judged.add(generation, judgement)
