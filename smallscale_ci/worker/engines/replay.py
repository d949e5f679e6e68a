"""The replay engine: repeats stored completions at a chosen speed.

``model`` is a JSON Lines file of completions (the lines of an out file, without checksums). It is
a real engine as far as the work folder can tell, so resuming, chaos and scheduling are tested with
it, and stored outputs can be judged or gated again without a GPU.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from typing import Any, BinaryIO

from .interface import (
    ABORT,
    ERROR,
    LENGTH,
    STOP,
    Completion,
    Request,
    StartError,
    failed,
    prompt_hash,
)

# Optional fields of a stored completion: an endpoint's has no token ids to count.
_KEPT = ("completion_tokens", "thinking", "thinking_tokens", "logprobs")


class ReplayAdapter:
    """Completions by (problem_id, sample_index); each takes tokens / tokens_per_second."""

    def __init__(self, job: dict[str, Any]) -> None:
        self._path = Path(job["model"])
        args = job.get("engine_args", {})
        self._speed = float(args.get("tokens_per_second", 0))
        self._start_s = float(args.get("start_s", 0))
        self._stream: BinaryIO
        self._offsets: dict[tuple[str, int], int] = {}  # texts stay on disk

    async def start(self) -> None:
        """Read the stored completions. Raises ``StartError``."""
        await asyncio.sleep(self._start_s)
        try:
            self._stream = self._path.open("rb")
            offset = 0
            for line in self._stream:
                value = json.loads(line)
                self._offsets[(value["problem_id"], value["sample_index"])] = offset
                offset += len(line)
        except (OSError, ValueError, KeyError) as error:
            raise StartError(
                f"stored completions cannot be read from {self._path}: {error}"
            ) from error

    async def generate(self, request: Request) -> Completion:
        """The stored completion of this sample, or an ERROR when there is none."""
        hashed = prompt_hash(request.messages)
        if request.refused:
            return failed(request.refused, prompt_hash=hashed)
        offset = self._offsets.get((request.problem_id, request.sample_index))
        if offset is None:
            return failed("no stored completion for this sample", prompt_hash=hashed)
        self._stream.seek(offset)
        value = json.loads(self._stream.readline())
        if value.get("kills"):  # a stored crash, as an engine's on a poisonous prompt
            os.kill(os.getpid(), signal.SIGKILL)
        if value["finish_reason"] not in (STOP, LENGTH, ABORT, ERROR):
            return failed(f"unknown finish reason '{value['finish_reason']}'", prompt_hash=hashed)
        if self._speed:
            await asyncio.sleep(len(value["token_ids"]) / self._speed)
        return Completion(
            value["text"],
            value["token_ids"],
            value["prompt_tokens"],
            value["finish_reason"],
            hashed,
            value.get("error", ""),
            {name: value[name] for name in _KEPT if value.get(name) is not None},
        )

    async def switch(self, job: dict[str, Any]) -> None:
        """Stored completions do not depend on the job."""

    async def close(self) -> None:
        """Nothing to free."""

    def info(self) -> dict[str, Any]:
        """The engine's name; stored outputs carry their own provenance."""
        return {"engine": "replay", "version": "1", "device": "none", "settings": {}}
