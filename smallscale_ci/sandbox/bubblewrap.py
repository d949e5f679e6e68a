"""Bubblewrap: a sandbox for unprivileged users, as used by Flatpak."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from smallscale_ci.sandbox import cell
from smallscale_ci.sandbox.interface import Finished, Limits

_NAMESPACES = ("--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-pid")
_TMP_BYTES = 64 << 20
_NOBODY = "65534"


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """A cell that ``bwrap`` builds and fills; ``jail`` only sets limits and drops rights."""

    tools = ("bwrap", "setpriv")

    @property
    def name(self) -> str:
        """See ``interface.Sandbox``."""
        return "bubblewrap"

    def run(self, program: str, given: bytes, limits: Limits) -> Finished:
        """See ``interface.Sandbox``."""
        uid = cell.own_uid()
        # The worker's death kills bwrap, and that kills the cell.
        command = ["setpriv", "--pdeathsig", "KILL", "bwrap", "--die-with-parent", *_NAMESPACES]
        if uid:
            command += ["--cap-add", "ALL"]  # the jail needs them to become ``uid``, and drops them
        else:
            command += ["--unshare-user", "--uid", _NOBODY, "--gid", _NOBODY]
        command += _furniture()
        return cell.run(command, program, given, limits, uid=uid, built=True)

    def clean(self) -> None:
        """Nothing outlives its worker."""


def _furniture() -> list[str]:
    """Interpreter and libraries read-only, /proc, a few devices, and 64 MiB of /tmp."""
    options: list[str] = []
    for path in ("/usr", "/bin", "/lib", "/lib64", sys.base_prefix):
        if Path(path).is_symlink():
            options += ["--symlink", str(Path(path).readlink()), path]
        elif path != "/usr" and Path(path).is_relative_to("/usr"):
            continue  # exists already
        else:
            for parent in [*reversed(Path(path).parents)][1:]:  # bwrap's own options need root
                options += ["--perms", "0755", "--dir", str(parent)]
            options += ["--ro-bind-try", path, path]
    options += ["--proc", "/proc", "--tmpfs", "/dev"]
    for device in ("null", "zero", "urandom"):
        options += ["--dev-bind", f"/dev/{device}", f"/dev/{device}"]
    options += ["--remount-ro", "/dev", "--size", str(_TMP_BYTES), "--perms", "1777"]
    return [*options, "--tmpfs", "/tmp", "--chdir", "/tmp", "--remount-ro", "/"]  # noqa: S108


def find(
    lock: Path, environment: Mapping[str, str], nonce: str, now: Callable[[], datetime]
) -> Bubblewrap:
    """The sandbox, where its programs are installed. Raises ``SandboxUnavailable``."""
    del lock, environment, nonce, now  # only for containers
    cell.need(*Bubblewrap.tools)
    return Bubblewrap()
