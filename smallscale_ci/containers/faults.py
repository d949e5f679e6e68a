"""Errors of the engine, or of the connection to it, as ``ContainerError`` with a remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import docker
import requests

from smallscale_ci.containers.remedies import remedy
from smallscale_ci.errors import ContainerError


@contextmanager
def told(what: str) -> Iterator[None]:
    """Turn whatever the engine or the connection raises into a ``ContainerError``."""
    try:
        yield
    except docker.errors.APIError as error:
        cause = str(error.explanation or error).strip().rstrip(".")
        raise ContainerError(f"{what}: {cause}.", remedy(cause)) from error
    except (docker.errors.DockerException, requests.RequestException, OSError) as error:
        raise ContainerError(
            f"{what}: the container engine stopped answering ({innermost(error)}).",
            "Start it again. What is complete is on disk: continue with --resume.",
        ) from error


def refuse(line: Mapping[str, Any], what: str) -> None:
    """Raise ``ContainerError`` if ``line`` of a stream is an error."""
    if line.get("error"):
        cause = str(line["error"]).strip().rstrip(".")
        raise ContainerError(f"{what}: {cause}.", remedy(cause))


def innermost(error: BaseException) -> str:
    """The innermost sentence of a nested connection error."""
    while error.__context__ is not None:
        error = error.__context__
    return str(error) or type(error).__name__
