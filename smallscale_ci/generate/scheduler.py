"""The host's loop: feeds the work folder, watches the ranks, passes on what is complete."""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import islice
from types import TracebackType
from typing import Any, Self

from smallscale_ci.errors import EngineError
from smallscale_ci.files import where_writable
from smallscale_ci.generate.interface import Job
from smallscale_ci.generate.planned import Planned
from smallscale_ci.generate.ranks import Ranks
from smallscale_ci.generate.steady import SteadyClock
from smallscale_ci.generate.store import Origins
from smallscale_ci.generate.workfolder import WorkFolder, valid_text
from smallscale_ci.records import FinishReason, Generation

_TICK_S = 0.1
_CHUNK = 256  # completions passed on at a time: a resumed run finds all of them on disk
_KILLS = "its worker died 3 times"
# Tries of an item, the last one by itself, before it is blamed for killing workers.
_MAX_ATTEMPTS = 3


class Scheduler:
    """The work of one run: its ranks are started when there is work, and leave on exit."""

    def __init__(
        self,
        folder: WorkFolder,
        ranks: Ranks,
        job: Job,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder, self.ranks, self._job, self._limits = folder, ranks, job, ranks.limits
        self._clock, self._steady = clock, SteadyClock(clock)
        self._window = 2 * job.max_in_flight * ranks.sharing  # items on disk, not claimed yet
        self._fresh: deque[Generation] = deque()  # complete, not passed on yet
        self._productive: set[int] = set()  # ranks that completed a sample since they last died
        self._completes = False  # whether a sample was ever completed
        self._more_on_disk = False  # completions of samples that were not requested yet
        self.origins = Origins()  # of every completion that was passed on
        self.prompt_hashes: dict[str, str] = {}  # problem_id → hash of its rendered prompt
        self.tokens: Counter[int] = Counter()  # completion tokens by rank
        self._ready_at: float | None = None
        self.found: Counter[int] = Counter()  # of these, on disk before any engine was loaded

    def __enter__(self) -> Self:
        self._folder.prepare(self._job)
        self.ranks.enter(self._folder)
        self._began = self._last_at = self._clock()
        self._progress_at = self._steady()
        if self.ready:  # loaded for an earlier run
            self._ready_at = self._began
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.ranks.leave()
        else:
            self.ranks.stop()

    @property
    def ready(self) -> bool:
        """Whether at least one rank has its model loaded."""
        return self.ranks.ready

    @property
    def seconds_to_ready(self) -> float:
        """Seconds from the start to the first loaded rank; 0 before."""
        return 0.0 if self._ready_at is None else self._ready_at - self._began

    @property
    def seconds_ready(self) -> float:
        """Seconds from the first loaded rank to the last completion; 0 before."""
        return 0.0 if self._ready_at is None else max(0.0, self._last_at - self._ready_at)

    @property
    def tokens_per_s(self) -> float:
        """Completion tokens per second of this session, without those found on disk."""
        fresh = self.tokens.total() - self.found.total()
        return fresh / self.seconds_ready if self.seconds_ready else 0.0

    def run(self, planned: Planned) -> Iterator[list[Generation]]:
        """Generate ``planned`` in its order; yields what is complete, an empty list at a tick.

        Every sample is yielded exactly once, even if it was complete before (a resumed run).
        Raises ``EngineError`` if no rank can continue, ``OSError`` if the work folder was moved,
        was removed or cannot be written.
        """
        work = _Work(planned)
        if self._more_on_disk:
            self._folder.rewind()
        before = self.tokens.copy()
        while self._collect(work, _CHUNK):
            yield self._take()
        self.found += self.tokens - before
        # The caller's own time since the last epoch is not a stall.
        self._progress_at = self._steady()
        while work.left:
            self._folder.refuse_moved()
            with where_writable():  # the next writer reports it
                self._folder.beat(self.ranks.sharing, self.ranks.rates(self.tokens - self.found))
            self._feed(work)
            self.ranks.start()
            self._watch(work)
            time.sleep(_TICK_S)
            while self._collect(work, _CHUNK):
                yield self._take()
            yield self._take()  # came in before a dead rank's claims were handed out again
        self.ranks.read_statuses()

    def _take(self) -> list[Generation]:
        taken = list(self._fresh)
        self._fresh.clear()
        return taken

    def _feed(self, work: _Work) -> None:
        if not work.waiting:
            return
        for _ in range(self._window - self._folder.pending()):
            position = work.next()
            if position is None:
                return
            attempt = work.attempts.get(position, 0)
            alone = attempt >= _MAX_ATTEMPTS - 1  # then it is clear which item is at fault
            # Rendered without being generated, so that the prompts of all samples are known.
            refused = _KILLS if attempt >= _MAX_ATTEMPTS else ""
            self._folder.put(work.planned.prompt(position), attempt, alone=alone, refused=refused)

    def _collect(self, work: _Work, most: int | None = None) -> bool:
        """Take in up to ``most`` lines; returns whether there were any."""
        seen = False
        for value in islice(self._folder.completions(), most):
            seen = True
            position = work.planned.position(value["problem_id"], value["sample_index"])
            if position is None:
                self._more_on_disk = True
                continue
            if not work.complete(position):
                continue  # a rank that was taken for dead finished it after all
            self.origins.note(work.planned.number(position), *self._folder.line)
            self._fresh.append(_generation(value))
            if not value["error"]:
                self._productive.add(value["rank"])
                self._completes = True
            self.tokens[value["rank"]] += value["completion_tokens"]
            self._note_prompt(value["problem_id"], value["prompt_hash"])
            self._last_at, self._progress_at = self._clock(), self._steady()
        return seen

    def _note_prompt(self, problem_id: str, hashed: str) -> None:
        """Raise ``EngineError`` if a problem's prompt differs from before."""
        if hashed and self.prompt_hashes.setdefault(problem_id, hashed) != hashed:
            raise EngineError(
                f"The samples of problem {problem_id} had different prompts: the chat template "
                "renders one prompt in two ways.",
                "Correct the checkpoint's chat template, or use one version of transformers on all "
                "machines.",
            )

    def _watch(self, work: _Work) -> None:
        for number, code in self.ranks.dead():
            self._collect(work)  # read its last lines before its claims are handed out again
            learned = self._hand_out_again(number, work)  # before it claims again
            self.ranks.record_death(number, code, progress=learned or number in self._productive)
            self._productive.discard(number)
        if self.ready and self._ready_at is None:
            self._ready_at, self._progress_at = self._clock(), self._steady()
        self._refuse_to_wait()

    def _hand_out_again(self, number: int, work: _Work) -> bool:
        """Hand a dead rank's items out again; returns whether an item was found to kill workers."""
        given_up, not_at_fault = False, self.ranks.gave_up_itself(number)
        for item in self._folder.take_back(number):
            position = work.planned.position(item["problem_id"], item["sample_index"])
            if position is None or work.done[position]:
                continue
            work.attempts[position] = item["attempt"] + (0 if not_at_fault else 1)
            if work.attempts[position] > _MAX_ATTEMPTS:
                self._folder.give_up_on(item, _KILLS)
                continue
            if work.attempts[position] == _MAX_ATTEMPTS:
                given_up = True
            work.hand_out_again(position, last=work.attempts[position] == _MAX_ATTEMPTS - 1)
        # If nothing was ever completed, the item is not to blame.
        return given_up and self._completes

    def _refuse_to_wait(self) -> None:
        if not self.ready:
            waited, limit, what = self.ranks.waited(), self._limits.start_s, "start"
        else:
            waited, what = self._steady() - self._progress_at, "complete anything"
            limit = self._limits.stall_s
        if waited > limit:
            logs, tail = self.ranks.log_tail()
            raise EngineError(
                f"No engine could {what} within {limit:.0f} s.",
                f"Raise start_timeout_s or stall_timeout_s in the profile, or look into {logs}/.",
                tail,
            )


class _Work:
    """The state of the samples of one call, a byte each."""

    def __init__(self, planned: Planned) -> None:
        self.planned = planned
        self.done = bytearray(len(planned))
        self.left = len(planned)
        self.attempts: dict[int, int] = {}
        self._next = 0
        self._again: deque[int] = deque()  # positions whose rank died
        self._last: deque[int] = deque()

    @property
    def waiting(self) -> bool:
        """Whether there is anything to hand out."""
        return bool(self._again or self._last) or self._next < len(self.planned)

    def hand_out_again(self, position: int, *, last: bool) -> None:
        """Hand out again, before or after everything that was not handed out yet."""
        (self._last if last else self._again).append(position)

    def next(self) -> int | None:
        """The position to hand out next, ``None`` when there is nothing."""
        while self.waiting:
            if self._again:
                position = self._again.popleft()
            elif self._next < len(self.planned):
                position, self._next = self._next, self._next + 1
            else:
                position = self._last.popleft()
            if not self.done[position]:
                return position
        return None

    def complete(self, position: int) -> bool:
        """Note that a sample is complete; returns False if it was already."""
        if self.done[position]:
            return False
        self.done[position] = 1
        self.left -= 1
        return True


def _generation(value: dict[str, Any]) -> Generation:
    return Generation(
        problem_id=value["problem_id"],
        sample_index=value["sample_index"],
        text=valid_text(value["text"]),
        token_ids=tuple(value["token_ids"]),
        prompt_tokens=value["prompt_tokens"],
        completion_tokens=value["completion_tokens"],
        finish_reason=FinishReason(value["finish_reason"]),
        rank=value["rank"],
        seconds=value["seconds"],
        error=valid_text(value["error"]),
        thinking=bool(value.get("thinking")),
        thinking_tokens=value.get("thinking_tokens"),
        looping=value.get("looping"),
    )
