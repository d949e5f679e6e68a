"""The worker's loop: claim, keep the engine busy, write completions, until told to stop."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from pathlib import Path
from typing import Any

from . import bytecode, claims, protocol
from .engines.interface import (
    LENGTH,
    Adapter,
    Completion,
    EngineDownError,
    Request,
    StartError,
    failed,
)
from .engines.registry import adapter_for
from .loading import without_garbage
from .loops import loops

_POLL_S = 0.05  # how often an idle worker looks for items
_FEW = 32  # requests in flight: with more, an engine is busy enough to wait for _GATHER_S
_GATHER_S = 0.02
_BEAT_S = 1.0
_LATELY = 256  # recent items, whose times predict those in flight
_MANY = 1 << 31  # tokens
_HOST_SILENCE = 60  # beats without a sign of the host after which a worker ends itself


class Worker:
    """One rank: an adapter, its claims and its out file."""

    def __init__(self, work: Path, rank: int, parent: int | None) -> None:
        self.work, self.rank, self.parent = work, rank, parent
        self.first = work  # its job says what to load, even if its run is complete by then
        self.job: dict[str, Any] = {}
        self.state = protocol.STARTING
        self.info: dict[str, Any] = {}
        self.error: dict[str, Any] | None = None
        self.done = 0
        self.load_s = 0.0  # seconds until the engine was loaded
        self.busy_s = 0.0  # seconds with at least one request in flight
        self.waiting_s = 0.0  # seconds with nothing in flight and nothing to claim
        self.ranks = 1  # that share the work, as the host counts them
        self.rates: dict[int, float] = {}  # their tokens/s, as far as the host knows
        self._took_s: deque[float] = deque(maxlen=_LATELY)  # last items, claim to completion
        self.stopping = threading.Event()
        self._plenty = True  # of work, when this rank last looked
        self._running: dict[asyncio.Task[dict[str, Any]], Path] = {}
        self._beats, self._reporting = 0, threading.Lock()

    @property
    def orphan(self) -> bool:
        """Whether the host that started this process is gone."""
        return self.parent is not None and os.getppid() != self.parent

    # -- heartbeat, in a thread of its own: loading a model blocks the loop for minutes -----------

    def beat(self) -> None:
        """Show the host that this rank is alive, and watch whether the host is."""
        # Counts beats, not seconds: a machine that slept has not been abandoned.
        silence, host_value = 0, None
        while True:
            self.report()
            value = protocol.read_json(self.work / "alive" / "host") or host_value
            self.ranks = value[2] if value else 1
            self.rates = {int(rank): rate for rank, rate in value[3].items()} if value else {}
            silence, host_value = (silence + 1, value) if value == host_value else (0, value)
            # A parent process may be quiet while it judges; a host that cannot be seen must show
            # signs.
            silent = self.parent is None and silence > _HOST_SILENCE
            if silent or self.orphan or (self.work / protocol.STOP).exists():
                self.stop()
            self.follow(protocol.STARTING)
            if self.state in {protocol.DONE, protocol.FAILED}:
                return
            time.sleep(_BEAT_S)

    def stop(self) -> None:
        """Stop soon; at once while the engine loads, which cannot be interrupted otherwise."""
        self.stopping.set()
        if self.state == protocol.STARTING:
            if os.getpgrp() == os.getpid():
                os.killpg(0, signal.SIGKILL)  # together with the engine's processes
            os._exit(1)

    def report(self) -> None:
        """Write the heartbeat file."""
        with self._reporting:
            self._write_report(self.state)

    def follow(self, state: str) -> bool:
        """Move to the next work folder that the host names, if this rank is in ``state``.

        Its last heartbeat in the old folder says what it did there, and that it left. What it had
        in flight was completed by another rank.
        """
        if not (self.work / protocol.NEXT).exists():
            return False
        with self._reporting:
            following = protocol.read_json(self.work / protocol.NEXT)
            if following is None or self.state != state:
                return False
            self._write_report(protocol.DONE)
            self.work = Path(following)
            self.done, self.load_s, self.busy_s, self.waiting_s = 0, 0.0, 0.0, 0.0
            self._took_s.clear()
            self._write_report(state)
        return True

    def _write_report(self, state: str) -> None:
        self._beats += 1
        value = {
            "beat": self._beats,
            "pid": os.getpid(),
            "state": state,
            "in_flight": len(self._running),
            "done": self.done,
            "load_s": round(self.load_s, 3),
            "busy_s": round(self.busy_s, 3),
            "waiting_s": round(self.waiting_s, 3),
            "info": self.info,
            "error": self.error,
        }
        try:
            protocol.write_atomically(self.work / "alive" / f"{self.rank}.json", value)
        except OSError as error:  # a full disk: the host notices missing heartbeats, and the log
            print(f"heartbeat not written: {error}", file=sys.stderr, flush=True)  # noqa: T201

    # -- the loop ---------------------------------------------------------------------------------

    async def run(self) -> None:
        """Load the engine, then work through one folder after another until told to stop."""
        here = self.first
        self.job = protocol.read_json(here / protocol.JOB) or {}
        if self.job.get("protocol") != protocol.PROTOCOL:
            raise StartError("job.json is missing or of another version of smallscale.")
        bytecode.keep(self.job["engine"])
        adapter = adapter_for(self.job)
        began = time.monotonic()
        try:
            with without_garbage():
                await adapter.start()
            self.info = adapter.info()
            with self._reporting:
                self.load_s = time.monotonic() - began
                self.state = protocol.READY
            self.report()  # at once: a small run is over before the next beat
            while not self._ends:
                if self.follow(protocol.READY) or self.work != here:
                    here = self.work
                    await self._take_up(adapter)
                    continue
                (here / "claimed" / str(self.rank)).mkdir(parents=True, exist_ok=True)
                with protocol.Out(here / "out" / f"{self.rank}.jsonl") as out:
                    await self._serve(adapter, out)
        finally:
            self._drop()
            await adapter.close()

    async def _take_up(self, adapter: Adapter) -> None:
        """Wait for the job of the folder that this rank was sent to, and switch to it."""
        began = time.monotonic()
        while not self._ends:
            job = protocol.read_json(self.work / protocol.JOB)
            if job is not None:
                break
            await asyncio.sleep(_POLL_S)
        else:
            return
        self.waiting_s += time.monotonic() - began
        names = (self.job.keys() | job.keys()) - set(protocol.OF_A_RUN)
        changed = sorted(name for name in names if self.job.get(name) != job.get(name))
        if changed:
            raise StartError(f"The next run needs another engine: {', '.join(changed)} changed.")
        await adapter.switch(job)
        self.job = job

    def _drop(self) -> None:
        for task in self._running:
            task.cancel()
        self._running.clear()

    async def _serve(self, adapter: Adapter, out: protocol.Out) -> None:
        limit = int(self.job["max_in_flight"])
        last = time.monotonic()
        while not self._ends:
            if self.follow(protocol.READY):
                self._drop()
                return
            self._fill(adapter, limit, 0)
            busy = bool(self._running)
            if len(self._running) > _FEW:
                # Waiting on a thousand tasks takes milliseconds of the loop that feeds the engine.
                await asyncio.sleep(_GATHER_S)
            elif busy:
                await asyncio.wait(
                    self._running, timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED
                )
            else:
                await asyncio.sleep(_POLL_S)
            finished = [task for task in self._running if task.done()]
            # The engine continues while the disk is slow.
            self._fill(adapter, limit, len(finished))
            await self._write(finished, out)
            now = time.monotonic()
            if busy:
                self.busy_s += now - last
            else:
                self.waiting_s += now - last
            last = now

    @property
    def _ends(self) -> bool:
        # An orphan must not claim: the items may belong to the host that resumes the run.
        return self.stopping.is_set() or self.orphan

    def _fill(self, adapter: Adapter, limit: int, finished: int) -> None:
        """Claim until ``limit`` requests are in the engine; ``finished`` are not yet written."""
        slots, flying = claims.slots_of(self.info, limit) + finished, len(self._running)
        room = (limit + finished if self._plenty else slots) - flying
        # Looking for items takes time, too: with many in flight, do not look for a few.
        if room <= limit // _FEW or self._ends:
            return
        if any(path.name.endswith(protocol.ALONE) for path in self._running.values()):
            return
        found = claims.claim(self.work, self.rank, room, flying, self._pace(), slots)
        self._plenty = found.plenty
        for path, item in found.items:
            self._running[asyncio.create_task(_complete(adapter, item))] = path

    def _pace(self) -> claims.Pace:
        took = sum(self._took_s) / len(self._took_s) if self._took_s else 0.0
        return claims.Pace(self.ranks, took, self.rates)

    async def _write(self, finished: list[asyncio.Task[dict[str, Any]]], out: protocol.Out) -> None:
        complete = [task for task in finished if task.exception() is None]
        if complete:
            lines = [{**task.result(), "rank": self.rank} for task in complete]
            await asyncio.to_thread(out.write, lines)
            self._took_s.extend(line["seconds"] for line in lines)
        for task in complete:  # only now, because a claim without a line is handed out again
            self._running.pop(task).unlink(missing_ok=True)
            self.done += 1
        for task in finished:  # one that failed ends this rank
            task.result()


async def _complete(adapter: Adapter, item: dict[str, Any]) -> dict[str, Any]:
    """Turn one request into a line; a failed one becomes an ERROR line.

    Raises ``StartError`` and ``EngineDownError``, which end the rank.
    """
    request = Request(
        item["problem_id"],
        item["sample_index"],
        item["messages"],
        item["seed"],
        item.get("refused", ""),
    )
    began = time.monotonic()
    try:
        completion = await adapter.generate(request)
    except (StartError, EngineDownError):
        raise
    except Exception as error:  # noqa: BLE001 - whatever it is, it is about this request
        completion = failed(f"{type(error).__name__}: {error}")
    if not _is_sound(completion):
        what = "the engine returned no text, no tokens, or a number of them that cannot be"
        completion = failed(what, prompt_hash=completion.prompt_hash)
    return _line(request, completion, time.monotonic() - began)


def _is_sound(completion: Completion) -> bool:
    counts = (completion.prompt_tokens or 0, completion.extra.get("completion_tokens", 0))
    known = isinstance(completion.text, str) and completion.token_ids is not None
    return known and all(0 <= count < _MANY for count in counts)


def _line(request: Request, completion: Completion, seconds: float) -> dict[str, Any]:
    cut = completion.finish_reason == LENGTH
    return {
        "problem_id": request.problem_id,
        "sample_index": request.sample_index,
        "text": completion.text,
        "token_ids": completion.token_ids,
        "prompt_tokens": completion.prompt_tokens,
        "completion_tokens": len(completion.token_ids),
        "finish_reason": completion.finish_reason,
        "prompt_hash": completion.prompt_hash,
        "seconds": round(seconds, 4),
        "error": completion.error,
        "looping": cut and loops(completion.text),
        **completion.extra,
    }


def main(arguments: list[str]) -> int:
    """Run one rank; 0 when it was told to stop, 1 when the engine failed."""
    parser = argparse.ArgumentParser(prog="worker")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rank", type=int, required=True)
    parser.add_argument("--parent", type=int)
    options = parser.parse_args(arguments)
    worker = Worker(options.work, options.rank, options.parent)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: worker.stop())
    beat = threading.Thread(target=worker.beat, daemon=True)
    beat.start()
    try:
        asyncio.run(worker.run())
        worker.state = protocol.DONE
    except StartError as error:
        worker.error = {"message": str(error), "hint": error.hint, "final": True}
    except ModuleNotFoundError as error:
        print(f"{sys.executable}: {error}", file=sys.stderr)  # noqa: T201 - into the rank's log
        worker.error = {
            "message": f"the engine cannot be imported in {sys.executable}: {error}",
            "hint": "Name a Python that has it with --engine-python, or make one: "
            "`smallscale engine install`.",
        }
    except Exception as error:  # noqa: BLE001 - whatever the engine raises ends here, and is reported
        traceback.print_exc()
        worker.error = {"message": f"{type(error).__name__}: {error}", "hint": ""}
    if worker.error:
        worker.state = protocol.FAILED
    worker.report()
    return 1 if worker.error else 0
