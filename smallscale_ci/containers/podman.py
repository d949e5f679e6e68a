"""Where podman, through its docker-compatible socket, is not docker."""

from __future__ import annotations

import resource
from collections.abc import Collection
from pathlib import Path
from typing import Any

_PROCESSES = Path("/proc/sys/kernel/pid_max")


def more_limits(named: Collection[str]) -> list[dict[str, Any]]:
    """Limits of files and processes that podman's root service may set wherever we may.

    Without any it takes the most that the kernel knows, which it may not where it is confined
    itself. Limits that are ``named`` already are left alone.
    """
    if not _PROCESSES.exists():
        return []  # no Linux: the service is in a virtual machine
    processes = int(_PROCESSES.read_text(encoding="ascii"))
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    limits = {"nofile": files, "nproc": processes if most < 0 else min(processes, most)}
    return [
        {"Name": name, "Soft": value, "Hard": value}
        for name, value in limits.items()
        if name not in named
    ]
