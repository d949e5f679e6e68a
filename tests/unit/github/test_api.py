"""GitHub's REST API over real sockets: pages, waits and refusals."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from smallscale_ci.github.api import Api, PublishError


class Server(ThreadingHTTPServer):
    """Gives ``answers`` one after the other, and keeps what it was asked."""

    def __init__(self, answers):
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers, self.asked = list(answers), []


class Handler(BaseHTTPRequestHandler):
    def handle_one(self):
        length = int(self.headers.get("Content-Length") or 0)
        self.server.asked.append((self.command, self.path, self.rfile.read(length)))
        code, content = self.server.answers.pop(0)
        content = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = handle_one  # noqa: N815

    def log_message(self, *_):
        pass


@pytest.fixture
def github():
    """Starts servers with the answers that they are given; returns the API and the server."""
    started, waits = [], []

    def start(*answers):
        server = Server(answers)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        started.append(server)
        address = f"http://127.0.0.1:{server.server_port}/"
        return Api(address, "octo/models", "s3cr3t", waits.append), server, waits

    yield start
    for server in started:
        server.shutdown()
        server.server_close()


def test_all_pages_are_read_and_no_more(github):
    items = [{"id": n} for n in range(250)]
    api, server, _ = github((200, items[:100]), (200, items[100:200]), (200, items[200:]))
    with api:
        assert api.all("issues/7/comments") == items
    paths = [path for _, path, _ in server.asked]
    assert paths[2] == "/repos/octo/models/issues/7/comments?per_page=100&page=3"


def test_full_pages_end_with_an_empty_one(github):
    api, server, _ = github((200, [{}] * 100), (200, []))
    with api:
        assert len(api.all("x")) == 100
    assert len(server.asked) == 2


def test_a_busy_server_is_waited_for_and_then_given_up(github):
    api, server, waits = github((503, {}), (429, {}), (200, {"ok": 1}))
    with api:
        assert api.send("GET", "x") == {"ok": 1}
    assert waits == [1.0, 4.0]
    api, server, _ = github(*[(502, {"message": "who knows"})] * 3)
    with api, pytest.raises(PublishError, match="502 who knows"):
        api.send("PATCH", "x", {"body": "b"})
    assert [body for *_, body in server.asked] == [b'{"body": "b"}'] * 3


def test_nothing_is_posted_twice(github):
    api, server, waits = github((502, {}))
    with api, pytest.raises(PublishError, match="GitHub refused POST x: 502"):
        api.send("POST", "x", {})
    assert (len(server.asked), waits) == (1, [])


@pytest.mark.parametrize(
    ("code", "message", "hint"),
    [
        (401, "Bad credentials", "GITHUB_TOKEN"),
        (403, "Resource not accessible by integration", "pull-requests: write"),
        (403, "API rate limit exceeded for installation.", "again later"),
        (403, "You have exceeded a secondary rate limit.", "again later"),
        (404, "Not Found", "no such pull request"),
        (422, "Validation Failed", "step summary"),
    ],
)
def test_a_refusal_has_the_remedy_that_helps(github, code, message, hint):
    """A rate limit is a 403 as well: it was told as a missing permission."""
    api, *_ = github((code, {"message": message}))
    with api, pytest.raises(PublishError, match=f"{code} {message}") as caught:
        api.send("GET", "x")
    assert hint in caught.value.hint
    assert "s3cr3t" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize("content", [b"<html>", b"", b"[1"])
def test_an_answer_that_is_not_json_is_told(github, content):
    api, *_ = github((200, content))
    with api, pytest.raises(PublishError, match="did not answer in JSON"):
        api.send("GET", "x")
    api, *_ = github((500, content), (500, content), (500, content))
    with api, pytest.raises(PublishError, match="500 Internal Server Error"):
        api.send("GET", "x")


@pytest.mark.parametrize("address", ["", "api.github.com", "file:///etc/passwd"])
def test_an_address_that_is_none_is_refused(address):
    with pytest.raises(PublishError, match="not the address of an API") as caught:
        Api(address, "o/r", "t", lambda _: None)
    assert "GITHUB_API_URL" in caught.value.hint


def test_nobody_there_is_told_after_the_last_try():
    waits = []
    with (
        Api("http://127.0.0.1:1", "o/r", "t", waits.append) as api,
        pytest.raises(PublishError, match="does not answer") as caught,
    ):
        api.send("GET", "x")
    assert waits == [1.0, 4.0]
    assert "again" in caught.value.hint
