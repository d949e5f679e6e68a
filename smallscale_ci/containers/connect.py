"""Which container engine the environment means."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from smallscale_ci.containers import memory
from smallscale_ci.containers.interface import Engine

# Variables that say where the engine is and how to talk to it.
VARIABLES = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "XDG_RUNTIME_DIR")


def connect(environment: Mapping[str, str]) -> Engine:
    """The engine at DOCKER_HOST, or the first that answers on one of the usual sockets.

    ``memory:NAME`` is an engine in this process. Raises ``ContainerError`` if none answers or if it
    is too old.
    """
    host = environment.get("DOCKER_HOST", "")
    if host.startswith(memory.SCHEME):
        return memory.engine(host.removeprefix(memory.SCHEME))
    from smallscale_ci.containers.client import reach
    from smallscale_ci.containers.docker import DockerEngine

    return DockerEngine(*reach(sockets(environment), environment))


def sockets(environment: Mapping[str, str]) -> list[str]:
    """Where an engine may be: only DOCKER_HOST if it is set, else the usual sockets."""
    if environment.get("DOCKER_HOST"):
        return [environment["DOCKER_HOST"]]
    own = environment.get("XDG_RUNTIME_DIR")
    paths = ["/var/run/docker.sock"]
    paths += [f"{own}/docker.sock", f"{own}/podman/podman.sock"] if own else []
    paths.append("/run/podman/podman.sock")
    return [f"unix://{path}" for path in paths if Path(path).exists()]
