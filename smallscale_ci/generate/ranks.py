"""The ranks: started, watched by their heartbeats, restarted when they die, and stopped.

If several runs need the same engine, the loaded ranks are sent on from one run to the next.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from smallscale_ci.errors import EngineError
from smallscale_ci.generate.cause import points_elsewhere, root_cause
from smallscale_ci.generate.interface import Runtime
from smallscale_ci.generate.steady import SteadyClock
from smallscale_ci.generate.workfolder import WorkFolder
from smallscale_ci.worker import protocol
from smallscale_ci.worker.claims import rates_within

_MAX_RESTARTS = 2  # of one rank in a row, without a completion in between
_SILENCE_S = 120.0  # a running rank without a heartbeat for this long hangs
_MEASURABLE_S = 2.0  # busy: less says nothing about a rank's speed
_BEAT_S = 1.0
_POLL_S = 0.02
_SUMS = ("busy_s", "waiting_s", "load_s")  # summed over a rank's processes


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait for engines, in seconds."""

    start_s: float
    stall_s: float
    grace_s: float = 2.0  # a cancelled CI job leaves little time: 5 s including the report


@dataclass
class _Rank:
    """What the host knows about one rank."""

    guest: bool = False  # started by another host, on the same work folder
    ready: bool = False
    restarts: int = 0
    given_up: bool = False
    beat: int = 0
    beat_at: float = 0.0
    status: dict[str, Any] = field(default_factory=dict)
    past: dict[str, float] = field(default_factory=dict)  # sums of processes that died
    log: WorkFolder | None = None  # whose log its process writes: that in which it was started


