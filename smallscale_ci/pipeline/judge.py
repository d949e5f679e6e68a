"""Judging without generating: a run's generations again, or another tool's file."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path

from smallscale_ci.config.settings import Service, Settings
from smallscale_ci.errors import DataError, InvalidError, JudgeError
from smallscale_ci.files import write_json
from smallscale_ci.gate.summary import summarise
from smallscale_ci.generate.progress import Tracker
from smallscale_ci.interop import readers
from smallscale_ci.interop.interface import Wanted
from smallscale_ci.interop.judged import JudgedFile, numbered, refuse_target
from smallscale_ci.interop.opened import opened
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.stream import JudgeStream
from smallscale_ci.pipeline.prepare import choose_sandbox
from smallscale_ci.pipeline.provenance import (
    judge_errors,
    judge_specs,
    judge_versions,
    with_judging,
)
from smallscale_ci.pipeline.session import Observer, write_summary
from smallscale_ci.pipeline.sides import judge_batch
from smallscale_ci.records import Generation, Judgement, Outcome
from smallscale_ci.records.measured import Agreed, Measured
from smallscale_ci.report import wording
from smallscale_ci.report.formats import count
from smallscale_ci.run import chain, tables
from smallscale_ci.run.collector import Judged
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import Manifest
from smallscale_ci.suite.model import Suite

_JUDGES = os.cpu_count() or 1
_REASONS = 3  # reasons of ERRORED samples that are shown, the most frequent first
_BATCH = 4096  # samples of a file in memory at a time


@dataclass(frozen=True, slots=True)
class Counted:
    """A judged file in numbers."""

    outcomes: dict[str, int]
    agreement: Agreed | None  # with the judge that the spec's rule names
    measured: Measured  # agreement with the file's own verdicts, if it has any


def judge(
    run: RunFolder, suite: Suite, observer: Observer, settings: Settings | None = None
) -> JudgeError | None:
    """Judge a run's generations (again), and write its judgements and summary.

    Without ``settings`` there is neither a judge service nor a sandbox. Returns the
    error to end with if nothing could be judged.
    """
    manifest = run.read_manifest()
    chain.check(run.path, manifest, chain.ASKED)
    _refuse_other_suite(run, manifest, suite)
    tracker = Tracker(tables.open_file(run.generations, tables.GENERATIONS).metadata.num_rows)
    tracker.phase = "judging"
    judged = Judged(suite.problems, run.path)
    with judge_stream(suite, settings) as stream:

        def keep(pairs: Iterator[tuple[Generation, Judgement]]) -> None:
            for generation, judgement in pairs:
                tracker.generated(generation)
                tracker.judged(judgement.outcome)
                judged.add(generation, judgement)
                observer.progress(tracker.snapshot())

        for generation in tables.generations(run.generations):
            stream.feed(generation)
            keep(stream.ready())
        keep(stream.drain())
    tell(stream, observer)
    # The old verdict goes first, so that nothing refers to judgements that are gone.
    files = manifest.files or chain.hashes(run.path)
    files = {name: files[name] for name in chain.ASKED if name in files}
    judges = judge_versions(suite)
    manifest = with_judging(replace(manifest, judges=judges, files=files), stream)
    run.take_verdict_back()
    for path in (run.summary, run.judgements):
        path.unlink(missing_ok=True)
    write_json(run.manifest, manifest)
    made = {chain.JUDGEMENTS: judged.write(run.judgements, files[chain.GENERATIONS])}
    summary = summarise(judged.samples(str(run.path)))
    made |= write_summary(run, summary, suite, made)
    errors = judge_errors(summary, suite)
    write_json(run.manifest, replace(manifest, files={**files, **made}, judge_errors=errors))
    return stream.refusal(str(run.path))


def judge_foreign(
    source: Path,
    target: Path,
    spec: JudgeSpec,
    observer: Observer,
    service: Service | None = None,
    wanted: Wanted | None = None,
) -> Counted:
    """Judge a generation file of another tool into ``target``, a batch in memory at a time.

    Raises ``JudgeError``, and writes nothing, if nothing could be judged.
    """
    refuse_target(source, target)
    log = readers.read(source, wanted)
    counts: Counter[str] = Counter()
    labelled: Counter[tuple[Outcome, Outcome]] = Counter()  # by the file, and by the judge
    tracker = Tracker(log.facts.planned or 0)
    tracker.phase = "judging"
    read = opened(iter(log.samples))
    samples = numbered(read.samples)

    def seen(generation: Generation, judgement: Judgement) -> None:
        tracker.generated(generation)
        tracker.judged(judgement.outcome)
        observer.progress(tracker.snapshot())

    with (
        JudgeStream((), {spec.name: spec}, workers=_JUDGES, service=service) as stream,
        JudgedFile(target, log.schema) as file,
    ):
        while batch := list(islice(samples, _BATCH)):
            if not log.facts.planned:
                tracker.extend(len(batch), 1)
            judgements = judge_batch([sample for _, sample in batch], spec, stream, source, seen)
            file.write(batch, judgements)
            counts.update(judgement.outcome.value for judgement in judgements)
            labelled.update(
                (sample.outcome, judgement.outcome)
                for (_, sample), judgement in zip(batch, judgements, strict=True)
                if sample.outcome is not None
            )
        if not counts:
            raise DataError(f"{source} holds no generations.", "Is this the right file?")
        if refused := stream.refusal(str(source)):
            raise refused
    for note in read.notes:
        observer.say(note)
    tell(stream, observer)
    agreement = stream.agreement.get(spec.name)
    return Counted(dict(counts), agreement.record() if agreement else None, _measured(labelled))


def _measured(labelled: Counter[tuple[Outcome, Outcome]]) -> Measured:
    """The judge compared with the file's own verdicts, for the samples that it decided."""
    right, wrong = Outcome.CORRECT, Outcome.WRONG
    return Measured(
        labelled[right, right],
        labelled[right, right] + labelled[right, wrong],
        labelled[wrong, wrong],
        labelled[wrong, wrong] + labelled[wrong, right],
    )


def _refuse_other_suite(run: RunFolder, manifest: Manifest, suite: Suite) -> None:
    if manifest.suite.hash != suite.hash:
        raise InvalidError(
            f"The data of suite '{suite.name}' changed since {run.path} was generated.",
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
    """Report where programs ran, why samples are ERRORED, and how often two judges agreed."""
    if stream.unknown_thinking:
        observer.say(wording.unknown_thinking(stream.unknown_thinking))
    if sandbox := stream.sandbox:
        observer.say(f"Programs ran in: {sandbox['name']} ({sandbox['reason']})")
    for reason, times in stream.errors.most_common(_REASONS):
        observer.say(f"ERRORED, {count(times, 'sample')}: {reason}")
    for task, agreement in stream.agreement.items():
        observer.say(f"{task}: {wording.agreed(agreement.record())}")


def take(pairs: Iterator[tuple[Generation, Judgement]], judged: Judged, tracker: Tracker) -> None:
    """Store judgements, and count them."""
    for generation, judgement in pairs:
        tracker.judged(judgement.outcome)
        judged.add(generation, judgement)
