"""Registries as they answer: with a digest or without, to anybody or for a token, or not at all."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from smallscale_ci.containers.registry import Reference, UnreachableError, digest
from smallscale_ci.errors import ContainerError

BODY = b'{"schemaVersion": 2}'
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
LOGIN = ("me", "secret")


class Registry(ThreadingHTTPServer):
    """Has one image; ``asks`` for nothing, "basic" or "bearer"; may ``name`` the digest."""

    def __init__(self, asks: str = "", names: bool = True, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asks, self.names, self.status = asks, names, status
        self.seen: list[str] = []
        self.address = f"127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Registry

    def do_HEAD(self) -> None:
        self._answer(b"")

    def do_GET(self) -> None:
        if not self.path.startswith("/token"):
            return self._answer(BODY)
        query = parse_qs(urlsplit(self.path).query)
        right = self._basic() == LOGIN and query["scope"] == ["repository:team/it:pull"]
        assert query["service"] == ["registry"]
        return self._send(200 if right else 401, json.dumps({"token": "t0ken"}).encode())

    def _answer(self, body: bytes) -> None:
        self.server.seen.append(self.command)
        given = self.headers.get("Authorization", "")
        asks = self.server.asks
        if asks == "basic" and self._basic() != LOGIN:
            return self._send(401, **{"WWW-Authenticate": 'Basic realm="it"'})
        if asks == "bearer" and given != "Bearer t0ken":
            realm = f'Bearer realm="http://{self.server.address}/token",service="registry"'
            return self._send(401, **{"WWW-Authenticate": realm})
        if asks == "plain":
            realm = 'Bearer realm="http://example.org/token",service="registry"'
            return self._send(401, **{"WWW-Authenticate": realm})
        assert "application/vnd.oci.image.index.v1+json" in self.headers["Accept"]
        known = self.path == "/v2/team/it/manifests/1"
        named = {"Docker-Content-Digest": DIGEST} if self.server.names else {}
        return self._send(self.server.status if known else 404, body, **named)

    def _basic(self) -> tuple[str, ...]:
        text = self.headers.get("Authorization", "").removeprefix("Basic ")
        return tuple(base64.b64decode(text).decode("utf-8", "replace").split(":"))

    def _send(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not on the terminal."""


@contextmanager
def running(registry: Registry) -> Iterator[str]:
    thread = threading.Thread(target=registry.serve_forever, daemon=True)
    thread.start()
    try:
        yield registry.address
    finally:
        registry.shutdown()
        registry.server_close()


def nobody(_: str) -> None:
    return None


@pytest.mark.parametrize("names", [True, False])
@pytest.mark.parametrize("asks", ["", "basic", "bearer"])
def test_the_digest_of_a_tag(asks: str, names: bool) -> None:
    with running(Registry(asks, names)) as address:
        assert digest(f"{address}/team/it:1", lambda _: LOGIN) == DIGEST


@pytest.mark.parametrize(
    ("how", "tag", "said", "hint"),
    [
        ({}, "2", "manifest unknown", "no such image"),
        ({"asks": "basic"}, "1", "unauthorized", "docker login"),
        ({"asks": "bearer"}, "1", "unauthorized", "docker login"),
        ({"asks": "plain"}, "1", "plain HTTP", "HTTPS"),
        ({"status": 429}, "1", "toomanyrequests", "docker login"),
        ({"status": 500}, "1", "status 500", "doctor"),
    ],
)
def test_what_a_registry_refuses_is_told(
    how: dict[str, Any], tag: str, said: str, hint: str
) -> None:
    with running(Registry(**how)) as address:
        with pytest.raises(ContainerError, match=said) as caught:
            digest(f"{address}/team/it:{tag}", nobody)
        assert hint in caught.value.hint


def test_a_login_that_is_wrong_is_told() -> None:
    with running(Registry("basic")) as address, pytest.raises(ContainerError, match="unauthorized"):
        digest(f"{address}/team/it:1", lambda _: ("me", "wrong"))


def test_where_nothing_answers() -> None:
    with pytest.raises(UnreachableError, match="cannot be resolved"):
        digest("127.0.0.1:1/team/it:1", nobody)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("python:3.11", ("registry-1.docker.io", "library/python", "3.11")),
        ("python", ("registry-1.docker.io", "library/python", "latest")),
        ("vllm/vllm-openai:v1", ("registry-1.docker.io", "vllm/vllm-openai", "v1")),
        ("docker.io/vllm/it:1", ("registry-1.docker.io", "vllm/it", "1")),
        ("ghcr.io/a/b/c:1", ("ghcr.io", "a/b/c", "1")),
        ("localhost:5000/a", ("localhost:5000", "a", "latest")),
        ("localhost/a:1", ("localhost", "a", "1")),
    ],
)
def test_references_mean_what_engines_mean(text: str, meant: tuple[str, str, str]) -> None:
    found = Reference.of(text)
    assert (found.host, found.repository, found.tag) == meant
    assert found.url.startswith("http://" if "localhost" in text else "https://")
