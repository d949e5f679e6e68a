"""What GitHub shows of a run: step summary, annotations, outputs, and one pull-request comment.

The comment is found again by a mark that people do not see, and updated in place. Nothing here
reads the environment: ``job`` takes it as an argument, and the token travels apart from it.
"""

from __future__ import annotations

import json
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from smallscale_ci.errors import DataError, SmallscaleError
from smallscale_ci.files import read_json
from smallscale_ci.ids import slug
from smallscale_ci.report import annotations as workflow_commands
from smallscale_ci.report import text
from smallscale_ci.report.escape import markdown, one_line
from smallscale_ci.report.interface import ReportData
from smallscale_ci.report.markdown import COMMENT_LIMIT, SUMMARY_LIMIT
from smallscale_ci.run import chain
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.manifest import INTERRUPTED
from smallscale_ci.run.records_json import verdict_from_json
from smallscale_ci.run.run import read_summary

_PAGE = 100  # comments that GitHub gives at once
_TIMEOUT_S = 30.0
_WAITS_S = (1.0, 4.0)  # before another try, where GitHub was busy
_BUSY = (429, 500, 502, 503, 504)
_MEMBERS = ("OWNER", "MEMBER", "COLLABORATOR")
_CUT = "\n*The rest was cut to fit GitHub's limit; the run folder holds the whole report.*\n"


class PublishError(SmallscaleError):
    """GitHub could not be told."""


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
    """What is published of one run: the Markdown report, and what annotations say."""

    markdown: str
    data: ReportData

    @property
    def mark(self) -> str:
        """A comment of HTML by which the run's suite and profile find their comment again."""
        return f"<!-- smallscale-ci {slug(self.data.suite)}/{slug(self.data.profile)} -->"

    @property
    def annotations(self) -> str:
        """Workflow commands, one a line."""
        return workflow_commands.render(self.data)


def job(environment: Mapping[str, str]) -> Job | None:
    """The job that ``environment`` describes; ``None`` outside of GitHub Actions."""
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
    """What a run folder has to tell.

    Raises ``DataError`` when no report was written yet, ``InvalidError`` when the folder is not as
    it was written.
    """
    manifest = run.read_manifest()
    chain.check(run.path, manifest)
    file = run.report / "report.md"
    again = f"Write it: smallscale compare {run.typed} auto"
    if not file.is_file():
        raise DataError(f"{run.path} has no report to publish.", again)
    verdict = None
    if run.verdict.exists():
        value = read_json(run.verdict)
        value.pop("made_from", None)
        verdict = verdict_from_json(value)
    summary = read_summary(run)
    is_interrupted = manifest.status is INTERRUPTED
    if is_interrupted:  # its summary knows only of the samples that are done
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
    return Page(file.read_text(encoding="utf-8"), data)


def summarise(where: Job, shown: str) -> bool:
    """Append Markdown to the step summary, within its limit; whether there is one.

    Raises ``OSError``.
    """
    if where.summary is None:
        return False
    taken = where.summary.stat().st_size if where.summary.exists() else 0
    with where.summary.open("a", encoding="utf-8") as file:
        file.write(_within(shown + "\n", SUMMARY_LIMIT - taken, where.run_url))
    return True


def outputs(where: Job, values: Mapping[str, str]) -> None:
    """Set outputs of this step. A value is one line: it cannot set another output."""
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
    github = _GitHub(where, token, sleep)
    body = f"{shown.mark}\n{_within(shown.markdown, COMMENT_LIMIT, where.run_url)}"
    if where.run_url:
        body += f"\n[The job with its report files]({where.run_url})\n"
    issue = f"issues/{number}/comments"
    for existing in github.all(issue):
        if str(existing.get("body", "")).startswith(shown.mark) and _is_of_the_project(existing):
            answer = github.send("PATCH", f"issues/comments/{existing['id']}", {"body": body})
            return str(answer.get("html_url", ""))
    return str(github.send("POST", issue, {"body": body}).get("html_url", ""))


def _is_of_the_project(found: Mapping[str, Any]) -> bool:
    """Whether a bot or a member wrote a comment.

    Anybody can write our mark, and could later change the verdict in a comment of their own.
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


class _GitHub:
    """The few calls of GitHub's REST API that a comment needs."""

    def __init__(self, where: Job, token: str, sleep: Callable[[float], None]) -> None:
        if urlsplit(where.api).scheme not in {"http", "https"}:
            raise PublishError(f"{where.api} is no address of an API.", "See GITHUB_API_URL.")
        self._base = f"{where.api.rstrip('/')}/repos/{quote(where.repository)}/"
        self._token, self._sleep = token, sleep
        # A redirection would carry the token to wherever it points.
        self._opener = urllib.request.build_opener(_NoRedirect)

    def all(self, path: str) -> list[dict[str, Any]]:
        """Every item of a list, page by page."""
        found: list[dict[str, Any]] = []
        while len(found) % _PAGE == 0:
            number = len(found) // _PAGE + 1
            page = self.send("GET", f"{path}?per_page={_PAGE}&page={number}")
            if not page:
                break
            found += page
        return found

    def send(self, method: str, path: str, value: Any = None) -> Any:
        """One call, tried again while GitHub is busy. Raises ``PublishError``."""
        for wait in (*_WAITS_S, None):
            try:
                return self._once(method, path, value)
            except urllib.error.HTTPError as error:
                # Whether a POST that met a server's error was carried out is not known: not twice.
                if wait is None or error.code not in _BUSY or method == "POST":
                    raise self._told(method, path, error) from error
            except (OSError, HTTPException) as error:
                if wait is None or method == "POST":
                    reason = getattr(error, "reason", error)
                    raise PublishError(
                        f"GitHub's API at {self._base} does not answer: {reason}.",
                        "The step summary holds the same report. Try `smallscale publish` again.",
                    ) from error
            self._sleep(wait)
        raise AssertionError("unreachable")

    def _once(self, method: str, path: str, value: Any) -> Any:
        request = urllib.request.Request(  # noqa: S310 - the scheme was checked
            self._base + path,
            method=method,
            data=None if value is None else json.dumps(value).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Accept": "application/vnd.github+json",
                "Content-Type": "application/json",
                "User-Agent": "smallscale-ci",
                "X-GitHub-Api-Version": "2022-11-28",
            },
        )
        with self._opener.open(request, timeout=_TIMEOUT_S) as answer:
            try:
                return json.loads(answer.read())
            except ValueError as error:
                raise PublishError(f"{request.full_url} did not answer in JSON.") from error

    def _told(self, method: str, path: str, error: urllib.error.HTTPError) -> PublishError:
        try:
            said = str(json.loads(error.read()).get("message", ""))
        except (ValueError, AttributeError, OSError):
            said = ""
        hints = {
            401: "The token is not valid here: pass GITHUB_TOKEN: ${{ github.token }}.",
            403: "The token may not comment: the job needs `permissions: pull-requests: write`.",
            404: "There is no such pull request, or the token may not see it: the job needs "
            "`permissions: pull-requests: write`.",
        }
        return PublishError(
            f"GitHub refused {method} {path}: {error.code} {said or error.reason}.",
            hints.get(error.code, "The step summary holds the same report."),
        )


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


def _within(shown: str, limit: int, link: str) -> str:
    """``shown`` if it fits in ``limit`` bytes, else its headline and where the rest is."""
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
    except (OSError, ValueError, AttributeError):
        number = None
    if isinstance(number, int):
        return number
    found = re.match(r"refs/pull/(\d+)/", ref)
    return int(found[1]) if found else None
