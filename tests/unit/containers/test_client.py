"""The way to the container engine: sockets that are dead, forbidden or speak strangely."""

import os
import shutil
import socket
import ssl
import subprocess

import pytest
from helpers.engine_socket import answering

from smallscale_ci.containers.client import numbers, reach
from smallscale_ci.containers.connect import connect
from smallscale_ci.errors import ContainerError


def test_no_engine(tmp_path):
    with pytest.raises(ContainerError, match="No container engine answers") as caught:
        connect({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"})
    assert "podman.socket" in caught.value.hint
    assert "--runtime local" in caught.value.hint


def test_an_engine_that_is_reached_by_ssh_sees_none_of_our_folders():
    with pytest.raises(ContainerError, match="cannot see the folders"):
        connect({"DOCKER_HOST": "ssh://somebody@elsewhere"})


def test_an_engine_that_is_too_old(tmp_path):
    answers = {"/version": (200, {"ApiVersion": "1.30"}), "/_ping": (200, "OK")}
    with (
        answering(str(tmp_path / "s"), answers) as environment,
        pytest.raises(ContainerError, match=r"too old|no container engine"),
    ):
        connect(environment)


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
        with pytest.raises(ContainerError, match="No container engine answers"):
            connect({**told, "DOCKER_CERT_PATH": str(tmp_path / "none")})


ALIVE = {"/version": (200, {"ApiVersion": "1.41", "Version": "20"}), "/_ping": (200, "OK")}


def test_the_first_that_answers_is_taken_and_dead_ones_are_passed_over(tmp_path):
    dead, alive = str(tmp_path / "dead"), str(tmp_path / "alive")
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(dead)  # and nobody listens: what a killed daemon leaves
    with answering(alive, ALIVE):
        sockets = ["ssh://elsewhere", f"unix://{dead}", f"unix://{alive}"]
        client, patient, url = reach(sockets, {})
        assert url == f"unix://{alive}"
        assert (client.api.timeout, patient.api.timeout) == (60, None)
        for each in (client, patient):
            each.close()
    with pytest.raises(ContainerError) as caught:
        reach(sockets, {})
    assert all(place in caught.value.message for place in sockets)


def test_where_no_socket_is_there_that_is_what_is_told():
    with pytest.raises(ContainerError, match="there is no docker or podman socket"):
        reach([], {})


def test_a_socket_that_one_may_not_use_is_a_matter_of_groups(tmp_path):
    user = os.geteuid()
    with answering(str(tmp_path / "s"), ALIVE):
        (tmp_path / "s").chmod(0)
        try:
            os.seteuid(user or 65534)  # root may use every socket
            with pytest.raises(ContainerError, match="No container engine is accessible") as caught:
                reach([f"unix://{tmp_path}/s"], {})
        finally:
            os.seteuid(user)
    assert "usermod -aG docker" in caught.value.hint


@pytest.mark.parametrize(
    ("version", "found"),
    [("1.41", (1, 41)), ("5.4.0-dev", (5, 4)), ("24.0.5+azure", (24, 0)), ("", ())],
)
def test_versions_are_ordered_by_their_numbers(version, found):
    assert numbers(version) == found
    assert numbers("1.9") < numbers("1.41")
