"""What GitHub shows about a run: step summary, annotations, outputs, and one pull-request comment.

The comment is found again by an invisible mark, and updated in place. Nothing here
reads the environment: ``job`` takes it as an argument, and the token is passed separately.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from smallscale_ci.errors import DataError, InvalidError, SmallscaleError
from smallscale_ci.files import read_json
from smallscale_ci.github.api import Api
from smallscale_ci.ids import slug
from smallscale_ci.report import annotations as workflow_commands
from smallscale_ci.report import text
from smallscale_ci.report.escape import markdown, one_line
from smallscale_ci.report.interface import ReportData
from smallscale_ci.report.markdown import COMMENT_LIMIT, SUMMARY_LIMIT, opening
from smallscale_ci.run import chain
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import INTERRUPTED
from smallscale_ci.run.records_json import verdict_from_json
from smallscale_ci.run.run import read_summary

_MEMBERS = ("OWNER", "MEMBER", "COLLABORATOR")
_CUT = "\n*The rest was cut to fit GitHub's limit; the run folder holds the whole report.*\n"


@dataclass(frozen=True, slots=True)
class Job:
    """The GitHub Actions job that we run in."""

    summary: Path | None  # file of the step summary
    output: Path | None  # file of the step's outputs
    repository: str  # owner/name
    api: str  # https://api.github.com
    run_url: str  # page of this workflow run
    pull_request: int | None


@dataclass(frozen=True, slots=True)
class Page:
    """What is published about one run: the Markdown report and the annotations."""

    markdown: str
    data: ReportData

    @property
    def mark(self) -> str:
        """The HTML comment by which the comment for this suite and profile is found again."""
        return f"<!-- smallscale-ci {slug(self.data.suite)}/{slug(self.data.profile)} -->"

    @property
    def annotations(self) -> str:
        """Workflow commands, one per line."""
        return workflow_commands.render(self.data)


def job(environment: Mapping[str, str]) -> Job | None:
    """The job that ``environment`` describes; ``None`` outside GitHub Actions."""
    if environment.get("GITHUB_ACTIONS") != "true":
        return None
    get = environment.get
    server, repository = get("GITHUB_SERVER_URL", ""), get("GITHUB_REPOSITORY", "")
    run = get("GITHUB_RUN_ID", "")
    return Job(
        summary=Path(environment["GITHUB_STEP_SUMMARY"]) if get("GITHUB_STEP_SUMMARY") else None,
        output=Path(environment["GITHUB_OUTPUT"]) if get("GITHUB_OUTPUT") else None,
        repository=repository,
        api=get("GITHUB_API_URL") or "https://api.github.com",
        run_url=f"{server}/{repository}/actions/runs/{run}" if server and run else "",
        pull_request=_pull_request(get("GITHUB_EVENT_PATH", ""), get("GITHUB_REF", "")),
    )


def page(run: RunFolder) -> Page:
    """The page for a run folder.

    Raises ``DataError`` if no report was written yet, ``InvalidError`` if the folder is not as
    it was written, or if the report is not on its verdict.
    """
    manifest = run.read_manifest()
    chain.check(run.path, manifest)
    chain.refuse_lost_verdict(run.path)
    file = run.report / "report.md"
    again = f"Write it: smallscale compare {run.typed} auto"
    if not file.is_file():
        raise DataError(f"{run.path} has no report to publish.", again)
    verdict = None
    if run.verdict.exists():
        value = read_json(run.verdict)
        value.pop("made_from", None)
        verdict = verdict_from_json(value)
    report = file.read_text(encoding="utf-8")
    if not report.startswith(opening(verdict)):
        raise InvalidError(f"{file} is not on the verdict of {run.path}.", again)
    summary = read_summary(run)
    is_interrupted = manifest.status is INTERRUPTED
    if is_interrupted:  # its summary covers only the samples that are done
        summary = replace(summary, planned=manifest.planned)
    data = ReportData(
        run_id=manifest.run_id,
        model=manifest.checkpoint.name,
        suite=manifest.suite.name,
        profile=manifest.profile,
        candidate=summary,
        verdict=verdict,
        status="interrupted" if is_interrupted else "complete",
        run_folder=str(run.path),
    )
    return Page(report, data)


def summarise(where: Job, shown: str) -> bool:
    """Append Markdown to the step summary, within its limit; returns whether there is one.

    Raises ``OSError``.
    """
    if where.summary is None:
        return False
    taken = where.summary.stat().st_size if where.summary.exists() else 0
    with where.summary.open("a", encoding="utf-8") as file:
        file.write(_within(shown + "\n", SUMMARY_LIMIT - taken, where.run_url))
    return True


def outputs(where: Job, values: Mapping[str, str]) -> None:
    """Set outputs of this step. Values are reduced to one line and cannot set other outputs."""
    if where.output is not None:
        with where.output.open("a", encoding="utf-8") as file:
            file.writelines(f"{name}={one_line(value)}\n" for name, value in values.items())


def comment(
    where: Job,
    token: str,
    shown: Page,
    *,
    number: int,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Post the report on pull request ``number``, or update the comment that is there.

    Returns the comment's address. Raises ``PublishError`` with what GitHub answered.
    """
    body = f"{shown.mark}\n{_within(shown.markdown, COMMENT_LIMIT, where.run_url)}"
    if where.run_url:
        body += f"\n[The job with its report files]({where.run_url})\n"
    issue = f"issues/{number}/comments"
    with Api(where.api, where.repository, token, sleep) as github:
        for existing in github.all(issue):
            if str(existing.get("body", "")).startswith(shown.mark) and _is_ours(existing):
                answer = github.send("PATCH", f"issues/comments/{existing['id']}", {"body": body})
                return str(answer.get("html_url", ""))
        return str(github.send("POST", issue, {"body": body}).get("html_url", ""))


def _is_ours(found: Mapping[str, Any]) -> bool:
    """Whether a comment was written by a bot or a member.

    Anybody can write our mark, and could later edit the verdict in their own comment.
    """
    is_bot = (found.get("user") or {}).get("type") == "Bot"
    return is_bot or found.get("author_association") in _MEMBERS


def failure(error: SmallscaleError) -> tuple[str, str]:
    """(Markdown, workflow command) of a run that ended in an error."""
    hint = "".join(f"\n\n{markdown(line)}" for line in error.hint.splitlines() if line.strip())
    shown = f"### 🚫 {markdown(error.message)}{hint}\n"
    said = f"{error.message} {error.hint}".strip()
    return shown, workflow_commands.command("error", "smallscale", said)


def headline(shown: Page) -> str:
    """The verdict in one sentence."""
    return text.headline(shown.data)


def _within(shown: str, limit: int, link: str) -> str:
    """``shown`` if it fits in ``limit`` bytes, else its headline and a link to the rest."""
    if len(shown.encode()) <= limit:
        return shown
    where = f"\n[The whole report is among the files of this run.]({link})\n" if link else ""
    first = shown.splitlines(keepends=True)[0] if shown else ""
    short = first + (where or _CUT)
    return short if len(short.encode()) <= limit else ""


def _pull_request(event_file: str, ref: str) -> int | None:
    """The number of the pull request that started the workflow, if one did."""
    try:
        event = json.loads(Path(event_file).read_text(encoding="utf-8")) if event_file else {}
        number = event.get("pull_request", {}).get("number")
    except (OSError, ValueError, AttributeError, RecursionError):
        number = None
    if isinstance(number, int):
        return number
    found = re.match(r"refs/pull/(\d+)/", ref)
    return int(found[1]) if found else None
