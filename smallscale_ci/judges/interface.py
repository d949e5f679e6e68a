"""The seam of the judges: what one takes and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from smallscale_ci.records import Outcome, Problem


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """A task's judge and its options, as they go to the worker processes (picklable)."""

    name: str  # "math", "mcq", …
    extract: tuple[str, ...] = ("boxed", "stated")  # where answers may be found, in this order
    timeout_s: float = 5.0


@dataclass(frozen=True, slots=True)
class Ruling:
    """One decision: CORRECT, WRONG, UNPARSED or ERRORED; what was extracted; why, in one line."""

    outcome: Outcome
    extracted: str | None
    reason: str


class Judge(Protocol):
    """A judge: pure, deterministic, versioned. It never evaluates model text as code."""

    name: str
    version: int

    def judge(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling:
        """Decide about ``text`` as an answer to ``problem``. Must not raise for any text."""
        ...

    def quick(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling | None:
        """The same ruling where a cheap rule decides in time linear in ``text``, else ``None``.

        What is quick is safe to call outside a worker process, without deadline or memory limit.
        """
        ...
