"""Which sandbox this machine's programs run in: tried once for each run, with the reason."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from smallscale_ci.errors import JudgeError, UsageError, did_you_mean
from smallscale_ci.sandbox import container
from smallscale_ci.sandbox.bubblewrap import Bubblewrap
from smallscale_ci.sandbox.interface import Limits, Sandbox, SandboxUnavailable
from smallscale_ci.sandbox.namespaces import Namespaces

AUTO = "auto"
ORDER = ("container", "bubblewrap", "namespaces")  # the strongest first
_TRIAL = Limits(seconds=20.0)


@dataclass(frozen=True, slots=True)
class SandboxChoice:
    """A sandbox, or none, and why."""

    sandbox: Sandbox | None
    reason: str

    def record(self) -> dict[str, str]:
        """As manifests hold it."""
        return {"name": self.sandbox.name if self.sandbox else "none", "reason": self.reason}


def choose(wanted: str, lock: Path, environment: Mapping[str, str], *, nonce: str) -> SandboxChoice:
    """The sandbox called ``wanted``, or with ``auto`` the first that works.

    ``lock`` is the image lock; ``environment`` says where a container engine is; ``nonce`` is a
    word that no other judging on this machine has. Raises
    ``UsageError`` for an unknown name and ``JudgeError`` where one that is named does not work.
    """
    if wanted != AUTO and wanted not in ORDER:
        raise UsageError(
            f"there is no sandbox '{wanted}'{did_you_mean(wanted, ORDER)}.",
            f"Known are: {', '.join((AUTO, *ORDER))}.",
        )
    failures: list[str] = []
    for name in ORDER if wanted == AUTO else (wanted,):
        try:
            return SandboxChoice(
                _tried(name, lock, environment, nonce), "; ".join(failures) or _asked(wanted)
            )
        except SandboxUnavailable as error:
            failures.append(f"{name}: {error}")
    if wanted != AUTO:
        raise JudgeError(
            f"the sandbox '{wanted}' cannot be used. {failures[0]}",
            "`--sandbox auto` takes one that works; `smallscale doctor` shows which.",
        )
    return SandboxChoice(None, "; ".join(failures))


def _asked(wanted: str) -> str:
    return "the first choice" if wanted == AUTO else "asked for"


def _tried(name: str, lock: Path, environment: Mapping[str, str], nonce: str) -> Sandbox:
    """The sandbox, after a trial run. Raises ``SandboxUnavailable``."""
    sandbox = _FINDERS[name](lock, environment, nonce)
    done = sandbox.run(f"print('{nonce}')", b"", _TRIAL)
    if done.output.decode("utf-8", "replace") != f"{nonce}\n":
        raise SandboxUnavailable(f"a trial run failed: {done.error.strip()[-200:] or done.status}")
    return sandbox


def _namespaces(_: Path, __: Mapping[str, str], ___: str) -> Sandbox:
    _need(Namespaces.tools)
    return Namespaces()


def _bubblewrap(_: Path, __: Mapping[str, str], ___: str) -> Sandbox:
    _need(Bubblewrap.tools)
    return Bubblewrap()


def _need(tools: tuple[str, ...]) -> None:
    if sys.platform != "linux":
        raise SandboxUnavailable(f"there are no namespaces on {sys.platform}")
    for tool in tools:
        if shutil.which(tool) is None:
            raise SandboxUnavailable(f"the program {tool} is not installed")


_FINDERS: dict[str, Callable[[Path, Mapping[str, str], str], Sandbox]] = {
    "container": container.find,
    "bubblewrap": _bubblewrap,
    "namespaces": _namespaces,
}
