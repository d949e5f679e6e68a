"""The order of the stages: the only module that knows it.

suite → prompts → generations → judgements → summary → verdict → report, each a file in the run
folder that names the hash of the one before.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from smallscale_ci import baselines, foreign, prompts, provenance, reporting, resolve, tables
from smallscale_ci.baselines import Baseline, Place
from smallscale_ci.config.models import GatePolicy
from smallscale_ci.errors import InvalidError, RunInterruptedError
from smallscale_ci.gate import decide, refuse
from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.order import arrange
from smallscale_ci.generate.planned import Planned
from smallscale_ci.generate.progress import Tracker
from smallscale_ci.generate.ranks import Limits
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.store import write_replay
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.judged import Judged
from smallscale_ci.judges.agreement import Agreement
from smallscale_ci.judges.interface import JudgeSpec, Service
from smallscale_ci.judges.stream import JudgeStream
from smallscale_ci.plan import too_fine
from smallscale_ci.records import Generation, Judgement, Outcome, Prompt, Verdict, VerdictKind
from smallscale_ci.report.interface import ReportData
from smallscale_ci.report.records_json import verdict_from_json, verdict_json
from smallscale_ci.resolve import Plan, Settings
from smallscale_ci.runfolder import COMPLETE, RUNNING, RunFolder, read_json, write_json
from smallscale_ci.session import (
    REPLAYED,
    Observer,
    Session,
    begin,
    judge_specs,
    judge_versions,
    session,
    write_judged,
)
from smallscale_ci.suite.model import Suite

_JUDGES = os.cpu_count() or 1


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What ``evaluate`` and ``compare`` come to; ``run`` is where it was written, if anywhere."""

    verdict: Verdict
    report: ReportData
    run: RunFolder | None


def evaluate(plan: Plan, baseline: Baseline, settings: Settings, observer: Observer) -> Evaluation:
    """Generate, judge and compare in rounds until there is a verdict; write the whole folder.

    Raises ``RunInterruptedError`` after Ctrl-C or SIGTERM, with what was complete on disk.
    """
    if plan.run.is_undecided():
        with WorkFolder(plan.run.work):
            return decide_late(plan.run, baseline, plan.suite)
    refused = _refusal(plan, baseline)
    if refused is not None:
        return Evaluation(refused, reporting.refused(plan, refused), None)
    gate, budget = plan.config.gate, (plan.config.epochs, plan.config.max_epochs)
    for warning in too_fine(baseline.samples, gate, budget, plan.suite.repeats):
        observer.say(f"warning: {warning}")
    try:
        with session(plan, observer, judging=True) as current:
            verdict = _rounds(current, settings, baseline)
            if verdict is None:
                raise InvalidError("the run ended without a verdict.", "Give it a baseline.")
            current.write(COMPLETE)
            candidate = baselines.load(plan.run.path)
            data = reporting.build(candidate, baseline, verdict, suite=plan.suite, run=plan.run)
            _write(plan.run, verdict, baseline, data)
    except RunInterruptedError:
        reporting.write(plan.run, reporting.interrupted(plan.run, plan.suite))
        raise
    return Evaluation(verdict, data, plan.run)


def decide_late(run: RunFolder, baseline: Baseline, suite: Suite) -> Evaluation:
    """The verdict of a run that was ended between its last sample and its verdict."""
    config, epochs = run.read_config(), run.read_manifest()["epochs"]
    look, of = epochs - config.epochs + 1, config.max_epochs - config.epochs + 1
    candidate = baselines.load(run.path)
    return compare(candidate, baseline, config.gate, look=look, of=of, suite=suite, run=run)


def _refusal(plan: Plan, baseline: Baseline) -> Verdict | None:
    """INVALID before any GPU is used, where suite, sampling or judges differ."""
    config = plan.config
    ours, theirs = begin(plan), baseline.manifest
    return refuse(
        config.gate,
        provenance.differences(theirs, ours, config.gate.allow, early=True),
        planned=config.epochs * plan.suite.samples_per_epoch,
        of=config.max_epochs - config.epochs + 1,
    )


