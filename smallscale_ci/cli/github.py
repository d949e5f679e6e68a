"""``publish`` and ``init``; what every command reports to GitHub inside a GitHub job."""

from __future__ import annotations

import os
import re
import shlex
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import options
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option

_OFTEN = 0.5  # below it, something is wrong with the policy

if TYPE_CHECKING:
    from smallscale_ci.cli.output import Output
    from smallscale_ci.errors import SmallscaleError
    from smallscale_ci.github.init import Facts
    from smallscale_ci.github.publish import Job, Page
    from smallscale_ci.pipeline.compare import Evaluation
    from smallscale_ci.records import Verdict
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
    """Show a run's report on GitHub.

    As a step summary, annotations and one comment.

    The comment is updated in place. Its token is GITHUB_TOKEN or GH_TOKEN of the environment;
    without one, or outside a pull request, the summary is still written. The exit code does not
    depend on the verdict, which is the exit code of `eval`.
    """
    from smallscale_ci.errors import UsageError
    from smallscale_ci.github import publish as github
    from smallscale_ci.run.folder import open_run

    job = github.job(os.environ)
    if job is None:
        raise UsageError(
            "This is not a GitHub Actions job: GITHUB_ACTIONS is not 'true'.",
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
    source: Annotated[
        str,
        option(
            "--repository",
            metavar="OWNER/NAME",
            help="Where workflows get smallscale from.",
            show_default="where this smallscale came from",
        ),
    ] = "",
) -> None:
    """Put the gate into another repository.

    Writes a workflow, a gate policy and a folder of baselines, overwrites nothing, and says how
    often an unchanged model would pass that policy.
    """
    from smallscale_ci.errors import UsageError
    from smallscale_ci.github import init as repository

    checkout = Path(__file__).resolve().parents[2]
    facts = repository.find_out(folder, checkout)
    source = source or (_installed_from() if facts.repository == repository.UNKNOWN else "")
    if source and not re.fullmatch(r"[\w.-]+/[\w.-]+", source):
        raise UsageError(f"'{source}' is not a repository.", "Write OWNER/NAME, as on GitHub.")
    facts = replace(facts, repository=source or facts.repository)
    result = repository.write(folder, facts, tool)
    chance = None if tool else _chance(context, folder, facts)
    if context.json:
        context.out.json({**asdict(result), "facts": asdict(facts), "unchanged_passes": chance})
        return
    for name in result.written:
        context.out.result(f"written: {name}")
    for name in result.skipped:
        context.out.result(f"left as it is: {name}")
    if chance is None and not tool:
        context.out.say(
            f"No baseline of {facts.suite} is stored yet, so the chance to pass is unknown."
        )
    elif chance is not None and chance >= _OFTEN:
        context.out.result(f"An unchanged model passes {100 * chance:.0f} of 100 times.")
    elif chance is not None:
        context.out.error(
            f"An unchanged model would pass only {100 * chance:.0f} of 100 times.",
            f"Widen the margins in configs/gates/{facts.gate}.yaml; smallscale plan shows which "
            "ones hold.",
        )
    for line in result.advice:
        context.out.say(f"→ {line}")


def _installed_from() -> str:
    """OWNER/NAME of the GitHub repository that pip installed this package from, or ""."""
    import importlib.metadata

    try:
        origin = importlib.metadata.distribution("smallscale-ci").read_text("direct_url.json")
    except importlib.metadata.PackageNotFoundError:
        return ""
    found = re.search(r"github\.com[/:]([\w.-]+/[\w.-]+?)(?:\.git)?[\"@#]", origin or "")
    return found[1] if found else ""


def _chance(context: Context, folder: Path, facts: Facts) -> float | None:
    """How often an unchanged model passes (0 to 1), simulated on a stored baseline of the suite."""
    from smallscale_ci.cli.places import shipped
    from smallscale_ci.config.load import load
    from smallscale_ci.config.policy import GatePolicy
    from smallscale_ci.config.suite import SuiteConfig
    from smallscale_ci.gate.power import plan
    from smallscale_ci.run import baselines

    roots = ((folder / "configs").resolve(), *context.settings().roots)
    policy = load(GatePolicy, facts.gate, roots)
    suite = load(SuiteConfig, facts.suite, roots)
    wanted = (f"{facts.suite}/{facts.profile}/", f"{facts.suite}/")
    for beginning in wanted:
        for root in (folder / "baselines", shipped("baselines")):
            for name in baselines.names(root):
                if name.startswith(beginning):
                    repeats = {task.name: task.epochs for task in suite.tasks}
                    samples = baselines.load(root / name).samples
                    found = plan(samples, policy, trials=100, losses=(), repeats=repeats)
                    return found.passed.value
    return None


def tell_evaluation(context: Context, evaluation: Evaluation) -> None:
    """Publish the result of ``eval``, if this is a GitHub job."""
    from smallscale_ci.github import publish as github
    from smallscale_ci.report import markdown

    job = github.job(os.environ)
    if job is not None:
        data = evaluation.report
        _show(context, job, github.Page(markdown.render(data), data), evaluation.run)


def tell_overall(deciding: Evaluation | None) -> None:
    """With several suites, set a GitHub job's outputs to those of one that decided."""
    from smallscale_ci.github import publish as github

    job = github.job(os.environ)
    if job is not None and deciding is not None:
        github.outputs(job, _outputs(deciding.verdict, deciding.run))


def tell_interrupted(context: Context, run: RunFolder) -> None:
    """Publish how far an interrupted run came, if this is a GitHub job."""
    from smallscale_ci.github import publish as github

    job = github.job(os.environ)
    if job is not None and run.summary.exists():
        _show(context, job, github.page(run), run)


def tell_failure(out: Output, error: SmallscaleError) -> None:
    """Publish an error as an annotation and in the step summary."""
    from smallscale_ci.github import publish as github

    job = github.job(os.environ)
    if job is not None:
        markdown, command_line = github.failure(error)
        out.commands(command_line)
        with suppress(OSError):  # a full disk, which may be the error itself
            github.summarise(job, markdown)


def _show(context: Context, job: Job, page: Page, run: RunFolder | None) -> None:
    """Annotations, step summary and outputs. ``run`` is ``None`` when no folder was written."""
    from smallscale_ci.github import publish as github

    context.out.commands(page.annotations)
    try:
        if not github.summarise(job, page.markdown):
            context.out.say("no step summary: GITHUB_STEP_SUMMARY is not set.")
        github.outputs(job, _outputs(page.data.verdict, run))
    except OSError as error:  # a full disk: the verdict is printed all the same
        context.out.error(f"The step summary cannot be written: {error}.", "Free disk space.")


def _outputs(verdict: Verdict | None, run: RunFolder | None) -> dict[str, str]:
    return {
        "verdict": verdict.kind.value if verdict else "",
        "run": str(run.path) if run else "",
        "report": str(run.report / "report.html") if run else "",
    }
