"""``eval`` and ``generate``: the commands that make runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import options
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.options import option

if TYPE_CHECKING:
    from smallscale_ci.config.settings import Settings
    from smallscale_ci.pipeline.prepare import Plan, Request
    from smallscale_ci.records import Summary
    from smallscale_ci.run.run import Run


_LATEST = "auto"  # --resume auto: the unfinished run of the same configuration, or the only one


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    command(app, "eval", "smallscale eval smollm2 --suite smoke --gate smoke")(evaluate)
    command(app, "generate", "smallscale generate smollm2 --suite smoke --epochs 8")(generate)


def evaluate(
    context: Context,
    model: options.Model = None,
    suite: options.Suite = "smoke",
    profile: options.Profile = "vllm-cpu",
    gate: options.Gate = None,
    baseline: options.BaselineSpec = "auto",
    epochs: options.Epochs = None,
    limit: options.Limit = None,
    overrides: options.Set = None,
    dry_run: options.DryRun = False,
    resume: options.Resume = None,
    rules: options.Rules = "",
    *,
    budget: options.Budget,
    engine: options.Engine,
    folders: options.Folders,
) -> int:
    """Put a checkpoint through the gate.

    Generates, judges, compares with the baseline and reports; the exit code is the verdict:

    0 pass · 1 regressed · 2 usage · 3 infrastructure · 4 invalid or no baseline · 5 inconclusive ·
    130 interrupted.
    """
    from smallscale_ci.cli.announce import announce, show_plan
    from smallscale_ci.cli.deadline import within
    from smallscale_ci.pipeline.prepare import Request

    settings = context.settings(
        **folders.places(),
        engine_python=engine.engine_python,
        sandbox=engine.sandbox,
        rules=rules,
    )
    request = Request(
        model=model or "",
        suite=suite,
        profile=profile,
        gate=gate,
        baseline=baseline,
        epochs=epochs,
        limit=limit,
        overrides=tuple(overrides or ()),
        **budget.request(),
        **engine.request(),
    )
    with within(budget.deadline), context.out.watch() as display:
        plan = _plan(context, request, settings, resume)
        against = _baseline(plan)
        if dry_run:
            show_plan(context, plan)
            return 0
        # Not before: a checkpoint that cannot be served is refused in its first second.
        from smallscale_ci.cli.github import tell_evaluation, tell_interrupted
        from smallscale_ci.cli.verdicts import show
        from smallscale_ci.errors import RunInterruptedError
        from smallscale_ci.pipeline import evaluate

        announce(display, plan)
        try:
            if plan.config.limit is not None:
                evaluate.generate(plan, settings, display, judging=True)
                return _tried(context, plan)
            evaluation = evaluate.evaluate(plan, against, settings, display)
        except RunInterruptedError:
            tell_interrupted(context, plan.run)
            raise
    tell_evaluation(context, evaluation)
    return show(context, evaluation, plan.config.gate)


def generate(
    context: Context,
    model: options.Model = None,
    suite: options.Suite = "smoke",
    profile: options.Profile = "vllm-cpu",
    epochs: options.Epochs = None,
    limit: options.Limit = None,
    overrides: options.Set = None,
    dry_run: options.DryRun = False,
    no_judge: Annotated[bool, option("--no-judge", help="Only generate.")] = False,
    resume: options.Resume = None,
    runs: options.Runs = None,
    *,
    engine: options.Engine,
) -> None:
    """Generate and judge without comparing.

    This is how the run of a baseline is made: all epochs of the suite, no verdict.
    """
    from smallscale_ci.cli.announce import announce, show_plan
    from smallscale_ci.pipeline.prepare import Request
    from smallscale_ci.run.folder import NO_BASELINE

    settings = context.settings(
        runs=runs, engine_python=engine.engine_python, sandbox=engine.sandbox
    )
    request = Request(
        model=model or "",
        suite=suite,
        profile=profile,
        baseline=NO_BASELINE,
        epochs=epochs,
        limit=limit,
        overrides=tuple(overrides or ()),
        **engine.request(),
    )
    with context.out.watch() as display:
        plan = _plan(context, request, settings, resume)
        if dry_run:
            show_plan(context, plan)
            return
        from smallscale_ci.pipeline import evaluate  # not before, as in eval

        announce(display, plan)
        evaluate.generate(plan, settings, display, judging=not no_judge)
    show_run(context, plan.run.path)


def _plan(context: Context, request: Request, settings: Settings, resume: Path | None) -> Plan:
    from smallscale_ci.errors import UsageError
    from smallscale_ci.pipeline import prepare
    from smallscale_ci.pipeline import resume as resuming
    from smallscale_ci.pipeline.ruled import held
    from smallscale_ci.run.folder import NO_BASELINE

    say = context.out.say
    if settings.rules is not None:
        if resume is not None:
            raise UsageError(
                "--resume takes the rules of the run folder, and --rules those of a commit.",
                "Leave out one of them.",
            )
        request = held(request, settings, say)
    if resume is not None and str(resume) == _LATEST and not request.model:
        resume = resuming.only_unfinished(settings, compares=request.baseline != NO_BASELINE)
    if resume is not None and str(resume) != _LATEST:
        return resuming.resume(resume, settings, say=say, request=request)
    if not request.model:
        raise UsageError(
            "Missing argument MODEL.",
            "Give an alias (smollm2), a checkpoint folder, or a hub id org/name[@revision].",
        )
    if settings.rules is not None:
        return prepare.plan(request, settings, say=say)
    started = resuming.unfinished(request, settings)
    if started is not None and resume is not None:
        try:
            return resuming.resume(started, settings, say=say)
        except UsageError as error:  # the model or the data changed: it cannot be completed
            say(f"not resumed: {error.message}")
    elif started is not None:
        say(f"a run with the same configuration is unfinished: continue with --resume {started}")
    return prepare.plan(request, settings, say=say)


def _baseline(plan: Plan) -> Run:
    from smallscale_ci.errors import UsageError
    from smallscale_ci.run.folder import is_run

    if plan.baseline is None and not is_run(plan.run.path):
        raise UsageError(
            "eval compares with a baseline, and --baseline none names none.",
            "To generate and judge alone: smallscale generate MODEL",
        )
    if plan.baseline is None:
        raise UsageError(
            f"{plan.run.path} was started without a baseline.",
            f"Resume it with: smallscale generate --resume {plan.run.typed}",
        )
    return plan.baseline


def _tried(context: Context, plan: Plan) -> int:
    """Show a run with ``--limit``: a part of a suite decides nothing."""
    from smallscale_ci.errors import EXIT_INCONCLUSIVE

    show_run(context, plan.run.path)
    context.out.error(
        f"INCONCLUSIVE: --limit {plan.config.limit} tried {len(plan.suite.problems)} problems, and "
        "a part of the suite decides nothing.",
        "For a verdict, leave out --limit.",
    )
    return EXIT_INCONCLUSIVE


def show_run(context: Context, path: Path) -> None:
    """The levels of a judged run."""
    from smallscale_ci.run.folder import open_run
    from smallscale_ci.run.records_json import summary_json
    from smallscale_ci.run.run import read_summary

    run = open_run(path)
    if not run.summary.exists():
        if context.json:
            context.out.json({"run": str(path)})
        context.out.say(f"written: {run.generations}")
        return
    summary = read_summary(run)
    if context.json:
        context.out.json({**summary_json(summary), "run": str(path)})
        return
    show_levels(context, summary)
    context.out.say(f"written: {path}")


def show_levels(context: Context, summary: Summary) -> None:
    """The levels of each task as a table."""
    from smallscale_ci.report.formats import columns, task_level

    metrics = columns([task.levels for task in summary.tasks], zeros=False)
    rows = [
        (
            task.task,
            str(task.problems),
            f"{task.epochs:g}",
            *(task_level(metric, task) for metric in metrics),
        )
        for task in summary.tasks
    ]
    headings = (metric.heading for metric in metrics)
    context.out.table(("task", "problems", "epochs", *headings), rows)
