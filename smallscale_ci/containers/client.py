"""The container engine's client: the first that answers on one of the usual sockets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import docker
import requests

from smallscale_ci.containers.faults import innermost
from smallscale_ci.errors import ContainerError

_TIMEOUT_S = 60
_OLDEST_API = "1.41"  # engine 20.10
_START = (
    "Start it (`systemctl start docker`, or `systemctl --user start podman.socket`), point "
    "DOCKER_HOST at it, or run the engine without containers (--runtime local)."
)


def reach(sockets: Sequence[str], environment: Mapping[str, str]) -> tuple[Any, Any, str]:
    """Returns a client, one without timeouts, and the first of ``sockets`` that answers.

    Raises ``ContainerError`` when no engine answers, or when it is too old.
    """
    problems = []
    for url in sockets:
        if url.startswith("ssh:"):
            problems.append(f"{url}: another machine's engine cannot see the folders of this one")
            continue
        try:
            options = {"base_url": url, **_security(environment)}
            client = docker.DockerClient(timeout=_TIMEOUT_S, version="auto", **options)
            client.ping()
        except (docker.errors.DockerException, requests.RequestException) as error:
            problems.append(f"{url or 'DOCKER_HOST'}: {innermost(error)}")
            continue
        found = str(client.api.api_version)
        if numbers(found) < numbers(_OLDEST_API):
            raise ContainerError(
                f"The container engine's API {found} is too old.",
                "Docker 20.10 or podman 4 is needed.",
            )
        return client, docker.DockerClient(timeout=None, version=found, **options), url
    if any("ermission denied" in problem for problem in problems):
        hint = (
            "Join the group docker (`sudo usermod -aG docker $USER`), or run the engine "
            "without containers (--runtime local)."
        )
        raise ContainerError(f"No container engine is accessible ({problems[0]}).", hint)
    tried = "; ".join(problems) or "there is no docker or podman socket"
    raise ContainerError(f"No container engine answers ({tried}).", _START)


def _security(environment: Mapping[str, str]) -> dict[str, Any]:
    """TLS settings, from the same environment variables as docker's own."""
    if not environment.get("DOCKER_TLS_VERIFY"):
        return {}
    return {"tls": docker.utils.kwargs_from_env(environment=dict(environment))["tls"]}


def numbers(version: str) -> tuple[int, ...]:
    """``1.41`` as (1, 41), for comparing versions."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())