def generate(plan: Plan, settings: Settings, observer: Observer, *, judging: bool) -> None:
    """Generate all planned epochs, and judge them on the way where ``judging``."""
    with session(plan, observer, judging=judging) as current:
        _rounds(current, settings, None)


def judge(
    run: RunFolder, suite: Suite, observer: Observer, settings: Settings | None = None
) -> None:
    """Judge a run's generations (again), and write its judgements and summary.

    Without ``settings`` there is neither a judge service nor a sandbox for programs.
    """
    _refuse_other_suite(run, suite)
    tracker = Tracker(tables.open_file(run.generations, "generations").metadata.num_rows)
    tracker.phase = "judging"
    judged = Judged(suite, run.path)
    with _judges(suite, settings) as stream:
        for generation in tables.generations(run.generations):
            tracker.generated(generation)
            stream.feed(generation)
            _take(stream.ready(), judged, tracker)
            observer.progress(tracker.snapshot())
        _take(stream.drain(), judged, tracker)
    _tell(stream, observer)
    write_judged(run, judged, suite)
    told = {"judges": judge_versions(suite), **stream.told()}
    write_json(run.manifest, {**run.read_manifest(), **told})


def _judges(suite: Suite, settings: Settings | None, *, judging: bool = True) -> JudgeStream:
    known = {"service": settings.service, "sandbox": settings.choose_sandbox} if settings else {}
    specs = judge_specs(suite) if judging else {}
    return JudgeStream(suite.problems, specs, workers=_JUDGES, **known)  # type: ignore[arg-type]


def _refuse_other_suite(run: RunFolder, suite: Suite) -> None:
    if run.read_manifest()["suite"]["hash"] != suite.hash:
        raise InvalidError(
            f"the data of suite '{suite.name}' changed since {run.path} was generated.",
            "Restore the suite's files, or start a new run.",
        )


def compare(
    candidate: Baseline,
    baseline: Baseline,
    policy: GatePolicy,
    *,
    look: int,
    of: int,
    suite: Suite | None = None,
    run: RunFolder | None = None,
) -> Evaluation:
    """The gate alone: two stored sides, one verdict. Written into ``run`` where one is given."""
    verdict = decide(
        candidate.samples,
        baseline.samples,
        policy,
        look=look,
        of=of,
        differences=provenance.differences(baseline.manifest, candidate.manifest, policy.allow),
        planned=(candidate.manifest or {}).get("planned"),
        task_order=(baseline if candidate.manifest is None else candidate).tasks,
    )
    if baseline.manifest is None or candidate.manifest is None:
        sides = "Neither" if baseline.manifest is candidate.manifest else "Only one"
        note = f"{sides} side has provenance: whether the two are comparable was not checked."
        verdict = replace(verdict, notes=(*verdict.notes, note))
    data = reporting.build(candidate, baseline, verdict, suite=suite, run=run)
    if run is not None:
        _write(run, verdict, baseline, data)
    return Evaluation(verdict, data, run)


