"""Where podman, through its docker-compatible socket, is not docker."""

from __future__ import annotations

import resource
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from smallscale_ci.errors import ContainerError

_TAKES_GPUS = (5, 4)  # older ones silently ignore every device request
_PROCESSES = Path("/proc/sys/kernel/pid_max")


def more_limits(named: Collection[str]) -> list[dict[str, Any]]:
    """Limits on files and processes that podman's root service can set wherever we can.

    Without any, it asks for the kernel's maximum, which it may not set if it is confined
    itself. Limits that are already ``named`` are left alone.
    """
    if not _PROCESSES.exists():
        return []  # not Linux: the service is in a virtual machine
    processes = int(_PROCESSES.read_text(encoding="ascii"))
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    limits = {"nofile": files, "nproc": processes if most < 0 else min(processes, most)}
    return [
        {"Name": name, "Soft": value, "Hard": value}
        for name, value in limits.items()
        if name not in named
    ]


def device_requests(
    requests: Sequence[Mapping[str, Any]], version: tuple[int, ...]
) -> list[dict[str, Any]]:
    """``requests`` for GPUs by their CDI names: podman ignores all others.

    Raises ``ContainerError`` if this ``version`` ignores these, too.
    """
    if requests and version < _TAKES_GPUS:
        found, needed = (".".join(map(str, each)) for each in (version, _TAKES_GPUS))
        raise ContainerError(
            f"podman {found} gives containers no GPUs through its docker-compatible socket.",
            f"Podman {needed} does, once `nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml` "
            "has named them. Use it, docker, or --runtime local.",
        )
    names = (name for each in requests for name in each["DeviceIDs"])
    named = [name if "=" in name else f"nvidia.com/gpu={name}" for name in names]
    return [{"Driver": "cdi", "DeviceIDs": named}] if named else []
