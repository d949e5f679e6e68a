"""The seam of the judges: what one takes and what it gives back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from smallscale_ci.records import Outcome, Problem
from smallscale_ci.sandbox.interface import Sandbox


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """A task's judge and its options, as they go to the worker processes (picklable)."""

    name: str  # "math", "mcq", …
    extract: tuple[str, ...] = ("boxed", "stated")  # where answers may be found, in this order
    timeout_s: float = 5.0
    model: str = ""  # llm: the model that is asked
    request: Mapping[str, Any] = field(default_factory=dict)  # llm: more of each request
    rule: str | None = None  # llm: the rule judge whose agreement with it is counted
    sandbox: Sandbox | None = None  # code: where programs run; without one they do not
    unboxed: str = "none was chosen"  # code: why there is no sandbox


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