def stored(run: RunFolder, suite: Suite | None, settings: Settings) -> Evaluation:
    """The evaluation that a run folder holds, its report files rendered anew.

    Raises ``InvalidError`` when the run was judged again since, or when the baseline it was
    compared with is no longer there.
    """
    value = read_json(run.verdict)
    made_from = value.pop("made_from", {})
    verdict = verdict_from_json(value)
    again = f"Compare it anew: smallscale compare {run.path} BASELINE"
    if made_from.get("summary") != run.summary_hash():
        raise InvalidError(f"{run.path} was judged again after its verdict.", again)
    source = str(made_from.get("baseline", ""))
    if not (source.startswith("git:") or Path(source).exists()):
        message = f"the baseline {source} that {run.path} was compared with is not there."
        raise InvalidError(message, again)
    candidate = baselines.load(run.path)
    baseline = baselines.resolve(source, Place("", "", ""), settings.root_of(source))
    data = reporting.build(candidate, baseline, verdict, suite=suite, run=run)
    reporting.write(run, data)
    return Evaluation(verdict, data, run)


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
    # A sample with several right answers is a problem for each of them.
    problems = [
        sample.problem(spec.name, gold, f"{number} {place}")
        for number, sample in enumerate(samples)
        for place, gold in enumerate(sample.golds)
    ]
    tracker = Tracker(len(problems))
    tracker.phase = "judging"
    found: dict[int, Judgement] = {}

    def take(pairs: Iterator[tuple[Generation, Judgement]]) -> None:
        for generation, judgement in pairs:
            number = int(generation.problem_id.partition(" ")[0])
            tracker.generated(generation)
            tracker.judged(judgement.outcome)
            if number not in found or judgement.outcome is Outcome.CORRECT:
                found[number] = judgement

    specs = {spec.name: spec}
    with JudgeStream(problems, specs, workers=_JUDGES, service=service) as stream:
        for problem in problems:
            number = int(problem.id.partition(" ")[0])
            stream.feed(samples[number].generation(problem.id))
            take(stream.ready())
            observer.progress(tracker.snapshot())
        take(stream.drain())
    judgements = [found[number] for number in range(len(samples))]
    foreign.write(source, target, samples, judgements)
    counts = Counter(judgement.outcome.value for judgement in judgements)
    return dict(counts), stream.agreement.get(spec.name)


def _rounds(current: Session, settings: Settings, baseline: Baseline | None) -> Verdict | None:
    """Epoch after epoch while the engines stay loaded, until the verdict is closed.

    Returns the last verdict, or ``None`` where there is no baseline to compare with.
    """
    plan, config = current.plan, current.plan.config
    profile = config.profile
    limits = Limits(profile.start_timeout_s, profile.stall_timeout_s)
    job, runtime = _job(plan), resolve.runtime(plan, settings)
    with (
        _judges(plan.suite, settings, judging=current.judging) as stream,
        Scheduler(
            current.folder,
            runtime,
            job,
            ranks=profile.ranks,
            limits=limits,
            one_by_one=profile.start == "one-by-one",
        ) as scheduler,
    ):
        current.scheduler = scheduler
        current.observer.say(f"loading {config.model} with {profile.engine}")
        _epochs(current, scheduler, stream, range(config.epochs))
        verdict = _decide(current, baseline)
        for epoch in range(config.epochs, config.max_epochs):
            if _is_closed(verdict, config.gate):
                break
            spent = _spent_budget(current)
            if spent and verdict is not None:
                return replace(verdict, notes=(*verdict.notes, spent))
            _epochs(current, scheduler, stream, range(epoch, epoch + 1))
            verdict = _decide(current, baseline)
    return verdict


def _epochs(current: Session, scheduler: Scheduler, stream: JudgeStream, epochs: range) -> None:
    """One more sample of every problem for each epoch, judged while others are generated."""
    tracker = current.tracker
    planned = _planned(current, epochs)
    current.begun = epochs.stop
    tracker.extend(len(planned), epochs.stop)
    for generations in scheduler.run(planned):
        if scheduler.ready:
            tracker.start()
        for generation in generations:
            tracker.generated(generation)
            if current.judging:
                stream.feed(generation)
        _take(stream.ready(), current.judged, tracker)
        current.observer.progress(tracker.snapshot())
    _take(stream.drain(), current.judged, tracker)
    _tell(stream, current.observer)
    current.manifest = {**current.manifest, **stream.told()}
    current.epochs = epochs.stop


