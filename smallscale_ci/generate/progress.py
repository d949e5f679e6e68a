"""The progress of a run: counted here, drawn by the CLI."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from smallscale_ci.records import Generation, Outcome

_NO_ANSWER = (Outcome.ERRORED,)
_FEW = 10  # completions: with fewer, the pace says nothing about the rest


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot. ``accuracy`` and ``mean_tokens`` cover what is judged or done so far."""

    phase: str  # "loading the model", "generating", "judging", "simulating"
    done: int
    total: int
    epochs: float = 0.0  # planned so far
    tokens_per_s: float = 0.0
    mean_tokens: float | None = None
    accuracy: float | None = None
    seconds_left: float | None = None  # None while too little is done for an estimate


class Tracker:
    """Counts generations and outcomes of one run as they come."""

    def __init__(self, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._total, self._epochs = clock, total, 0.0
        self._done = self._tokens = self._judged = self._correct = 0
        self._began: float | None = None
        self._fresh = 0  # generated in this session, not found on disk
        self._fresh_tokens = 0
        self.phase = "loading the model"

    def start(self) -> None:
        """The engine is loaded: speed counts from here."""
        if self._began is None:
            self._began, self.phase = self._clock(), "generating"

    def extend(self, more: int, epochs: float) -> None:
        """Plan ``more`` samples, for ``epochs`` epochs in all."""
        self._total += more
        self._epochs = epochs

    def generated(self, generation: Generation) -> None:
        """Count one more completion."""
        self._done += 1
        self._tokens += generation.completion_tokens
        if self._began is not None:
            self._fresh += 1
            self._fresh_tokens += generation.completion_tokens

    def judged(self, outcome: Outcome) -> None:
        """Count one more outcome."""
        if outcome not in _NO_ANSWER:
            self._judged += 1
            self._correct += outcome is Outcome.CORRECT

    @property
    def tokens(self) -> int:
        """Completion tokens of all generations so far."""
        return self._tokens

    @property
    def elapsed(self) -> float:
        """Seconds since the engine was loaded."""
        return 0.0 if self._began is None else self._clock() - self._began

    def snapshot(self) -> Progress:
        """The progress now."""
        elapsed, left = self.elapsed, self._total - self._done
        return Progress(
            phase=self.phase,
            done=self._done,
            total=self._total,
            epochs=self._epochs,
            tokens_per_s=self._fresh_tokens / elapsed if elapsed > 0 else 0.0,
            mean_tokens=self._tokens / self._done if self._tokens else None,
            accuracy=self._correct / self._judged if self._judged else None,
            seconds_left=elapsed / self._fresh * left if self._fresh >= _FEW else None,
        )
