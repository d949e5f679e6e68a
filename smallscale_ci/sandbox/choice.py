"""The choice of the sandbox on this machine: tried once per run, with the reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast

from smallscale_ci.config.seams import AUTO, SANDBOXES, imported
from smallscale_ci.errors import JudgeError, UsageError, did_you_mean
from smallscale_ci.sandbox.interface import Limits, Sandbox, SandboxUnavailable

_TRIAL = Limits(seconds=20.0)


@dataclass(frozen=True, slots=True)
class SandboxChoice:
    """A sandbox, or none, and why."""

    sandbox: Sandbox | None
    reason: str

    def record(self) -> dict[str, str]:
        """The choice as recorded in manifests."""
        return {"name": self.sandbox.name if self.sandbox else "none", "reason": self.reason}


def choose(
    wanted: str,
    lock: Path,
    environment: Mapping[str, str],
    now: Callable[[], datetime],
    *,
    nonce: str = "alone",
) -> SandboxChoice:
    """The sandbox called ``wanted`` or, with ``auto``, the first that works.

    ``lock`` is the image lock; ``environment`` says where a container engine is; ``nonce`` is a
    word that no other judging on this machine uses; without it, there must be no other. Raises
    ``UsageError`` for an unknown name and ``JudgeError`` if the named one does not work.
    """
    if wanted != AUTO and wanted not in SANDBOXES:
        raise UsageError(
            f"There is no sandbox '{wanted}'{did_you_mean(wanted, SANDBOXES)}.",
            f"Known: {', '.join((AUTO, *SANDBOXES))}.",
        )
    failures: list[str] = []
    for name in SANDBOXES if wanted == AUTO else (wanted,):
        try:
            return SandboxChoice(
                _tried(name, lock, environment, nonce, now), "; ".join(failures) or _asked(wanted)
            )
        except SandboxUnavailable as error:
            failures.append(f"{name}: {error}")
    if wanted != AUTO:
        raise JudgeError(
            f"The sandbox '{wanted}' cannot be used. {failures[0]}",
            "`--sandbox auto` takes one that works; `smallscale doctor` shows which.",
        )
    return SandboxChoice(None, "; ".join(failures))


def _asked(wanted: str) -> str:
    return "the first choice" if wanted == AUTO else "asked for"


def _tried(
    name: str, lock: Path, environment: Mapping[str, str], nonce: str, now: Callable[[], datetime]
) -> Sandbox:
    """The sandbox, after a trial run. Raises ``SandboxUnavailable``."""
    sandbox = cast("Sandbox", imported(SANDBOXES[name])(lock, environment, nonce, now))
    try:
        done = sandbox.run(f"print('{nonce}')", b"", _TRIAL)
    except OSError as error:  # a full disk, say
        raise SandboxUnavailable(f"its files cannot be written: {error}") from error
    if done.output.decode("utf-8", "replace") != f"{nonce}\n":
        raise SandboxUnavailable(f"a trial run failed: {done.error.strip()[-200:] or done.status}")
    return sandbox
