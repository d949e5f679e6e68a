"""Linux namespaces through ``unshare``: needs util-linux, and a kernel that allows them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from smallscale_ci.sandbox import cell
from smallscale_ci.sandbox.interface import Finished, Limits

_NAMESPACES = ("--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child")


@dataclass(frozen=True, slots=True)
class Namespaces:
    """A cell of mount, network, ipc, uts and pid namespaces that ``jail`` fills."""

    tools = ("unshare", "setpriv")

    @property
    def name(self) -> str:
        """See ``interface.Sandbox``."""
        return "namespaces"

    def run(self, program: str, given: bytes, limits: Limits) -> Finished:
        """See ``interface.Sandbox``."""
        # The worker's death kills unshare, which kills process 1 of the cell and everything in it.
        command = ["setpriv", "--pdeathsig", "KILL", "unshare", *_NAMESPACES]
        if os.geteuid():
            command += ["--user", "--map-root-user"]  # root needs no user namespace
        return cell.run(command, program, given, limits, uid=cell.own_uid(), built=False)

    def clean(self) -> None:
        """Nothing outlives its worker."""


def find(
    lock: Path, environment: Mapping[str, str], nonce: str, now: Callable[[], datetime]
) -> Namespaces:
    """The sandbox, where its programs are installed. Raises ``SandboxUnavailable``."""
    del lock, environment, nonce, now  # only for containers
    cell.need(*Namespaces.tools)
    return Namespaces()
