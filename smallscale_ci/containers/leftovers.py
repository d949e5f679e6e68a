"""Containers that a killed host left behind: found by their labels, and removed."""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from smallscale_ci.containers import spec
from smallscale_ci.containers.interface import Container, Engine


def owner(now: float, deadline_s: float) -> dict[str, str]:
    """Labels that name a container's owner and its deadline. ``now`` in seconds since the epoch."""
    return {
        spec.HOST: _here(),
        spec.PROCESS: str(os.getpid()),
        spec.BORN: _born(os.getpid()),
        spec.DEADLINE: str(int(now + deadline_s)),
    }


def is_left(labels: Mapping[str, str], now: float) -> bool:
    """Whether a container is left over: its host process has ended, or its deadline has passed."""
    with suppress(ValueError):
        if now > float(labels.get(spec.DEADLINE, "inf")):
            return True
    if labels.get(spec.HOST) != _here():
        return False  # of another machine or container on this engine: only the deadline is known
    try:
        process = int(labels.get(spec.PROCESS, ""))
    except ValueError:
        return True
    return not _lives(process) or _born(process) != labels.get(spec.BORN, "")


def leftovers(engine: Engine, now: float) -> list[Container]:
    """Our containers that were left over. Raises ``ContainerError``."""
    ours = engine.labelled(**{spec.RUN: None})
    return [container for container in ours if is_left(container.labels, now)]


def clean(engine: Engine, now: float) -> list[Container]:
    """Remove what killed hosts left; returns what was removed. Raises ``ContainerError``."""
    found = leftovers(engine, now)
    for container in found:
        engine.remove(container.id)
    return found


def remove_run(engine: Engine, run_id: str) -> None:
    """Remove every container of a run. Raises ``ContainerError``.

    Runs that share an engine have one label: their ids, joined by commas.
    """
    wanted = set(run_id.split(","))
    for container in engine.labelled(**{spec.RUN: None}):
        if wanted & set(container.labels.get(spec.RUN, "").split(",")):
            engine.remove(container.id)


def _here() -> str:
    """The scope of a process id: this machine, and the PID namespace on it.

    A CI job in a container has its own process ids, and may share its host's name and engine.
    """
    namespace = ""
    with suppress(OSError):
        namespace = str(Path("/proc/self/ns/pid").readlink())
    return f"{socket.gethostname()} {namespace}".strip()


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _born(process: int) -> str:
    """When a process started, in the kernel's ticks, because process ids are reused."""
    try:
        text = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    return text.rpartition(")")[2].split()[19]
