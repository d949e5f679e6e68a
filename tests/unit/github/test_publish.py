"""What GitHub is told, against a real HTTP server that speaks the endpoints in question."""

import json
import re
import shutil
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest
from helpers import replayed, report_examples

from smallscale_ci.errors import DataError, InvalidError, UsageError
from smallscale_ci.github import publish
from smallscale_ci.github.api import PublishError
from smallscale_ci.report import markdown
from smallscale_ci.report.markdown import SUMMARY_LIMIT
from smallscale_ci.run.folder import RunFolder

TOKEN = "ghs_secret"


class GitHub(ThreadingHTTPServer):
    """Comments of one pull request; ``fail`` answers are given first."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.comments, self.calls, self.fail = [], [], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    def handle_one(self):
        server = self.server
        server.calls.append((self.command, self.path))
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        if server.fail:
            code, value = server.fail.pop(0)
            return self.answer(code, value)
        if self.headers["Authorization"] != f"Bearer {TOKEN}":
            return self.answer(401, {"message": "Bad credentials"})
        parts = urlsplit(self.path)
        if parts.path == "/repos/octo/models/issues/7/comments":
            if self.command == "POST":
                made = {"id": len(server.comments), "body": body["body"], "html_url": "https://x/1"}
                made |= {
                    "user": {"type": "Bot"},
                    "author_association": "NONE",
                }
                server.comments.append(made)
                return self.answer(201, made)
            query = {key: int(value[0]) for key, value in parse_qs(parts.query).items()}
            first = (query["page"] - 1) * query["per_page"]
            return self.answer(200, server.comments[first : first + query["per_page"]])
        prefix = "/repos/octo/models/issues/comments/"
        if self.command == "PATCH" and parts.path.startswith(prefix):
            found = server.comments[int(parts.path.removeprefix(prefix))]
            found["body"] = body["body"]
            return self.answer(200, found)
        return self.answer(404, {"message": "Not Found"})

    do_GET = do_POST = do_PATCH = handle_one  # noqa: N815

    def answer(self, code, value):
        content = json.dumps(value).encode()
        self.send_response(code)
        if code in {301, 302}:
            self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


@pytest.fixture
def github():
    server = GitHub()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A run that regressed, with its report."""
    place = tmp_path_factory.mktemp("published")
    replayed.make_configs(place)
    replayed.make_run(place, "base", epochs=4)
    replayed.make_run(place, "bad", wrong=0.8, seed=3)
    done = replayed.smallscale(place, "compare", "stored/bad", "stored/base")
    assert done.returncode == 1, done.stderr
    return place


def environment(place, github=None, **more):
    event = place / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 7}}))
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_STEP_SUMMARY": str(place / "summary.md"),
        "GITHUB_OUTPUT": str(place / "output.txt"),
        "GITHUB_REPOSITORY": "octo/models",
        "GITHUB_API_URL": github.url if github else "http://127.0.0.1:1",
        "GITHUB_SERVER_URL": "https://github.example",
        "GITHUB_RUN_ID": "42",
        "GITHUB_EVENT_PATH": str(event),
        "GITHUB_TOKEN": "",
        "GH_TOKEN": "",
        **more,
    }


def job_of(github, place):
    found = publish.job(environment(place, github))
    assert found is not None
    return found


def page_of(place):
    return publish.page(RunFolder(place / "stored" / "bad"))


def no_sleep(_):
    pass


def test_one_comment_is_posted_and_then_updated(place, github, tmp_path):
    github.comments += [{"id": n, "body": f"chat {n}"} for n in range(130)]
    github.comments.append({"id": 130, "body": f"> {page_of(place).mark} quoted"})
    for _ in range(3):
        publish.comment(job_of(github, tmp_path), TOKEN, page_of(place), number=7)
    ours = [c["body"] for c in github.comments if c["body"].startswith("<!-- smallscale-ci tiny/")]
    assert len(ours) == 1
    assert "REGRESSED" in ours[0]
    assert "https://github.example/octo/models/actions/runs/42" in ours[0]
    assert len(ours[0]) <= 65_536
    assert [method for method, _ in github.calls if method != "GET"] == ["POST", "PATCH", "PATCH"]


def test_a_stranger_s_comment_is_never_taken_for_ours(place, github, tmp_path):
    text = f"{page_of(place).mark}\n### ✅ PASS"
    by = {"user": {"type": "User"}, "author_association": "CONTRIBUTOR"}
    github.comments.append({"id": 0, "body": text, **by})
    for _ in range(2):
        publish.comment(job_of(github, tmp_path), TOKEN, page_of(place), number=7)
    assert github.comments[0]["body"] == text
    assert len(github.comments) == 2
    # With a token of a member of the project, the comment is that member's.
    github.comments[1] |= {"user": {"type": "User"}, "author_association": "MEMBER"}
    publish.comment(job_of(github, tmp_path), TOKEN, page_of(place), number=7)
    assert len(github.comments) == 2


