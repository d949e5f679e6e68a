"""Every error of the container engine is one of ours, with its cause and a remedy."""

import docker
import pytest
import requests

from smallscale_ci.containers import faults
from smallscale_ci.errors import ContainerError


def test_what_the_engine_answers_is_passed_on_without_its_stop():
    with pytest.raises(ContainerError) as error, faults.told("it cannot be started"):
        raise docker.errors.APIError("500", explanation="no space left on device.")
    assert error.value.message == "it cannot be started: no space left on device."
    assert error.value.hint


def nested() -> None:
    try:
        raise OSError("connection refused")  # noqa: TRY301
    except OSError as cause:
        raise requests.ConnectionError("max retries exceeded") from cause


def test_of_nested_errors_the_innermost_is_told():
    reason = r"stopped answering \(connection refused\)"
    with pytest.raises(ContainerError, match=reason), faults.told("it cannot be listed"):
        nested()
    assert faults.innermost(TimeoutError()) == "TimeoutError"


def test_an_error_that_comes_as_a_line_of_a_stream_is_one():
    faults.refuse({"status": "Pulling"}, "it cannot be pulled")
    with pytest.raises(ContainerError, match=r"^it cannot be pulled: manifest unknown\.$"):
        faults.refuse({"error": "manifest unknown"}, "it cannot be pulled")
