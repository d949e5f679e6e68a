"""Where podman, through its docker-compatible socket, is not docker."""

from __future__ import annotations

import resource
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from smallscale_ci.errors import ContainerError

_TAKES_GPUS = (5, 4)  # older ones overlook every request for a device, without a word
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


def device_requests(
    requests: Sequence[Mapping[str, Any]], version: tuple[int, ...]
) -> list[dict[str, Any]]:
    """``requests`` for GPUs by their CDI names: podman overlooks all others.

    Raises ``ContainerError`` where this ``version`` overlooks these, too.
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