def test_a_busy_server_is_asked_again_but_nothing_is_posted_twice(place, github, tmp_path):
    github.fail = [(502, {}), (503, {})]
    publish.comment(job_of(github, tmp_path), TOKEN, page_of(place), number=7, sleep=no_sleep)
    assert len(github.comments) == 1
    github.comments.clear()
    github.fail = [(200, []), (502, {"message": "who knows"})]
    with pytest.raises(PublishError, match="502 who knows"):
        publish.comment(job_of(github, tmp_path), TOKEN, page_of(place), number=7, sleep=no_sleep)
    assert github.comments == []


@pytest.mark.parametrize(
    ("code", "hint"), [(401, "GITHUB_TOKEN"), (403, "pull-requests: write"), (404, "pull request")]
)
def test_a_refusal_says_which_right_is_missing(place, github, tmp_path, code, hint):
    github.fail = [(code, {"message": "no"})] * 5
    with pytest.raises(PublishError, match=str(code)) as caught:
        publish.comment(job_of(github, tmp_path), TOKEN, page_of(place), number=7, sleep=no_sleep)
    assert hint in caught.value.hint
    assert TOKEN not in caught.value.message + caught.value.hint


def test_the_token_is_not_carried_along_a_redirection(place, github, tmp_path):
    github.fail = [(302, {})]
    with pytest.raises(PublishError, match="302"):
        publish.comment(job_of(github, tmp_path), TOKEN, page_of(place), number=7, sleep=no_sleep)


def test_nobody_there_is_an_error_with_a_remedy(place, tmp_path):
    job = publish.job(environment(tmp_path))
    with pytest.raises(PublishError, match="does not answer") as caught:
        publish.comment(job, TOKEN, page_of(place), number=7, sleep=no_sleep)
    assert "step summary" in caught.value.hint


def test_a_summary_over_the_limit_is_cut_with_a_link(tmp_path):
    job = publish.job(environment(tmp_path))
    before = "x" * (SUMMARY_LIMIT - 5_000)
    job.summary.write_text(before)
    assert publish.summarise(job, "### verdict\n" + "é" * 4_000)
    text = job.summary.read_text()
    assert len(text.encode()) <= SUMMARY_LIMIT
    assert "### verdict" in text[len(before) :]
    assert "actions/runs/42" in text
    job.summary.write_text("x" * SUMMARY_LIMIT)
    assert publish.summarise(job, "### verdict\n")
    assert job.summary.stat().st_size == SUMMARY_LIMIT


def test_an_output_cannot_set_another(tmp_path):
    job = publish.job(environment(tmp_path))
    publish.outputs(job, {"run": "a\nverdict=PASS"})
    assert job.output.read_text() == "run=a verdict=PASS\n"


@pytest.mark.parametrize(
    ("event", "ref", "number"),
    [
        ('{"pull_request": {"number": 12}}', "", 12),
        ("{}", "refs/pull/9/merge", 9),
        ("[]", "refs/heads/main", None),
        ("not json", "refs/pull/x/merge", None),
        ('{"pull_request": null}', "0123abc", None),  # a detached HEAD has no ref
    ],
)
def test_the_pull_request_is_found_or_there_is_none(tmp_path, event, ref, number):
    values = environment(tmp_path, GITHUB_REF=ref)
    (tmp_path / "event.json").write_text(event)
    assert publish.job(values).pull_request == number


def test_outside_of_github_there_is_no_job():
    assert publish.job({}) is None


def test_a_run_without_a_report_and_one_judged_again_are_refused(place):
    with pytest.raises(DataError, match="no report"):
        publish.page(RunFolder(place / "stored" / "base"))
    replayed.make_run(place, "again", wrong=0.8, seed=4)
    run = RunFolder(place / "stored" / "again")
    replayed.smallscale(place, "compare", "stored/again", "stored/base")
    run.summary.write_text(run.summary.read_text() + " ")
    with pytest.raises(InvalidError, match="was changed"):
        publish.page(run)


@pytest.mark.parametrize("text", ["HACK", "", "### ✅ PASS: bad holds base.\n"])
def test_a_report_that_is_not_on_the_verdict_is_not_published(place, tmp_path, text):
    run = RunFolder(shutil.copytree(place / "stored" / "bad", tmp_path / "bad"))
    (run.report / "report.md").write_text(text)
    with pytest.raises(InvalidError, match="is not on the verdict") as caught:
        publish.page(run)
    assert "smallscale compare" in caught.value.hint


