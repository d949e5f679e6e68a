"""A container as a value, and that value in the form of the engine's API. Pure.

All our containers run without a network and without capabilities, as an unprivileged user, on
a read-only root, in bounded memory, processes and time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

GIB = 1 << 30
RUN, RANK, HOST, PROCESS, BORN, DEADLINE = (
    f"ci.smallscale.{word}" for word in ("run", "rank", "host", "process", "born", "deadline")
)
WORKER, WORK, MODEL, CACHE = "/opt/smallscale/worker", "/work", "/checkpoint", "/cache"

_GRACE_S = 10  # between the two signals of the deadline
_STACK = 64 << 20
_LOCKED = 64 << 10  # without GPUs: nothing needs more, and every engine is allowed to set it
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONUNBUFFERED": "1",
    # Without a network there is one interface, and only the name localhost.
    "VLLM_HOST_IP": "127.0.0.1",
    "GLOO_SOCKET_IFNAME": "lo",
    "NCCL_SOCKET_IFNAME": "lo",
    # The user has no entry in the image's passwd, and torch asks for a name and a home.
    "USER": "engine",
    "LOGNAME": "engine",
    "HOME": "/tmp",  # noqa: S108 - a tmpfs of the container
    "XDG_CACHE_HOME": CACHE,
    "VLLM_CACHE_ROOT": f"{CACHE}/vllm",
    "TRITON_CACHE_DIR": f"{CACHE}/triton",
    "TORCHINDUCTOR_CACHE_DIR": f"{CACHE}/inductor",
}


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of this machine in the container."""

    source: Path
    target: str
    read_only: bool = True


@dataclass(frozen=True, slots=True)
class Spec:
    """What is needed to create one container. Sizes in bytes, times in seconds."""

    name: str
    image: str  # by digest
    command: tuple[str, ...]
    mounts: tuple[Mount, ...]
    user: str  # "uid:gid"
    memory: int
    deadline_s: int
    environment: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    gpus: tuple[str, ...] = ()  # ids (0, GPU-…) or CDI names (nvidia.com/gpu=0)
    pids: int = 4096
    shm: int = 8 * GIB
    tmp: int = 8 * GIB
    groups: tuple[int, ...] = ()  # further ones of the user
    userns: str = ""  # "keep-id" for podman without root, "host" where docker maps ids
    ulimits: Mapping[str, int] = field(default_factory=dict)  # more of them, by name


def worker_command(rank: int, work: str = WORK) -> tuple[str, ...]:
    """The command that starts the mounted worker of ``rank`` in any engine image."""
    return ("python3", WORKER, "--work", work, "--rank", str(rank))


def checkpoint_mounts(folder: Path) -> tuple[Mount, ...]:
    """Mounts that show the checkpoint ``folder`` as ``/checkpoint``.

    A folder of links to other places (such as the hub's cache) is mounted file by file: nothing
    else there becomes visible.
    """
    folder = folder.resolve()
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    if all(path.resolve().is_relative_to(folder) for path in files):
        return (Mount(folder, MODEL),)
    return tuple(
        Mount(path.resolve(), str(PurePosixPath(MODEL, path.relative_to(folder).as_posix())))
        for path in files
    )


def device_requests(gpus: tuple[str, ...]) -> list[dict[str, Any]]:
    """GPUs as the engine's API asks for them: by id, or by CDI name."""
    names = [gpu for gpu in gpus if "=" in gpu]
    ids = [gpu for gpu in gpus if "=" not in gpu]
    requests: list[dict[str, Any]] = []
    if ids:
        requests.append({"Driver": "nvidia", "DeviceIDs": ids, "Capabilities": [["gpu"]]})
    if names:
        requests.append({"Driver": "cdi", "DeviceIDs": names})
    return requests


def api(spec: Spec) -> dict[str, Any]:
    """The body of the API's ``POST /containers/create``."""
    # The deadline is enforced in the container, so it holds even if the host is gone.
    deadline = ["timeout", f"--kill-after={_GRACE_S}", str(spec.deadline_s)]
    return {
        "Image": spec.image,
        "Entrypoint": [*deadline, *spec.command],  # instead of the image's own
        "Cmd": [],
        "User": spec.user,
        "WorkingDir": "/tmp",  # noqa: S108
        "Hostname": "localhost",  # the one name that resolves without a network
        "NetworkDisabled": True,
        "Env": [f"{key}={value}" for key, value in {**_OFFLINE, **spec.environment}.items()],
        "Labels": dict(spec.labels),
        "Healthcheck": {"Test": ["NONE"]},
        "StopSignal": "SIGTERM",
        "HostConfig": _host_config(spec),
    }


def _host_config(spec: Spec) -> dict[str, Any]:
    config: dict[str, Any] = {
        "NetworkMode": "none",
        "ReadonlyRootfs": True,
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "Privileged": False,
        "Init": True,
        "IpcMode": "private",
        "GroupAdd": [str(group) for group in spec.groups],
        "Memory": spec.memory,
        "MemorySwap": spec.memory,  # equal to the memory limit: no swap
        "PidsLimit": spec.pids,
        "ShmSize": spec.shm,
        "Ulimits": _ulimits(spec),
        # Executable, because compilers of kernels put libraries there.
        "Tmpfs": {"/tmp": f"rw,exec,nosuid,nodev,mode=1777,size={spec.tmp}"},  # noqa: S108
        "Mounts": [
            {
                "Type": "bind",
                "Source": str(mount.source),
                "Target": mount.target,
                "ReadOnly": mount.read_only,
            }
            for mount in spec.mounts
        ],
        "RestartPolicy": {"Name": "no"},
        # Output is streamed to the run folder; the engine's copy stays small.
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "32m", "max-file": "2"}},
        "DeviceRequests": device_requests(spec.gpus),
    }
    if spec.userns:
        config["UsernsMode"] = spec.userns
    return config


def _ulimits(spec: Spec) -> list[dict[str, Any]]:
    # GPUs need unlimited locked memory, which an engine in a sandbox may not allow.
    locked = -1 if spec.gpus else _LOCKED
    limits = {"stack": _STACK, "core": 0, "memlock": locked, **spec.ulimits}
    return [{"Name": name, "Soft": value, "Hard": value} for name, value in limits.items()]
