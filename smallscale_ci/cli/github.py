"""``publish`` and ``init``; what every command tells GitHub by itself inside a GitHub job."""

from __future__ import annotations

import os
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import options
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.options import option

if TYPE_CHECKING:
    from smallscale_ci.errors import SmallscaleError
    from smallscale_ci.github.publish import Job, Page
    from smallscale_ci.pipeline.compare import Evaluation
    from smallscale_ci.run.folder import RunFolder


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    command(app, "publish", "smallscale publish runs/20260131-120000-smoke-smollm2-1a2b")(publish)
    command(app, "init", "smallscale init ../my-models")(init)


def publish(
    context: Context,
    run: options.RunArgument,
    pull_request: Annotated[
        int | None,
        option(
            "--pull-request",
            min=1,
            help="Number of the pull request.",
            show_default="the one that started the job",
        ),
    ] = None,
    summary: Annotated[
        bool,
        option(
            "--summary/--no-summary",
            help="Write the step summary, annotations and outputs.",
        ),
    ] = True,
    comment: Annotated[
        bool,
        option(
            "--comment/--no-comment",
            help="Comment on the pull request.",
        ),
    ] = True,
) -> None:
    """Show a run's report on GitHub: step summary, annotations, one comment.

    The comment is updated in place. Its token is GITHUB_TOKEN or GH_TOKEN of the environment;
    without one, or outside of a pull request, the summary is still written. The verdict does not
    change the exit code: `eval` has set it already.
    """
    from smallscale_ci.errors import UsageError
    from smallscale_ci.github import publish as github
    from smallscale_ci.run.folder import open_run

    job = github.job(os.environ)
    if job is None:
        raise UsageError(
            "this is no GitHub Actions job: GITHUB_ACTIONS is not 'true'.",
            f"To read the report here: smallscale report {shlex.quote(str(run))}",
        )
    folder = open_run(run)
    page = github.page(folder)
    if summary:
        _show(context, job, page, folder)
    address = ""
    number = pull_request or job.pull_request
    token = os.environ.get("GITHUB_TOKEN") or os.environ.get("GH_TOKEN") or ""
    if comment and number is None:
        context.out.say("no comment: no pull request started this job.")
    elif comment and not token:
        context.out.say("no comment: there is no GITHUB_TOKEN in the environment of this step.")
    elif comment and number is not None:
        address = github.comment(job, token, page, number=number)
        context.out.say(f"comment: {address}")
    if context.json:
        context.out.json({"headline": github.headline(page), "comment": address or None})


def init(
    context: Context,
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="A repository.", show_default="here")
    ] = Path(),
    tool: Annotated[
        str,
        option(
            "--from",
            help="Gate the results of this harness on GitHub's own runners: lm-eval, inspect, …",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Put the gate into another repository.

    Writes a workflow, a gate policy and a folder of baselines; asks nothing and overwrites
    nothing.
    """
    from smallscale_ci.github import init as repository

    checkout = Path(__file__).resolve().parents[2]
    facts = repository.find_out(folder, checkout)
    result = repository.write(folder, facts, tool)
    if context.json:
        context.out.json({**asdict(result), "facts": asdict(facts)})
        return
    for name in result.written:
        context.out.result(f"written: {name}")
    for name in result.skipped:
        context.out.result(f"left as it is: {name}")
    for line in result.advice:
        context.out.say(f"→ {line}")


def tell_evaluation(context: Context, evaluation: Evaluation) -> None:
    """Publish what ``eval`` came to, if this is a GitHub job."""
    from smallscale_ci.github import publish as github
    from smallscale_ci.report import markdown

    job = github.job(os.environ)
    if job is not None:
        data = evaluation.report
        _show(context, job, github.Page(markdown.render(data), data), evaluation.run)


def tell_interrupted(context: Context, run: RunFolder) -> None:
    """Publish how far an interrupted run came, if this is a GitHub job."""
    from smallscale_ci.github import publish as github

    job = github.job(os.environ)
    if job is not None and run.summary.exists():
        _show(context, job, github.page(run), run)


def tell_failure(context: Context, error: SmallscaleError) -> None:
    """An error as an annotation and in the step summary."""
    from smallscale_ci.github import publish as github

    job = github.job(os.environ)
    if job is not None:
        markdown, command_line = github.failure(error)
        context.out.commands(command_line)
        github.summarise(job, markdown)


def _show(context: Context, job: Job, page: Page, run: RunFolder | None) -> None:
    """Annotations, step summary and outputs. ``run`` is ``None`` when no folder was written."""
    from smallscale_ci.github import publish as github

    context.out.commands(page.annotations)
    if not github.summarise(job, page.markdown):
        context.out.say("no step summary: GITHUB_STEP_SUMMARY is not set.")
    verdict = page.data.verdict
    values = {
        "verdict": verdict.kind.value if verdict else "",
        "run": str(run.path) if run else "",
        "report": str(run.report / "report.html") if run else "",
    }
    github.outputs(job, values)
