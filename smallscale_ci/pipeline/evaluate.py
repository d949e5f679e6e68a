"""The order of the stages: the only module that knows it.

suite → prompts → generations → judgements → summary → verdict → report, each a file in the run
folder that names the hash of the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from smallscale_ci.checkpoint.servable import refuse_changed
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.settings import Settings
from smallscale_ci.errors import InvalidError, RunInterruptedError, StorageError, UsageError
from smallscale_ci.files import where_writable
from smallscale_ci.gate.decide import decide, refuse
from smallscale_ci.gate.futility import out_of_reach, repeats_itself
from smallscale_ci.gate.holdable import too_fine
from smallscale_ci.gate.schedule import Schedule
from smallscale_ci.generate.order import arrange
from smallscale_ci.generate.planned import Planned
from smallscale_ci.generate.scheduler import Scheduler
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.judges.stream import JudgeStream
from smallscale_ci.pipeline.compare import Evaluation, decide_late, write_verdict
from smallscale_ci.pipeline.due import Due, schedule_of
from smallscale_ci.pipeline.engines import Engines, job
from smallscale_ci.pipeline.judge import judge_stream, take, tell
from smallscale_ci.pipeline.prepare import Plan
from smallscale_ci.pipeline.provenance import begin, with_judging
from smallscale_ci.pipeline.session import Observer, Session, session
from smallscale_ci.records import Prompt, Reason, ReasonKind, Verdict, VerdictKind
from smallscale_ci.report import collect, files, planning
from smallscale_ci.run import comparable
from smallscale_ci.run.manifest import COMPLETE, RUNNING
from smallscale_ci.run.run import Run
from smallscale_ci.suite import prompts
from smallscale_ci.worker.engines.registry import Source


def evaluate(
    plan: Plan,
    baseline: Run,
    settings: Settings,
    observer: Observer,
    engines: Engines | None = None,
) -> Evaluation:
    """Generate, judge and compare in rounds until there is a verdict; write the whole folder.

    ``engines`` are shared by several runs, including this one; without them, it loads its own. A
    verdict that cannot be written to a full or read-only disk is still returned. Raises
    ``RunInterruptedError`` after Ctrl-C or SIGTERM, with what was complete on disk.
    """
    if plan.run.is_undecided():
        with WorkFolder(plan.run.work):
            return decide_late(plan.run, baseline, plan.suite)
    refused = _refusal(plan, baseline)
    if refused is not None:
        shown = collect.refused(plan.config, plan.checkpoint.name, plan.baseline, refused)
        return Evaluation(refused, shown, None)
    gate = plan.config.gate
    for warning in warnings(plan, baseline):
        observer.say(f"warning: {warning}")
    verdict: Verdict | None = None
    current: Session | None = None
    try:
        with _session(plan, settings, observer, engines) as (current, loaded):
            verdict = _rounds(current, loaded, settings, baseline)
            if verdict is None:
                raise InvalidError("The run ended without a verdict.", "Pass --baseline.")
            current.write(COMPLETE)
            candidate = current.as_run()
            data = collect.build(candidate, baseline, verdict, suite=plan.suite, run=plan.run)
            write_verdict(plan.run, candidate, baseline, gate, verdict, data)
    except RunInterruptedError:
        run = current.run if current else plan.run  # its current path
        with where_writable():
            files.write(run.report, collect.interrupted(run, plan.suite))
        raise
    except StorageError as error:
        if verdict is None or current is None:
            raise
        candidate = current.as_run()
        data = collect.build(candidate, baseline, verdict, suite=plan.suite, run=None)
        return Evaluation(verdict, data, plan.run, candidate, error)
    return Evaluation(verdict, data, plan.run, candidate)


def warnings(plan: Plan, baseline: Run) -> tuple[str, ...]:
    """The suite's limits under its policy, a sentence each, before anything runs."""
    budget = plan.config.epochs, plan.config.max_epochs
    found = too_fine(baseline.samples, plan.config.gate, budget, plan.suite.repeats)
    return tuple(map(planning.limit, found))


def is_refused(plan: Plan, baseline: Run) -> bool:
    """Whether a run is INVALID before it generates anything. A trial never is."""
    decides = plan.config.limit is None and not plan.run.is_undecided()
    return decides and _refusal(plan, baseline) is not None


def _refusal(plan: Plan, baseline: Run) -> Verdict | None:
    """INVALID, before any GPU is used, if suite, sampling or judges differ."""
    config = plan.config
    ours, theirs = begin(plan), baseline.manifest
    return refuse(
        config.gate,
        comparable.differences(theirs, ours, config.gate.allow, early=True),
        planned=config.epochs * plan.suite.samples_per_epoch,
        of=schedule_of(config, plan.suite, baseline).looks,
    )


def generate(
    plan: Plan,
    settings: Settings,
    observer: Observer,
    engines: Engines | None = None,
    *,
    judging: bool,
) -> None:
    """Generate all planned epochs, and judge them meanwhile if ``judging``.

    Raises ``UsageError`` for a complete run, even if it lacks its verdict.
    """
    if plan.run.is_undecided():
        raise UsageError(
            f"All samples of {plan.run.path} are complete: it lacks only its verdict.",
            f"Decide it: {plan.run.resume_command()}",
        )
    with _session(plan, settings, observer, engines, judging=judging) as (current, loaded):
        _rounds(current, loaded, settings, None)


@contextmanager
def _session(
    plan: Plan,
    settings: Settings,
    observer: Observer,
    engines: Engines | None,
    *,
    judging: bool = True,
) -> Iterator[tuple[Session, Engines]]:
    with (
        nullcontext(engines) if engines else Engines((plan,), settings) as loaded,
        session(plan, loaded.folder(plan), observer, judging=judging) as current,
    ):
        yield current, loaded