class Ranks:
    """The workers of all ranks, including those that joined by themselves."""

    def __init__(
        self,
        runtime: Runtime,
        count: int,
        limits: Limits,
        *,
        folders: Sequence[WorkFolder] = (),
        one_by_one: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """``folders`` are the work folders of all runs, if there are several.

        ``one_by_one``: ranks that share a GPU must not measure its free memory at the same time.
        """
        self._runtime, self.limits, self._folders = runtime, limits, folders
        self._one_by_one, self._clock = one_by_one, SteadyClock(clock)
        self._ranks = {number: _Rank() for number in range(count)}
        self._started: set[int] = set()
        self._launched_at = 0.0
        self.warnings: list[str] = []
        self.loaded_in: Path | None = None  # the work folder of the run that loaded the engine
        self._folder: WorkFolder
        self._home: WorkFolder | None = None  # where the workers look for signs of the host
        self._ended = threading.Event()

    def enter(self, folder: WorkFolder) -> None:
        """Work on ``folder``, whose job is written. Loaded ranks stay loaded; sums start at 0."""
        if self._home is None:
            threading.Thread(target=self._beat, daemon=True).start()
        elif self.ready:
            self.loaded_in = self.loaded_in or self._folder.path
        self._folder = self._home = folder
        self.warnings = []
        for number, rank in list(self._ranks.items()):
            if rank.guest:
                self._ranks.pop(number)  # a rank that came along is found again
                continue
            _begin(rank, self._clock())
            rank.restarts, rank.past = 0, {}
            if rank.given_up:
                self.warnings.append(f"rank {number} was given up in an earlier run")

    def leave(self) -> None:
        """The run has all its samples: send the ranks on to the next run, or stop them."""
        following = self._following()
        if following is None:
            self.stop()
            return
        following.reserve()
        following.beat()
        self._home = following
        if self._started:
            self._runtime.move(self._folder.path, following.path)
            deadline = time.monotonic() + self.limits.grace_s
            while self._stay() and time.monotonic() < deadline:
                time.sleep(_POLL_S)
        self.read_statuses()  # the final reports: how busy they were

    def stop(self) -> None:
        """Stop all ranks; harmless if they have ended."""
        if self._ended.is_set():
            return
        self._ended.set()
        try:
            if self._home is not None:
                self._home.ask_to_stop()
        except OSError:
            pass  # a full or read-only disk: the runtime's signals stop them as well
        finally:
            self._runtime.stop(self.limits.grace_s)
            self.read_statuses()

    def _following(self) -> WorkFolder | None:
        paths = [folder.path for folder in self._folders]
        later = paths.index(self._folder.path) + 1 if self._folder.path in paths else len(paths)
        return self._folders[later] if later < len(paths) else None

    def _stay(self) -> bool:
        """Whether a live rank has not left the folder yet."""
        codes = self._runtime.poll()
        alive = (number for number, code in codes.items() if code is None)
        return any(
            (self._folder.status(number) or {}).get("state") != protocol.DONE for number in alive
        )

    def _beat(self) -> None:
        """Show signs of life even while the caller judges for minutes: containers see no others."""
        while not self._ended.wait(_BEAT_S):
            with suppress(OSError):  # a full disk: the next writer reports it
                if self._home is not None:
                    self._home.beat()

    @property
    def started(self) -> bool:
        """Whether any rank was started."""
        return bool(self._started)

    @property
    def ready(self) -> bool:
        """Whether at least one rank has its model loaded."""
        return any(rank.ready for rank in self._ranks.values())

    @property
    def sharing(self) -> int:
        """How many ranks share the work: loading ones count, abandoned ones do not."""
        return sum(not rank.given_up for rank in self._ranks.values())

    def rates(self, tokens: Mapping[int, int]) -> dict[int, float]:
        """Tokens/s over the busy time of every rank in ``tokens`` (its completion tokens).

        What is in flight shows only when it is complete, and answers of one length all at once: a
        rate lies between that of the completed requests and that of all.
        """
        bounds = {}
        for number, count in tokens.items():
            rank = self._ranks.get(number, _Rank())
            busy = _sums(rank)["busy_s"]
            if count and busy >= _MEASURABLE_S:
                more = rank.status.get("in_flight", 0) / max(rank.status.get("done", 0), 1)
                bounds[number] = (count / busy, count / busy * (1 + more))
        return rates_within(bounds)

    def info(self) -> dict[str, Any]:
        """What the engine reported about itself (from the lowest loaded rank)."""
        for _, rank in sorted(self._ranks.items()):
            if rank.status.get("info"):
                return dict(rank.status["info"])
        return {}

    def status(self) -> dict[int, dict[str, Any]]:
        """The last heartbeat of every rank, with the sums of all its processes."""
        return {number: {**rank.status, **_sums(rank)} for number, rank in self._ranks.items()}

    def start(self) -> None:
        """Start ranks that were not started yet, as many as may start now."""
        for number, rank in self._ranks.items():
            if rank.guest:
                continue
            if number not in self._started:
                self._launch(number)
                self._started.add(number)
            if self._one_by_one and not (rank.ready or rank.given_up):
                return

    def dead(self) -> Iterator[tuple[int, int]]:
        """Ranks that ended or hang, with their exit code (−1: it hung, and was killed).

        The caller takes back what the rank had claimed, and then calls ``record_death``.
        """
        now = self._clock()
        codes = self._runtime.poll()
        for number in sorted(self._folder.ranks()):
            known = self._ranks.get(number, _Rank(guest=True, given_up=True))
            if (
                known.guest and known.given_up
            ):  # the heartbeat of a dead rank was removed, so this one is alive again
                self._ranks[number] = _Rank(guest=True, beat_at=now, past=_sums(known))
        for number, rank in self._ranks.items():
            if rank.given_up or not (rank.guest or number in codes):
                continue
            self._read_status(number, rank, now)
            code = codes.get(number)
            silent = now - rank.beat_at > (_SILENCE_S if rank.ready else self.limits.start_s)
            if rank.guest:
                if silent or rank.status.get("state") in {protocol.DONE, protocol.FAILED}:
                    yield number, -1
            elif code is not None:
                yield number, code
            elif silent:
                self._runtime.kill(number)
                yield number, -1

    def record_death(self, number: int, code: int, *, progress: bool) -> None:
        """Handle the death of a rank: restart it if that may help, otherwise do without it.

        ``progress``: it completed something, or its death revealed its cause. Raises
        ``EngineError`` when no rank is left.
        """
        rank = self._ranks[number]
        if rank.guest:
            self._folder.forget(number)
            rank.ready, rank.given_up = False, True
            return
        error = rank.status.get("error") or {}
        what = error.get("message") or f"the engine process of rank {number} ended with code {code}"
        if points_elsewhere(what):  # "see root cause above": the cause is in the log
            what = root_cause(self._log(number).log_lines(number)) or what
        if progress:
            rank.restarts = 0
        if rank.ready and rank.restarts < _MAX_RESTARTS and not self.gave_up_itself(number):
            rank.restarts += 1
            self.warnings.append(f"rank {number} died and was started again: {what}")
            self._launch(number)
            return
        rank.given_up, rank.ready = True, False
        self.warnings.append(f"rank {number} was given up: {what}")
        if all(other.given_up for other in self._ranks.values()):
            raise EngineError(
                what[0].upper() + what[1:],
                error.get("hint") or f"The whole log is {self._log(number).path}/log/{number}.log.",
                self._log(number).log_tail(number),
            )

    def gave_up_itself(self, number: int) -> bool:
        """Whether a rank ended because of something that the user has to fix."""
        return bool((self._ranks[number].status.get("error") or {}).get("final"))

    def _log(self, number: int) -> WorkFolder:
        return self._ranks[number].log or self._folder

    def log_tail(self) -> tuple[Path, str]:
        """The folder of the engines' logs, and the last lines of the first rank's."""
        return self._log(0).path / "log", self._log(0).log_tail(0)

    def waited(self) -> float:
        """Seconds since a rank was last started."""
        return self._clock() - self._launched_at

    def read_statuses(self) -> None:
        """Take in the last heartbeats."""
        for number, rank in self._ranks.items():
            if rank.guest or number in self._started:
                self._read_status(number, rank, self._clock())

    def _launch(self, number: int) -> None:
        self._folder.forget(number)
        rank = self._ranks[number]
        rank.past = _sums(rank)
        _begin(rank, self._clock())
        rank.ready, rank.log = False, self._folder
        self._launched_at = rank.beat_at
        self._runtime.start(self._folder.path, number)

    def _read_status(self, number: int, rank: _Rank, now: float) -> None:
        status = self._folder.status(number)
        if status is None:
            return
        if status["beat"] != rank.beat:
            rank.beat, rank.beat_at = status["beat"], now
        # The engine reported its identity when it was loaded, even if it died soon after.
        rank.ready = rank.ready or bool(status["info"])
        rank.status = status


def _begin(rank: _Rank, now: float) -> None:
    """Forget a rank's reports, except for the engine's identity, which does not change."""
    rank.status = {key: rank.status[key] for key in ("info",) if key in rank.status}
    rank.beat, rank.beat_at = 0, now


def _sums(rank: _Rank) -> dict[str, float]:
    return {name: rank.status.get(name, 0.0) + rank.past.get(name, 0.0) for name in _SUMS}