def test_the_command_publishes_everything(place, github, tmp_path):
    values = environment(tmp_path, github, GITHUB_TOKEN=TOKEN)
    done = replayed.smallscale(place, "publish", "stored/bad", "--json", **values)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["comment"] == "https://x/1"
    assert "\n::error title=smallscale%3A" in "\n" + done.stderr
    assert "REGRESSED" in (tmp_path / "summary.md").read_text()
    assert "verdict=REGRESSED\n" in (tmp_path / "output.txt").read_text()
    assert TOKEN not in done.stdout + done.stderr


def test_without_a_token_the_summary_still_works(place, tmp_path):
    done = replayed.smallscale(place, "publish", "stored/bad", **environment(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "no GITHUB_TOKEN" in done.stderr
    assert "REGRESSED" in (tmp_path / "summary.md").read_text()


def test_outside_of_a_pull_request_and_of_github_it_says_so(place, tmp_path):
    values = environment(tmp_path, GITHUB_TOKEN=TOKEN)
    (tmp_path / "event.json").write_text("{}")
    done = replayed.smallscale(place, "publish", "stored/bad", **values)
    assert done.returncode == 0
    assert "no pull request" in done.stderr
    done = replayed.smallscale(place, "publish", "stored/bad", GITHUB_ACTIONS="")
    assert done.returncode == UsageError.exit_code
    assert "smallscale report stored/bad" in done.stderr


def test_eval_in_a_github_job_tells_github_by_itself(place, tmp_path):
    replayed.make_run(place, "worse", wrong=0.9, seed=5)
    done = replayed.smallscale(
        place, "eval", "stored/worse", "-s", "tiny", "-p", "slow", "-b", "stored/base",
        "--runs", tmp_path / "runs", **environment(tmp_path),
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    assert "::error title=smallscale%3A sums accuracy REGRESSED::" in done.stderr
    assert "REGRESSED" in (tmp_path / "summary.md").read_text()
    outputs = dict(
        line.split("=", 1) for line in (tmp_path / "output.txt").read_text().splitlines()
    )
    assert outputs["verdict"] == "REGRESSED"
    assert outputs["report"].endswith("report.html")


def test_an_error_is_an_annotation_and_a_summary(place, tmp_path):
    done = replayed.smallscale(
        place, "eval", "stored/bad", "-s", "tiny", "-p", "slow", "-b", "nobody",
        "--runs", tmp_path / "runs", **environment(tmp_path),
    )  # fmt: skip
    assert done.returncode == 4, done.stderr
    assert "::error title=smallscale::There is no baseline" in done.stderr
    # Each command of the remedy stands on a line of its own.
    lines = (tmp_path / "summary.md").read_text().splitlines()
    (first,) = (line for line in lines if line.startswith("smallscale generate"))
    given = (place / "stored" / "bad").resolve()  # what can be pasted: the model as it was given
    assert first == f"smallscale generate {given} --suite tiny --profile slow --epochs 8"


def test_a_deadline_ends_the_run_with_a_report(place, tmp_path):
    profile = place / "configs" / "engines" / "slower.yaml"
    text = (place / "configs" / "engines" / "slow.yaml").read_text()
    profile.write_text(text.replace("slow", "slower").replace("200", "5"))
    done = replayed.smallscale(
        place, "eval", "stored/bad", "-s", "tiny", "-p", "slower", "-b", "stored/base",
        "--epochs", "2", "--deadline", "0.15", "--runs", tmp_path / "runs",
        **environment(tmp_path),
    )  # fmt: skip
    assert done.returncode == 3, done.stderr
    assert "deadline of 0.15 minutes passed" in done.stderr
    assert "--resume" in done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    assert "INTERRUPTED" in (run / "report" / "report.md").read_text()
    summary = (tmp_path / "summary.md").read_text()
    counted = re.search(r"INTERRUPTED: (\d+ of 120 samples done, nothing compared\.)", summary)
    assert counted is not None, summary
    # The annotation counts what was planned as the report does.
    assert f"::error title=smallscale%3A INTERRUPTED::{counted[1]}" in done.stderr
    assert "| baseline |" not in summary  # there is one, and it was not looked at


def test_hostile_names_break_out_of_nothing(tmp_path):
    data = report_examples.hostile_report()
    shown = publish.Page(markdown.render(data), data)
    assert re.fullmatch(r"<!-- smallscale-ci [A-Za-z0-9._-]+/[A-Za-z0-9._-]+ -->", shown.mark)
    assert shown.mark.count("-->") == 1
    lines = shown.annotations.splitlines()
    assert all(line.startswith("::error title=") for line in lines)
    job = publish.job(environment(tmp_path))
    publish.outputs(job, {"run": report_examples.HOSTILE})
    assert job.output.read_bytes().count(b"\n") == 1
    summary, command = publish.failure(DataError(report_examples.HOSTILE, report_examples.HOSTILE))
    assert "<script" not in summary
    assert command.count("\n") == 1