def _rounds(
    current: Session, engines: Engines, settings: Settings, baseline: Run | None
) -> Verdict | None:
    """Run epoch after epoch on loaded engines until the verdict is decided.

    Returns the last verdict, or ``None`` without a baseline to compare with.
    """
    plan, config = current.plan, current.plan.config
    ranks = engines.ranks(plan)
    with (
        judge_stream(plan.suite, settings, judging=current.judging) as stream,
        Scheduler(current.folder, ranks, job(plan, engines.quick)) as scheduler,
    ):
        current.scheduler = scheduler
        engine, how = config.profile.engine, ", quick start: few tokens are expected"
        loading = f"loading {config.model} with {engine}{how if engines.quick else ''}"
        current.observer.say(f"{engine} is loaded" if scheduler.ready else loading)
        schedule = schedule_of(config, plan.suite, baseline)
        due = Due(plan.suite, baseline, config)
        _samples(current, scheduler, stream, due, 0.0, schedule.ends[0])
        source = config.profile.engine_kind.source
        if source is Source.CHECKPOINT:  # files on this machine, which may be changed meanwhile
            refuse_changed(plan.checkpoint, settings.cache / "hashes")
        verdict = _decide(current, baseline, schedule, 1)
        for look in range(2, schedule.looks + 1):
            if verdict is None or baseline is None or _is_closed(verdict, config.gate):
                break
            start, end = schedule.start(look), schedule.ends[look - 1]
            stop = _spent_budget(current, end / start) or _no_use(
                current, verdict, baseline, schedule
            )
            if stop:
                return replace(
                    verdict, notes=(*verdict.notes, Reason(ReasonKind.STATED, text=stop))
                )
            _samples(current, scheduler, stream, due, start, end)
            verdict = _decide(current, baseline, schedule, look)
    return verdict


def _samples(
    current: Session,
    scheduler: Scheduler,
    stream: JudgeStream,
    due: Due,
    start: float,
    end: float,
) -> None:
    """Generate the samples from ``start`` to ``end`` epochs, judging them meanwhile."""
    tracker = current.tracker
    planned = _planned(current, due, start, end)
    tracker.extend(len(planned), end)
    for generations in scheduler.run(planned):
        if scheduler.ready:
            tracker.start()
        for generation in generations:
            tracker.generated(generation)
            if current.judging:
                stream.feed(generation)
        take(stream.ready(), current.judged, tracker)
        current.observer.progress(tracker.snapshot())
    take(stream.drain(), current.judged, tracker)
    tell(stream, current.observer)
    current.manifest = with_judging(current.manifest, stream)
    current.epochs = end


def _planned(current: Session, due: Due, start: float, end: float) -> Planned:
    """The samples from ``start`` to ``end`` epochs in the profile's order."""
    plan, places = current.plan, current.judged.places
    suite, seed = plan.suite, plan.sampling.seed
    problems = {problem.id: problem for problem in suite.problems}
    for problem in suite.problems if start == 0 else ():
        prompts.one(suite, problem, 0, seed)  # a template that fits no problem is reported at once
    numbers = places.numbers((problem.id, index) for problem, index in due.between(start, end))
    current.planned.append(numbers)
    expected = plan.baseline.samples.mean_tokens() if plan.baseline else {}
    order = plan.config.profile.order
    ordered = arrange(numbers, order, places=places, seed=seed, expected=expected)

    def build(problem_id: str, index: int) -> Prompt:
        return prompts.one(suite, problems[problem_id], index, seed)

    return Planned(places, ordered, build)


def _decide(
    current: Session, baseline: Run | None, schedule: Schedule, look: int
) -> Verdict | None:
    """The verdict of this look, on all samples so far."""
    with where_writable():
        current.refresh_manifest(RUNNING)
    if baseline is None:
        return None
    config, suite = current.plan.config, current.plan.suite
    return decide(
        current.look(),
        baseline.samples,
        config.gate,
        look=look,
        schedule=schedule,
        differences=comparable.differences(
            baseline.manifest, current.manifest, config.gate.allow, config.gate.same
        ),
        planned=sum(len(numbers) for numbers in current.planned),
        task_order=[task.name for task in suite.tasks],
    )


def _no_use(current: Session, verdict: Verdict, baseline: Run, schedule: Schedule) -> str:
    """Why more samples would not change the verdict, as a sentence; empty if they may."""
    plan = current.plan
    if repeats_itself(current.look()):
        return (
            "No more samples were generated: each problem's second sample repeats its first one, "
            "so that further epochs would be the same."
        )
    epochs = len(baseline.samples) / plan.suite.samples_per_epoch
    if out_of_reach(verdict.checks, plan.config.gate, verdict.look, schedule, epochs):
        return (
            f"No more samples were generated: neither PASS nor REGRESSED is in reach any more "
            f"within {schedule.ends[-1]:g} epochs."
        )
    return ""


def _spent_budget(current: Session, share: float) -> str:
    """Which budget ``share`` of the current size would exceed, as a sentence; empty if none."""
    config, tracker = current.plan.config, current.tracker
    tokens, minutes = tracker.tokens * share, current.seconds / 60 * share
    if config.token_budget is not None and tokens > config.token_budget:
        return f"The token budget of {config.token_budget:,} does not allow more samples."
    if config.time_budget_min is not None and minutes > config.time_budget_min:
        return f"The time budget of {config.time_budget_min:g} min does not allow more samples."
    return ""


def _is_closed(verdict: Verdict | None, policy: GatePolicy) -> bool:
    is_open = verdict is not None and verdict.kind is VerdictKind.INCONCLUSIVE
    return not (is_open and policy.on_inconclusive == "extend")
