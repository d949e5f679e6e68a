"""The host's loop: feeds the work folder, watches the ranks, hands on what is complete."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from smallscale_ci.errors import EngineError
from smallscale_ci.generate.interface import Job, Runtime
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.records import FinishReason, Generation, Prompt
from smallscale_ci.worker import protocol

_TICK_S = 0.1
_MAX_ATTEMPTS = 3  # of one item, before it is held to be what kills the workers
_MAX_RESTARTS = 2  # of one rank
_SILENCE_S = 120.0  # a running rank without a heartbeat for so long hangs

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait for engines, in seconds."""

    start_s: float
    stall_s: float
    grace_s: float = 3.0  # a cancelled CI job leaves little time to clean up


@dataclass
class _Rank:
    """What the host knows about one rank."""

    ready: bool = False
    restarts: int = 0
    given_up: bool = False
    beat: int = 0
    beat_at: float = 0.0
    status: dict[str, Any] = field(default_factory=dict)


class Scheduler:
    """Engines of one run: started on entry, stopped on exit, loaded between epochs."""

    def __init__(
        self,
        folder: WorkFolder,
        runtime: Runtime,
        job: Job,
        *,
        ranks: int,
        limits: Limits,
        one_by_one: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self._runtime, self._job = folder, runtime, job
        self._ranks = {rank: _Rank() for rank in range(ranks)}
        self._started: list[int] = []
        self._limits, self._one_by_one, self._clock = limits, one_by_one, clock
        self._window = 2 * job.max_in_flight * ranks  # items on disk that wait to be claimed
        self._early: dict[Key, Generation] = {}  # complete before their epoch was asked for
        self._done: set[Key] = set()
        self.prompt_hashes: dict[str, str] = {}  # problem_id → hash of its rendered prompt
        self.tokens: Counter[int] = Counter()  # completion tokens by rank
        self.warnings: list[str] = []
        self._ready_at: float | None = None
        self._launched_at = 0.0
        self._found = 0  # completion tokens that were on disk before any engine was loaded

    def __enter__(self) -> Self:
        self._folder.prepare(self._job)
        self._began = self._progress_at = self._clock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._folder.ask_to_stop()
        except OSError:
            pass  # a full or read-only disk: the signals of the runtime do as well
        finally:
            self._runtime.stop(self._limits.grace_s)

    @property
    def ready(self) -> bool:
        """Whether at least one rank has its model loaded."""
        return any(rank.ready for rank in self._ranks.values())

    def info(self) -> dict[str, Any]:
        """What the engine said of itself (of the lowest rank that is loaded)."""
        for rank in self._ranks.values():
            if rank.status.get("info"):
                return dict(rank.status["info"])
        return {}

    @property
    def seconds_to_ready(self) -> float:
        """From the start to the first loaded rank; 0 before."""
        return 0.0 if self._ready_at is None else self._ready_at - self._began

    @property
    def seconds_ready(self) -> float:
        """Since the first rank was loaded, until the last completion; 0 before."""
        return 0.0 if self._ready_at is None else max(0.0, self._progress_at - self._ready_at)

    @property
    def tokens_per_s(self) -> float:
        """Completion tokens per second of this session, without those found on disk."""
        fresh = self.tokens.total() - self._found
        return fresh / self.seconds_ready if self.seconds_ready else 0.0

    def rank_status(self) -> dict[int, dict[str, Any]]:
        """The last heartbeat of every rank."""
        return {number: dict(rank.status) for number, rank in self._ranks.items()}

    def run(self, prompts: Sequence[Prompt]) -> Iterator[list[Generation]]:
        """Generate ``prompts`` in their order; yields what is complete, an empty list at a tick.

        Every prompt is yielded exactly once, also when it was complete before (a resumed run).
        Raises ``EngineError`` when no rank can go on.
        """
        wanted = {(prompt.problem_id, prompt.sample_index): prompt for prompt in prompts}
        self._collect()
        if not self._started:
            self._found = self.tokens.total()
        self._progress_at = self._clock()  # what the caller did since the last epoch is no stall
        waiting = [p for key, p in wanted.items() if key not in self._early][::-1]
        attempts: dict[Key, int] = {}
        left = set(wanted)
        while True:
            fresh = [self._early.pop(key) for key in list(self._early) if key in left]
            left.difference_update((g.problem_id, g.sample_index) for g in fresh)
            yield fresh
            if not left:
                self._read_statuses()
                return
            self._folder.beat()
            self._feed(waiting, attempts)
            self._start_ranks()
            self._watch(wanted, waiting, attempts)
            time.sleep(_TICK_S)
            self._collect()

    def _feed(self, waiting: list[Prompt], attempts: dict[Key, int]) -> None:
        if not waiting:
            return
        for _ in range(min(len(waiting), self._window - self._folder.pending())):
            prompt = waiting.pop()
            key = (prompt.problem_id, prompt.sample_index)
            self._folder.put(prompt, attempts.get(key, 0))

    def _collect(self) -> None:
        for value in self._folder.completions():
            key = (value["problem_id"], value["sample_index"])
            if key in self._done:
                continue  # a rank held to be dead finished it after all
            self._done.add(key)
            self._early[key] = _generation(value)
            self.tokens[value["rank"]] += value["completion_tokens"]
            if value["prompt_hash"]:
                self.prompt_hashes[key[0]] = value["prompt_hash"]
            self._progress_at = self._clock()

    def _start_ranks(self) -> None:
        for number, rank in self._ranks.items():
            if number in self._started:
                if self._one_by_one and not (rank.ready or rank.given_up):
                    return  # ranks that share a GPU must not measure its free memory at once
                continue
            self._launch(number)
            self._started.append(number)

    def _launch(self, number: int) -> None:
        self._folder.forget(number)
        rank = self._ranks[number]
        rank.ready, rank.beat, rank.beat_at = False, 0, self._clock()
        self._launched_at = rank.beat_at
        self._runtime.start(self._folder.path, number)

    def _watch(
        self, wanted: dict[Key, Prompt], waiting: list[Prompt], attempts: dict[Key, int]
    ) -> None:
        now = self._clock()
        for number, code in self._runtime.poll().items():
            rank = self._ranks[number]
            if rank.given_up:
                continue
            self._read_status(rank, number, now)
            hangs = code is None and now - rank.beat_at > self._silence(rank)
            if hangs:
                self._runtime.kill(number)
            if hangs or code is not None:
                self._collect()  # its last lines count before its claims are handed out again
                self._hand_out_again(number, wanted, waiting, attempts)  # before it claims anew
                self._bury(number, rank, -1 if code is None else code)
        self._refuse_to_wait(now)

    def _silence(self, rank: _Rank) -> float:
        return _SILENCE_S if rank.ready else self._limits.start_s

    def _read_statuses(self) -> None:
        for number in self._started:
            self._read_status(self._ranks[number], number, self._clock())

    def _read_status(self, rank: _Rank, number: int, now: float) -> None:
        status = self._folder.status(number)
        if status is None:
            return
        if status["beat"] != rank.beat:
            rank.beat, rank.beat_at = status["beat"], now
        if status["state"] == protocol.READY and not rank.ready:
            rank.ready = True
            self._progress_at = now
            if self._ready_at is None:
                self._ready_at = now
        rank.status = status

    def _bury(self, number: int, rank: _Rank, code: int) -> None:
        """A rank ended by itself: start it again if that may help, else do without it."""
        error = rank.status.get("error") or {}
        what = error.get("message") or f"the engine process of rank {number} ended with code {code}"
        if rank.ready and rank.restarts < _MAX_RESTARTS:
            rank.restarts += 1
            self.warnings.append(f"rank {number} died and was started again: {what}")
            self._launch(number)
            return
        rank.given_up, rank.ready = True, False
        self.warnings.append(f"rank {number} was given up: {what}")
        if all(other.given_up for other in self._ranks.values()):
            raise EngineError(
                what[0].upper() + what[1:],
                error.get("hint") or f"The whole log is {self._folder.path}/log/{number}.log.",
                self._folder.log_tail(number),
            )

    def _hand_out_again(
        self,
        number: int,
        wanted: dict[Key, Prompt],
        waiting: list[Prompt],
        attempts: dict[Key, int],
    ) -> None:
        for item in self._folder.take_back(number):
            key = (item["problem_id"], item["sample_index"])
            if key in self._done or key not in wanted:
                continue
            attempts[key] = item["attempt"] + 1
            if attempts[key] >= _MAX_ATTEMPTS:
                self._folder.give_up_on(item, f"its worker died {_MAX_ATTEMPTS} times")
            else:
                waiting.append(wanted[key])

    def _refuse_to_wait(self, now: float) -> None:
        if not self.ready:
            waited, limit, what = now - self._launched_at, self._limits.start_s, "start"
        else:
            waited, limit, what = now - self._progress_at, self._limits.stall_s, "complete anything"
        if waited > limit:
            raise EngineError(
                f"No engine could {what} within {limit:.0f} s.",
                "Raise start_timeout_s or stall_timeout_s in the profile, or look into "
                f"{self._folder.path}/log/.",
                self._folder.log_tail(0),
            )


def _generation(value: dict[str, Any]) -> Generation:
    return Generation(
        problem_id=value["problem_id"],
        sample_index=value["sample_index"],
        text=value["text"],
        token_ids=tuple(value["token_ids"]),
        prompt_tokens=value["prompt_tokens"],
        completion_tokens=value["completion_tokens"],
        finish_reason=FinishReason(value["finish_reason"]),
        rank=value["rank"],
        seconds=value["seconds"],
        error=value["error"],
    )