def _planned(current: Session, epochs: range) -> Planned:
    """The samples of ``epochs`` in the profile's order."""
    plan, places = current.plan, current.judged.places
    suite, seed = plan.suite, plan.sampling.seed
    problems = {problem.id: problem for problem in suite.problems}
    for problem in suite.problems if epochs.start == 0 else ():
        prompts.one(suite, problem, 0, seed)  # a template that fits no problem is told at once
    numbers = places.numbers((problem.id, index) for problem, index in suite.plan(epochs))
    expected = plan.baseline.samples.mean_tokens() if plan.baseline else {}
    order = plan.config.profile.order
    ordered = arrange(numbers, order, places=places, seed=seed, expected=expected)

    def build(problem_id: str, index: int) -> Prompt:
        return prompts.one(suite, problems[problem_id], index, seed)

    return Planned(places, ordered, build)


def _tell(stream: JudgeStream, observer: Observer) -> None:
    sandbox = stream.told().get("sandbox")
    if sandbox:
        observer.say(f"programs were run in: {sandbox['name']} ({sandbox['reason']})")
    for task, agreement in stream.agreement.items():
        observer.say(f"{task}: {agreement.sentence()}")


def _take(pairs: Iterator[tuple[Generation, Judgement]], judged: Judged, tracker: Tracker) -> None:
    for generation, judgement in pairs:
        tracker.judged(judgement.outcome)
        judged.add(generation, judgement)


def _decide(current: Session, baseline: Baseline | None) -> Verdict | None:
    """The verdict of this look, on all epochs so far."""
    current.refresh_manifest(RUNNING)
    if baseline is None:
        return None
    config, suite = current.plan.config, current.plan.suite
    return decide(
        current.judged.samples(str(current.run.path)),
        baseline.samples,
        config.gate,
        look=current.epochs - config.epochs + 1,
        of=config.max_epochs - config.epochs + 1,
        differences=provenance.differences(baseline.manifest, current.manifest, config.gate.allow),
        planned=current.epochs * suite.samples_per_epoch,
        task_order=[task.name for task in suite.tasks],
    )


def _spent_budget(current: Session) -> str:
    """Which budget another epoch like those so far would exceed, as a sentence; empty for none."""
    config, tracker = current.plan.config, current.tracker
    share = 1 + 1 / max(current.epochs, 1)
    tokens, minutes = tracker.tokens * share, current.seconds / 60 * share
    if config.token_budget is not None and tokens > config.token_budget:
        return f"The token budget of {config.token_budget:,} does not allow another epoch."
    if config.time_budget_min is not None and minutes > config.time_budget_min:
        return f"The time budget of {config.time_budget_min:g} min does not allow another epoch."
    return ""


def _is_closed(verdict: Verdict | None, policy: GatePolicy) -> bool:
    is_open = verdict is not None and verdict.kind is VerdictKind.INCONCLUSIVE
    return not (is_open and policy.on_inconclusive == "extend")


def _job(plan: Plan) -> Job:
    profile = plan.config.profile
    model = plan.checkpoint.path
    if profile.engine == "replay":
        model = plan.run.work / REPLAYED
        write_replay(RunFolder(plan.checkpoint.path).generations, model)
    served = profile.engine == "openai"
    return Job(
        engine=profile.engine,
        model=plan.config.model if served else plan.place.seen(model, plan.run.work),
        sampling=plan.sampling,
        max_in_flight=profile.max_in_flight,
        tensor_parallel=profile.tensor_parallel,
        deterministic=profile.deterministic,
        trust_remote_code=profile.trust_remote_code,
        logprobs=profile.logprobs,
        engine_args=profile.engine_args,
    )


def _write(run: RunFolder, verdict: Verdict, baseline: Baseline, data: ReportData) -> None:
    made_from = {"summary": run.summary_hash(), "baseline": baseline.source}
    reporting.write(run, data)
    write_json(run.verdict, {**verdict_json(verdict), "made_from": made_from})  # last: all is there
