"""Judges in worker processes, each item with a hard deadline and a memory limit.

Items travel in chunks. A worker records in shared memory which item it is on, so that a worker
that hangs or dies loses exactly that item: it becomes ERRORED, and the rest of its chunk is
judged again by the worker's replacement. Deadlines are the worker's CPU time, except for judges
that wait for programs: theirs are wall-clock time.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import resource
import signal
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from multiprocessing import forkserver, resource_tracker
from multiprocessing.sharedctypes import RawArray
from typing import Any, Self

from pebble import ProcessPool

from smallscale_ci.config.seams import JUDGES
from smallscale_ci.errors import JudgeError
from smallscale_ci.judges import deadline
from smallscale_ci.judges.interface import JudgeSpec, Ruling
from smallscale_ci.judges.registry import judge_for
from smallscale_ci.records import Outcome, Problem

_CHUNK_ITEMS = 64
_CHUNK_CHARACTERS = 2_000_000
_WAITS = 20  # wall-clock seconds per second of CPU time before a worker counts as hung
_CHUNKS_PER_WORKER = 3  # in flight, so that a worker never waits for the host
_TRIES = 3  # tries of a chunk whose worker died before its first item
_NOT_STARTED = -1
_PRELOADED = [
    "smallscale_ci.judges.math",
    "smallscale_ci.judges.mathematics.numeric",
]  # once for all workers
_PATIENCE_S = 0.1  # how long an item waits for others to fill its chunk while workers are idle

_slots: Any = None  # in a worker: position of the current item, by slot


@dataclass(frozen=True, slots=True)
class _Item:
    tag: Any
    problem: Problem
    text: str
    spec: JudgeSpec
    tries: int = 0


@dataclass(frozen=True, slots=True)
class _Flight:
    """A chunk that was sent to the workers."""

    items: tuple[_Item, ...]
    slot: int


class JudgePool:
    """Judges items in ``workers`` processes, each limited to ``memory_bytes`` of address space.

    Use it as a context manager. Quick rulings never leave this process.
    ``submit`` waits while too much is in flight, so memory stays bounded however many items come.
    """

    def __init__(self, workers: int, memory_bytes: int = 2 << 30) -> None:
        self._workers = max(1, workers)
        self._memory_bytes = memory_bytes
        self._room = self._workers * _CHUNKS_PER_WORKER
        self._slots: Any = None
        self._pool: ProcessPool | None = None  # started with the first item that needs it
        self._free = list(range(self._room))
        self._flights: dict[Future[Any], _Flight] = {}
        self._waiting: deque[_Item] = deque()
        self._waiting_since = 0.0
        self._finished: deque[tuple[Any, Ruling]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the workers at once; results that were not drained are lost. May be called twice."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.stop()
            # Joining, Pebble takes away what workers share before it ends them: one that is just
            # starting would tell of that in a traceback.
            for worker in list(pool._pool_manager.worker_manager.workers.values()):  # noqa: SLF001
                worker.kill()
            pool.join()

    def submit(self, tag: Any, problem: Problem, text: str, spec: JudgeSpec) -> None:
        """Hand in one item; its ruling comes out of ``ready`` or ``drain`` beside ``tag``."""
        try:
            ruling = judge_for(spec.name).quick(problem, text, spec)
        except Exception:  # noqa: BLE001 - a worker will meet it again, and it stays one item's
            ruling = None
        if ruling is not None:
            self._finished.append((tag, ruling))
            return
        if not self._waiting:
            self._waiting_since = time.monotonic()
        self._waiting.append(_Item(tag, problem, text, spec))
        if self._chunk_is_full():
            while not self._free:
                self._collect(block=True)
            self._launch()

    def ready(self) -> Iterator[tuple[Any, Ruling]]:
        """The rulings made so far, without waiting, in no particular order."""
        self._collect(block=False)
        overdue = time.monotonic() - self._waiting_since > _PATIENCE_S
        while overdue and self._waiting and len(self._flights) < self._workers:
            self._launch()  # better a small chunk than an idle worker
        while self._finished:
            yield self._finished.popleft()

    def drain(self) -> Iterator[tuple[Any, Ruling]]:
        """All remaining rulings of submitted items, as they are made."""
        while True:
            while self._finished:
                yield self._finished.popleft()
            while self._waiting and self._free:
                self._launch()
            if not self._flights:
                return
            self._collect(block=True)

    def _chunk_is_full(self) -> bool:
        if len(self._waiting) >= _most(self._waiting[0].spec):
            return True
        return sum(len(item.text) for item in self._waiting) >= _CHUNK_CHARACTERS

    def _launch(self) -> None:
        """Send the next chunk: items with the same judge and deadline, in order."""
        first = self._waiting[0]
        items: list[_Item] = []
        size = 0
        while self._waiting and len(items) < _most(first.spec) and size < _CHUNK_CHARACTERS:
            item = self._waiting[0]
            if item.spec != first.spec or item.tries != first.tries:
                break
            items.append(self._waiting.popleft())
            size += len(item.text)
        pool = self._start()
        slot = self._free.pop()
        self._slots[slot] = _NOT_STARTED
        payload = [(item.problem, item.text) for item in items]
        future = pool.schedule(
            _judge_chunk, args=(slot, first.spec, payload), timeout=_longest(first.spec)
        )
        self._flights[future] = _Flight(tuple(items), slot)

    def _start(self) -> ProcessPool:
        if self._pool is None:
            context = multiprocessing.get_context("forkserver")
            context.set_forkserver_preload(_PRELOADED)
            # Ctrl-C is the host's to handle, and may come before a worker could ignore it.
            # (Starting the resource tracker would let it through again: that comes first.)
            resource_tracker.ensure_running()
            mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            try:
                forkserver.ensure_running()
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            self._slots = RawArray(ctypes.c_long, self._room)
            self._pool = ProcessPool(
                max_workers=self._workers,
                initializer=_prepare_worker,
                initargs=(self._slots, self._memory_bytes),
                context=context,
            )
        return self._pool

    def _collect(self, *, block: bool) -> None:
        """Collect returned chunks; with ``block`` wait for at least one."""
        if block:
            wait(self._flights, return_when=FIRST_COMPLETED)
        for future in [future for future in self._flights if future.done()]:
            flight = self._flights.pop(future)
            self._free.append(flight.slot)
            try:
                rulings = future.result()
            except Exception as error:  # noqa: BLE001 - whatever felled a worker is a result here
                self._blame(flight, error)
                continue
            for item, ruling in zip(flight.items, rulings, strict=False):
                self._finished.append((item.tag, ruling))
            self._waiting.extendleft(reversed(flight.items[len(rulings) :]))

    def _blame(self, flight: _Flight, error: BaseException) -> None:
        """Mark the item at which a worker hung or died as ERRORED; the others are judged again."""
        culprit = self._slots[flight.slot]
        if culprit == _NOT_STARTED:
            self._try_again(flight, error)
            return
        for position, item in enumerate(flight.items):
            if position == culprit:
                self._finished.append((item.tag, _failure(error, item.spec.timeout_s)))
            else:
                self._waiting.append(item)

    def _try_again(self, flight: _Flight, error: BaseException) -> None:
        for item in flight.items:
            if item.tries + 1 < _TRIES:
                again = _Item(item.tag, item.problem, item.text, item.spec, item.tries + 1)
                self._waiting.append(again)
            else:
                raise JudgeError(
                    f"The judge processes die at startup: {error}",
                    "Is there enough memory? Try fewer judge workers.",
                ) from error


def _most(spec: JudgeSpec) -> int:
    """Items of one chunk."""
    return 1 if JUDGES[spec.name].runs else _CHUNK_ITEMS


def _longest(spec: JudgeSpec) -> float:
    """Seconds that a chunk may take."""
    return spec.timeout_s * (1 if JUDGES[spec.name].runs else _WAITS)


def _failure(error: BaseException, timeout_s: float) -> Ruling:
    code = getattr(error, "exitcode", None)
    if isinstance(error, TimeoutError) or code == -deadline.SIGNAL:
        return Ruling(Outcome.ERRORED, None, f"the judge exceeded its deadline of {timeout_s:g} s")
    if code is not None:
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return Ruling(Outcome.ERRORED, None, f"the judge process died: {name}")
    return Ruling(Outcome.ERRORED, None, f"the judge failed: {type(error).__name__}: {error}")


def _prepare_worker(slots: Any, memory_bytes: int) -> None:
    global _slots  # noqa: PLW0603 - set once in each worker process
    _slots = slots
    with contextlib.suppress(ValueError, OSError):  # a lower limit is already in force
        # The hard limit stays: judged programs get limits of their own, which may be larger.
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, hard))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _judge_chunk(slot: int, spec: JudgeSpec, items: list[tuple[Problem, str]]) -> list[Ruling]:
    """Rulings on the first items, at least on one.

    No further item is started after a tenth of the deadline, so that the chunk returns in time.
    """
    judge = judge_for(spec.name)
    rulings: list[Ruling] = []
    limit = contextlib.nullcontext if JUDGES[spec.name].runs else deadline.limited
    stop = time.monotonic() + spec.timeout_s / 10
    for position, (problem, text) in enumerate(items):
        _slots[slot] = position
        try:
            with limit(spec.timeout_s):
                rulings.append(judge.judge(problem, text, spec))
        except Exception as error:  # noqa: BLE001 - one bad item must not cost the others
            rulings.append(_failure(error, spec.timeout_s))
        if time.monotonic() > stop:
            break
    return rulings
