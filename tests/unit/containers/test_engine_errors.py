"""The way to the container engine, without one: sockets that are dead or speak strangely."""

import http.server
import json
import re
import shutil
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from smallscale_ci.containers import client
from smallscale_ci.containers.connect import connect
from smallscale_ci.containers.docker import DockerEngine
from smallscale_ci.errors import ContainerError


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class _NetworkServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True


@contextmanager
def answering(
    address: str | tuple[str, int],
    answers: dict[str, tuple[int, object]],
    slow: str = "none",
    context: ssl.SSLContext | None = None,
) -> Iterator[dict[str, str]]:
    """A socket whose HTTP answers are given, as podman's or an old docker's would be."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            path = self.path.partition("?")[0]
            for name, (code, value) in answers.items():
                if path.endswith(name):
                    body = json.dumps(value).encode()
                    time.sleep(1.0 if name == slow else 0.0)
                    self.send_response(code)
                    self.send_header("Content-Type", "application/json")
                    self.send_header("Content-Length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)
                    return
            self.send_error(404)

        do_GET = do_HEAD = do_POST = _answer  # noqa: N815

        def address_string(self) -> str:
            return "unix"

        def log_message(self, *arguments: object) -> None:
            pass

    local = isinstance(address, str)
    with (_Server if local else _NetworkServer)(address, Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        port = "" if local else server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield {"DOCKER_HOST": f"unix://{address}" if local else f"tcp://127.0.0.1:{port}"}
        finally:
            server.shutdown()


def test_no_engine(tmp_path):
    with pytest.raises(ContainerError, match="no container engine answers") as caught:
        connect({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert "podman.socket" in caught.value.hint
    assert "--runtime local" in caught.value.hint


def test_an_engine_that_is_reached_by_ssh_sees_none_of_our_folders():
    with pytest.raises(ContainerError, match="does not see the folders"):
        connect({"DOCKER_HOST": "ssh://somebody@elsewhere"})


def test_an_engine_that_is_too_old(tmp_path):
    answers = {"/version": (200, {"ApiVersion": "1.30"}), "/_ping": (200, "OK")}
    with (
        answering(str(tmp_path / "s"), answers) as environment,
        pytest.raises(ContainerError, match=r"too old|no container engine"),
    ):
        connect(environment)


def test_podman_s_socket_is_known_for_what_it_is(tmp_path):
    version = {"ApiVersion": "1.41", "Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}
    info = {"MemTotal": 8 << 30, "NCPU": 4, "SecurityOptions": ["name=seccomp", "name=rootless"]}
    answers = {"/version": (200, version), "/_ping": (200, "OK"), "/info": (200, info)}
    with answering(str(tmp_path / "s"), answers) as environment:
        engine = connect(environment)
        assert isinstance(engine, DockerEngine)
        about = engine.about()
    assert (about.name, about.version, about.rootless) == ("podman", "4.3.1", True)
    assert about.memory == 8 << 30


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [
        (
            'could not select device driver "nvidia" with capabilities: [[gpu]]',
            "NVIDIA Container Toolkit",
        ),
        (
            'invalid mount config for type "bind": bind source path does not exist: /runs/work',
            "same paths",
        ),
    ],
)
def test_what_the_engine_says_is_passed_on_with_a_remedy(tmp_path, refusal, hint):
    version = {"ApiVersion": "1.41", "Version": "20"}
    answers = {
        "/version": (200, version),
        "/_ping": (200, "OK"),
        "/containers/abc/start": (500, {"message": refusal}),
    }
    with (
        answering(str(tmp_path / "s"), answers) as environment,
        pytest.raises(ContainerError, match=re.escape(refusal)) as caught,
    ):
        connect(environment).start("abc")
    assert hint in caught.value.hint


def test_a_registry_that_has_had_enough_of_strangers(tmp_path):
    """Asked by the engine, where it is not reached from here."""
    limit = "toomanyrequests: You have reached your pull rate limit."
    answers = {
        "/version": (200, {"ApiVersion": "1.41"}),
        "/_ping": (200, "OK"),
        "/info": (200, {}),
        "/distribution/127.0.0.1:1/vllm/json": (500, {"message": limit}),
    }
    with (
        answering(str(tmp_path / "s"), answers) as environment,
        pytest.raises(ContainerError, match="pull rate limit") as caught,
    ):
        connect(environment).resolve("127.0.0.1:1/vllm")
    assert "docker login" in caught.value.hint


def test_a_registry_that_is_silent_for_long_while_it_takes_in_a_large_layer(tmp_path, monkeypatch):
    monkeypatch.setattr(client, "_TIMEOUT_S", 0.3)
    pushed = {"aux": {"Digest": "sha256:" + "a" * 64}}
    answers = {
        "/version": (200, {"ApiVersion": "1.41"}),
        "/_ping": (200, "OK"),
        "/push": (200, pushed),
    }
    with answering(str(tmp_path / "s"), answers, slow="/push") as environment:
        assert connect(environment).push("127.0.0.1:1/i", "1") == pushed["aux"]["Digest"]


def test_a_container_that_prints_nothing_for_long(tmp_path, monkeypatch):
    """Podman does not even send a header before the container prints something."""
    monkeypatch.setattr(client, "_TIMEOUT_S", 0.3)
    state = {
        "ExitCode": 0,
        "StartedAt": "2026-01-31T00:00:00Z",
        "FinishedAt": "2026-01-31T00:01:30Z",
    }
    answers = {
        "/version": (200, {"ApiVersion": "1.41"}),
        "/_ping": (200, "OK"),
        "/logs": (200, ""),
        "/abc/json": (200, {"Config": {"Tty": True}, "State": state}),
        "/wait": (200, {"StatusCode": 0}),
    }
    with answering(str(tmp_path / "s"), answers, slow="/logs") as environment:
        ended = connect(environment).follow("abc", lambda chunk: None)
    assert (ended.code, ended.seconds) == (0, 90.0)


def test_an_engine_behind_tls_as_docker_itself_is_told_of_it(tmp_path, monkeypatch):
    """`docker:dind` is one: DOCKER_TLS_VERIFY and DOCKER_CERT_PATH say how it is spoken to."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # come first with requests
        monkeypatch.delenv(name, raising=False)
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, certificate = str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-nodes", "-newkey", "rsa:2048", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    shutil.copy(certificate, tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    answers = {"/version": (200, {"ApiVersion": "1.41", "Version": "9"}), "/_ping": (200, "OK")}
    answers["/info"] = (200, {})
    with answering(("127.0.0.1", 0), answers, context=context) as environment:
        told = {**environment, "DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
        assert connect(told).about().version == "9"
        with pytest.raises(ContainerError, match="no container engine answers"):
            connect({**told, "DOCKER_CERT_PATH": str(tmp_path / "none")})


def test_an_engine_that_goes_away(tmp_path):
    answers = {"/version": (200, {"ApiVersion": "1.41"}), "/_ping": (200, "OK")}
    with answering(str(tmp_path / "s"), answers) as environment:
        engine = connect(environment)
    (tmp_path / "s").unlink()
    with pytest.raises(ContainerError, match="stopped answering") as caught:
        engine.about()
    assert "--resume" in caught.value.hint
