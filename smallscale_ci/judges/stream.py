"""Judges generations as they come: each goes in once, and comes out once with its judgement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

from smallscale_ci.config.seams import JUDGES
from smallscale_ci.config.settings import Service
from smallscale_ci.errors import JudgeError, UsageError
from smallscale_ci.judges.agreement import Agreement
from smallscale_ci.judges.interface import JudgeSpec, Ruling
from smallscale_ci.judges.llm import LlmPool
from smallscale_ci.judges.outcome import outcome
from smallscale_ci.judges.pool import JudgePool
from smallscale_ci.judges.registry import judge_version
from smallscale_ci.records import FinishReason, Generation, Judgement, Outcome, Problem
from smallscale_ci.records.measured import Agreed
from smallscale_ci.worker.guessing import unknown
from smallscale_ci.worker.thinking import OPENED

if TYPE_CHECKING:
    from smallscale_ci.sandbox.choice import SandboxChoice

_FAILED = (FinishReason.ABORT, FinishReason.ERROR)
_DECIDED = (Outcome.CORRECT, Outcome.WRONG)

LOOKED = 256  # texts in which an unknown thinking format is looked for

Rulings = Iterator[tuple[tuple[Generation, bool], Ruling]]


class JudgeStream:
    """Judges the generations of a suite's problems with the judge of each task.

    Rules run in worker processes, language models are asked from threads. Use it as a context
    manager.
    """

    def __init__(
        self,
        problems: Iterable[Problem],
        specs: Mapping[str, JudgeSpec],
        *,
        workers: int,
        service: Service | None = None,
        sandbox: Callable[[], SandboxChoice] | None = None,
    ) -> None:
        """``specs`` is by task name; ``sandbox`` is called if one of them runs programs.

        Raises ``UsageError`` if a judge needs a service and there is none.
        """
        self._choice = _sandbox(specs, sandbox)
        if self._choice is not None:
            specs = {task: within(spec, self._choice) for task, spec in specs.items()}
        self._specs = specs
        self._problems = {problem.id: problem for problem in problems}
        self._versions = {task: judge_version(spec.name) for task, spec in specs.items()}
        self._finished: list[tuple[Generation, Judgement]] = []
        self._half: dict[tuple[str, int], Outcome] = {}  # of two judges the first one's outcome
        self.unknown_thinking: Counter[str] = Counter()  # marks of no known format
        self._looked = 0
        self.agreement = {task: Agreement() for task, spec in specs.items() if spec.rule}
        self.judged = 0
        self.errors: Counter[str] = Counter()  # reasons of ERRORED judgements
        self._pool = JudgePool(workers)
        self._llm: LlmPool | None = None
        if any(JUDGES[spec.name].asks for spec in specs.values()):
            if service is None:
                raise UsageError(
                    "The suite or file uses an LLM judge, but no judge endpoint is configured.",
                    "Set SMALLSCALE_JUDGE_URL to an OpenAI-compatible address, such as "
                    "http://localhost:8000/v1, and SMALLSCALE_JUDGE_KEY if it requires one.",
                )
            self._llm = LlmPool(service)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._pool.close()
        if self._choice is not None and self._choice.sandbox is not None:
            self._choice.sandbox.clean()
        if self._llm is not None:
            self._llm.close()

    def expect(self, problems: Iterable[Problem]) -> None:
        """Replace the problems; all earlier generations must have come out."""
        self._problems = {problem.id: problem for problem in problems}

    def feed(self, generation: Generation) -> None:
        """Submit one generation. A failed one needs no judge: it is ERRORED."""
        problem = self._problems[generation.problem_id]
        if generation.finish_reason in _FAILED:
            ruling = Ruling(Outcome.ERRORED, None, generation.error or "the engine failed")
            self._finished.append((generation, self._judgement(generation, ruling)))
            return
        spec = self._specs[problem.task]
        text = judged_text(generation.text, thinking=generation.thinking)
        self._look(text)
        pool: Any = self._pool if self._llm is None or not JUDGES[spec.name].asks else self._llm
        pool.submit((generation, False), problem, text, spec)
        if spec.rule:
            rule = JudgeSpec(spec.rule, spec.extract, spec.timeout_s)
            self._pool.submit((generation, True), problem, text, rule)

    def _look(self, text: str) -> None:
        """Record unknown thinking marks; a model's first texts show its format."""
        if self._looked < LOOKED:
            self._looked += 1
            if mark := unknown(text):
                self.unknown_thinking[mark] += 1

    def ready(self) -> Iterator[tuple[Generation, Judgement]]:
        """The judgements made so far, without waiting."""
        yield from self._out(self._pool.ready(), self._llm.ready() if self._llm else iter(()))

    def drain(self) -> Iterator[tuple[Generation, Judgement]]:
        """All remaining judgements, as they are made."""
        yield from self._out(self._pool.drain(), self._llm.drain() if self._llm else iter(()))

    def refusal(self, what: str) -> JudgeError | None:
        """The error to end with if all samples of ``what`` are ERRORED: nothing was judged."""
        if not self.judged or self.errors.total() < self.judged:
            return None
        reason, times = self.errors.most_common(1)[0]
        return JudgeError(
            f"Nothing of {what} could be judged: all {self.judged:,} samples are ERRORED, "
            f"{times:,} because: {reason}",
            "Correct the cause and judge again; --explain ID shows one sample.",
        )

    @property
    def agreed(self) -> dict[str, Agreed]:
        """How often two judges agreed, by task."""
        return {task: agreement.record() for task, agreement in self.agreement.items()}

    @property
    def sandbox(self) -> dict[str, str]:
        """Where programs ran, as manifests record it; empty if no judge runs any."""
        return self._choice.record() if self._choice else {}

    def _out(self, *pools: Rulings) -> Iterator[tuple[Generation, Judgement]]:
        while self._finished:
            yield self._finished.pop()
        for (generation, is_second), ruling in chain(*pools):
            self._compare(generation, ruling, is_second=is_second)
            if not is_second:
                yield generation, self._judgement(generation, ruling)

    def _compare(self, generation: Generation, ruling: Ruling, *, is_second: bool) -> None:
        """Count the agreement of a sample's two judges once both have decided."""
        agreement = self.agreement.get(self._problems[generation.problem_id].task)
        if agreement is None:
            return
        key = (generation.problem_id, generation.sample_index)
        other = self._half.pop(key, None)
        if other is None:
            self._half[key] = ruling.outcome
            return
        model, rule = (other, ruling.outcome) if is_second else (ruling.outcome, other)
        if model in _DECIDED and rule is not Outcome.ERRORED:
            agreement.add(model=model is Outcome.CORRECT, rule=rule is Outcome.CORRECT)

    def _judgement(self, generation: Generation, ruling: Ruling) -> Judgement:
        task = self._problems[generation.problem_id].task
        if generation.finish_reason in _FAILED:
            decided, reason = ruling.outcome, ruling.reason
        else:
            decided, reason = outcome(ruling, generation.finish_reason)
        self.judged += 1
        if decided is Outcome.ERRORED:
            self.errors[reason] += 1
        return Judgement(
            problem_id=generation.problem_id,
            sample_index=generation.sample_index,
            task=task,
            outcome=decided,
            extracted=ruling.extracted,
            judge=self._versions[task],
            reason=reason,
        )


def within(spec: JudgeSpec, choice: SandboxChoice) -> JudgeSpec:
    """``spec`` with the sandbox that its programs run in."""
    if not JUDGES[spec.name].runs:
        return spec
    return replace(spec, sandbox=choice.sandbox, unboxed=choice.reason)


def _sandbox(
    specs: Mapping[str, JudgeSpec], sandbox: Callable[[], SandboxChoice] | None
) -> SandboxChoice | None:
    if sandbox is None or not any(JUDGES[spec.name].runs for spec in specs.values()):
        return None
    return sandbox()


def judged_text(text: str, *, thinking: bool) -> str:
    """The text that a judge sees of a generation whose prompt ended inside open thinking."""
    return OPENED + text if thinking else text
