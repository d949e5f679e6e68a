"""A rank's actor on a Ray cluster: its worker, in a folder on its own node."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from smallscale_ci.generate.local import LocalRuntime
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.worker import protocol

_LOG_BYTES = 1 << 20  # of the engine's log, handed over at once


class Outpost:
    """The actor: a work folder and a worker on its node."""

    def __init__(self, job: dict[str, Any], rank: int, python: str, extra: dict[str, str]) -> None:
        self._rank, self._logged = rank, 0
        self._place = Path(tempfile.mkdtemp(prefix="smallscale-"))
        self._folder = self._made(job)
        # The node's own environment, in which Ray names this actor's GPUs.
        # Processes that the engine starts with -c import nothing from the node's current folder.
        environment = {**os.environ, "PYTHONSAFEPATH": "1", **extra}
        self._runtime = LocalRuntime(Path(python or sys.executable), environment)
        self._runtime.start(self._folder.path, rank)
        self._printed = self._folder.path / "log" / f"{rank}.log"

    def _made(self, job: dict[str, Any]) -> WorkFolder:
        folder = WorkFolder(Path(tempfile.mkdtemp(prefix="work-", dir=self._place)))
        folder.__enter__()
        protocol.write_atomically(folder.path / protocol.JOB, job)
        return folder

    def exchange(
        self, items: dict[str, Any], following: dict[str, Any] | None = None
    ) -> dict[str, Any]:
        """Take work items, by file name; return what was completed since the last call.

        ``following`` is the job of the next run, if the one before is complete.
        """
        if following is not None:
            before, self._folder = self._folder.path, self._made(following)
            self._runtime.move(before, self._folder.path)
        for name, item in items.items():
            protocol.write_atomically(self._folder.path / "pending" / name, item)
        code = self._runtime.poll()[self._rank]  # before its last lines are read
        if code is not None:
            self._runtime.kill(self._rank)  # with its children: nothing else here would end them
        return {
            "lines": list(self._folder.completions()),
            "status": self._folder.status(self._rank),
            "code": code,
            "log": self._log(),
        }

    def stop(self, grace_s: float) -> None:
        """Stop the worker and remove its folder."""
        self._folder.ask_to_stop()
        self._runtime.stop(grace_s)
        shutil.rmtree(self._place, ignore_errors=True)

    def _log(self) -> bytes:
        with self._printed.open("rb") as stream:
            stream.seek(self._logged)
            found = stream.read(_LOG_BYTES)
        self._logged += len(found)
        return found
