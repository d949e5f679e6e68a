"""An endpoint as OpenAI's are, on loopback, that misbehaves as a test asks."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

KEY = "sk-a-secret"


TORN = -1  # a status: half of an answer


class Endpoint(ThreadingHTTPServer):
    """Answers ``t<question>``; misbehaves as the test asks."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: Counter[str] = Counter()
        self.bodies: list[dict[str, Any]] = []
        self.keys: set[str] = set()
        self.times: list[float] = []
        self.listed = 0.0  # when the models were asked for: before any request
        self.retry_after = "0.2"
        self.failures: dict[str, list[int]] = {}  # question → statuses of its first answers
        self.changes: dict[str, dict[str, Any]] = {}  # question → what its answer has instead
        self.models = ["m"]
        self.listing = 200  # status of the list of models; 0: a page for people
        self.busy = self.most = 0
        self.pause = 0.0
        self.guard = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Endpoint

    def log_message(self, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.listed = time.monotonic()
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "x"} for name in
                self.server.models]  # fmt: skip
        if self.server.listing:
            self._send(self.server.listing, {"object": "list", "data": data})
        else:
            self._send(200, "<html>", "text/html")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        question, here = body["messages"][-1]["content"], self.server
        with here.guard:
            here.asked[question] += 1
            here.bodies.append(body)
            here.times.append(time.monotonic())
            here.keys.add(self.headers["Authorization"])
            here.busy += 1
            here.most = max(here.most, here.busy)
            failures = here.failures.get(question, [])
            status = failures.pop(0) if failures else 200
        time.sleep(here.pause)
        with here.guard:
            here.busy -= 1
        if status == 0:
            self.close_connection = True  # hung up in the middle
        elif status == TORN:
            self._send(200, None, torn=True)
        elif status != 200:
            self._send(status, {"error": {"message": "no", "type": "t"}})
        else:
            message = {"role": "assistant", "content": f"t{question}"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}
            answer = {"id": "1", "object": "chat.completion", "created": 0, "model": "m"}
            answer |= {"choices": [choice], "usage": usage}
            self._send(200, answer | here.changes.get(question, {}))

    def _send(
        self, status: int, value: object, kind: str = "application/json", *, torn: bool = False
    ) -> None:
        content = b'{"choices": [{"mess' if torn else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if status == 429:
            self.send_header("Retry-After", self.server.retry_after)
        self.end_headers()
        self.wfile.write(content)
