"""The interface of the judges."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from smallscale_ci.records import Outcome, Problem
from smallscale_ci.sandbox.interface import Sandbox


@dataclass(frozen=True, slots=True)
class JudgeSpec:
    """A task's judge and its options, as passed to the worker processes (picklable)."""

    name: str  # "math", "mcq", …
    extract: tuple[str, ...] = ("boxed", "stated")  # rules that find answers, in this order
    timeout_s: float = 5.0
    model: str = ""  # llm: the model to ask
    request: Mapping[str, Any] = field(default_factory=dict)  # llm: more fields of each request
    rule: str | None = None  # llm: the rule judge to compare it with
    sandbox: Sandbox | None = None  # code: runs the programs; without one nothing is run
    unboxed: str = "none was chosen"  # code: why there is no sandbox


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision: CORRECT, WRONG, UNPARSED or ERRORED; the extracted answer; a one-line reason."""

    outcome: Outcome
    extracted: str | None
    reason: str


class Judge(Protocol):
    """A judge: pure, deterministic, versioned. It never evaluates model text as code."""

    name: str
    version: int

    def judge(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling:
        """Rule on ``text`` as an answer to ``problem``. Must not raise for any text."""
        ...

    def quick(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling | None:
        """The same ruling if a cheap rule decides in time linear in ``text``, else ``None``.

        It must be safe to call outside a worker process, without deadline or memory limit.
        """
        ...
