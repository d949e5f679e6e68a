"""``eval`` and ``generate``: the commands that make runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smallscale_ci.cli import groups, options
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option, refuse_variable
from smallscale_ci.config.seams import AUTO

if TYPE_CHECKING:
    from smallscale_ci.config.settings import Settings
    from smallscale_ci.pipeline.compare import Evaluation
    from smallscale_ci.pipeline.engines import Engines
    from smallscale_ci.pipeline.prepare import Plan
    from smallscale_ci.run.run import Run


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    command(app, "eval", "smallscale eval smollm2 --suite smoke --gate smoke")(evaluate)
    command(app, "generate", "smallscale generate smollm2 --suite smoke --epochs 8")(generate)


def evaluate(
    context: Context,
    model: options.Model = None,
    suite: options.Suites = None,
    profile: options.Profile = "vllm-cpu",
    gate: options.Gate = None,
    baseline: options.BaselineSpec = AUTO,
    epochs: options.Epochs = None,
    limit: options.Limit = None,
    overrides: options.Set = None,
    dry_run: options.DryRun = False,
    resume: options.Resume = None,
    rules: options.Rules = "",
    *,
    budget: groups.Budget,
    engine: groups.Engine,
    folders: groups.Folders,
) -> int:
    """Put a checkpoint through the gate.

    Generates, judges, compares with the baseline and reports; the exit code is the verdict:

    0 pass · 1 regressed · 2 usage · 3 infrastructure · 4 invalid or no baseline · 5 inconclusive ·
    130 interrupted.

    With several suites, each has its own run, baseline, policy and verdict, and the engine is
    loaded once. The exit code is 1 if any regressed, else 4 if any is invalid, else 5 if any is
    inconclusive.
    """
    from smallscale_ci.cli import suites
    from smallscale_ci.cli.announce import show_plans
    from smallscale_ci.cli.deadline import within
    from smallscale_ci.cli.plans import plans_of
    from smallscale_ci.cli.verdicts import tell_monitor
    from smallscale_ci.pipeline.request import Request

    if limit is not None:
        extending = ("max_epochs", "token_budget", "time_budget")
        context.refuse(extending, "--limit gives no verdict, so no epoch is added")
    settings = context.settings(
        **folders.places(),
        engine_python=engine.engine_python,
        sandbox=engine.sandbox,
        rules=rules,
    )
    request = Request(
        model=model or "",
        profile=profile,
        gate=gate,
        baseline=baseline,
        epochs=epochs,
        limit=limit,
        overrides=tuple(overrides or ()),
        **budget.request(),
        **engine.request(),
    )
    with within(budget.deadline):
        with context.out.watch():
            plans = plans_of(context, request, suites.names(suite, settings), settings, resume)
            against = [_baseline(plan) for plan in plans]
        for plan in plans:
            tell_monitor(context, plan.config.gate)
        if dry_run:
            refuse_variable("--dry-run", settings)
            show_plans(context, plans)
            return 0
        # Not earlier: a checkpoint that cannot be served is refused within the first second.
        return _all_judged(context, plans, against, settings)


def generate(
    context: Context,
    model: options.Model = None,
    suite: options.Suites = None,
    profile: options.Profile = "vllm-cpu",
    epochs: options.Epochs = None,
    limit: options.Limit = None,
    overrides: options.Set = None,
    dry_run: options.DryRun = False,
    no_judge: Annotated[bool, option("--no-judge", help="Only generate.")] = False,
    resume: options.Resume = None,
    runs: options.Runs = None,
    *,
    engine: groups.Engine,
) -> None:
    """Generate and judge without comparing.

    Use it to make the run of a baseline: all epochs of the suite, without a verdict. Several suites
    share one loaded engine.
    """
    from smallscale_ci.cli import levels, suites
    from smallscale_ci.cli.announce import announce, show_plans
    from smallscale_ci.cli.plans import plans_of
    from smallscale_ci.pipeline.request import Request
    from smallscale_ci.run.folder import NO_BASELINE

    settings = context.settings(
        runs=runs, engine_python=engine.engine_python, sandbox=engine.sandbox
    )
    request = Request(
        model=model or "",
        profile=profile,
        baseline=NO_BASELINE,
        epochs=epochs,
        limit=limit,
        overrides=tuple(overrides or ()),
        **engine.request(),
    )
    with context.out.watch():
        plans = plans_of(context, request, suites.names(suite, settings), settings, resume)
    if dry_run:
        show_plans(context, plans)
        return
    from smallscale_ci.pipeline import evaluate  # not before, as in eval
    from smallscale_ci.pipeline.engines import Engines

    for plan in plans:
        announce(context.out, plan)
    values = []
    with Engines(plans, settings) as engines:
        for plan in plans:
            with (
                suites.ending(plans, plan, "complete run"),
                context.out.watch(suites.label(plans, plan)) as display,
            ):
                evaluate.generate(plan, settings, display, engines, judging=not no_judge)
            values.append(levels.tell(context, plan.run.path))
    suites.show_json(context, values)


@dataclass(frozen=True, eq=False, repr=False)  # eq and repr are compiled at each start
class _Result:
    """A suite's result: exit code, JSON value, and the evaluation if there is one."""

    code: int
    value: dict[str, Any]
    evaluation: Evaluation | None = None


def _all_judged(
    context: Context, plans: Sequence[Plan], against: Sequence[Run], settings: Settings
) -> int:
    """Evaluate the suites one after another on engines that are loaded once; the exit code."""
    from smallscale_ci.cli import suites
    from smallscale_ci.cli.announce import announce
    from smallscale_ci.cli.github import tell_overall
    from smallscale_ci.pipeline.engines import Engines
    from smallscale_ci.pipeline.evaluate import is_refused

    for plan in plans:
        announce(context.out, plan)
    # Incomparable runs are known before the engine is loaded, and stop all suites.
    pairs = list(zip(plans, against, strict=True))
    refused = [pair for pair in pairs if len(pairs) > 1 and is_refused(*pair)]
    results = []
    with Engines(() if refused else plans, settings) as engines:
        for plan, baseline in refused or pairs:
            with suites.ending(plans, plan, "verdict"):
                label = suites.label(plans, plan)
                results.append(_judged(context, plan, baseline, settings, engines, label))
    if refused:
        names = ", ".join(plan.config.suite.name for plan in plans)
        context.out.error(
            f"Nothing was generated for the suites {names}.",
            "Correct the baseline, or leave out what cannot be compared.",
        )
    suites.show_json(context, [result.value for result in results])
    code = suites.combined([result.code for result in results])
    if len(results) > 1:
        tell_overall(next(result.evaluation for result in results if result.code == code))
    return code


def _judged(
    context: Context, plan: Plan, baseline: Run, settings: Settings, engines: Engines, label: str
) -> _Result:
    """Evaluate one suite, and show its verdict to people and GitHub."""
    from smallscale_ci.cli import verdicts
    from smallscale_ci.cli.github import tell_evaluation, tell_interrupted
    from smallscale_ci.errors import RunInterruptedError
    from smallscale_ci.pipeline import evaluate

    with context.out.watch(label) as display:
        try:
            if plan.config.limit is not None:
                evaluate.generate(plan, settings, display, engines, judging=True)
                return _tried(context, plan)
            evaluation = evaluate.evaluate(plan, baseline, settings, display, engines)
        except RunInterruptedError:
            tell_interrupted(context, plan.run)
            raise
    tell_evaluation(context, evaluation)
    code = verdicts.tell(context, evaluation, plan.config.gate)
    return _Result(code, verdicts.value(evaluation), evaluation)


def _baseline(plan: Plan) -> Run:
    from smallscale_ci.errors import UsageError
    from smallscale_ci.run.folder import is_run

    if plan.baseline is None and not is_run(plan.run.path):
        raise UsageError(
            "eval needs a baseline, but --baseline is none.",
            "To only generate and judge: smallscale generate MODEL",
        )
    if plan.baseline is None:
        raise UsageError(
            f"{plan.run.path} was started without a baseline.",
            f"Resume it with: smallscale generate --resume {plan.run.typed}",
        )
    return plan.baseline


def _tried(context: Context, plan: Plan) -> _Result:
    """Show a run with ``--limit``, which has no verdict: a part of a suite decides nothing."""
    from smallscale_ci.cli import levels
    from smallscale_ci.errors import EXIT_INCONCLUSIVE
    from smallscale_ci.report.formats import count

    value = levels.tell(context, plan.run.path)
    context.out.error(
        f"INCONCLUSIVE: --limit {plan.config.limit} tried "
        f"{count(len(plan.suite.problems), 'problem')}, and a part of the suite decides nothing.",
        "For a verdict, leave out --limit.",
    )
    return _Result(EXIT_INCONCLUSIVE, value)
