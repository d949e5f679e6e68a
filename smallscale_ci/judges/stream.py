"""Judging while generations come: each goes in once, and comes out once with its judgement."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from smallscale_ci.judges.interface import JudgeSpec, Ruling
from smallscale_ci.judges.outcome import outcome
from smallscale_ci.judges.pool import JudgePool
from smallscale_ci.judges.registry import judge_version
from smallscale_ci.records import FinishReason, Generation, Judgement, Outcome, Problem

_FAILED = (FinishReason.ABORT, FinishReason.ERROR)


class JudgeStream:
    """Judges the generations of a suite's problems with the judge of each task."""

    def __init__(
        self, pool: JudgePool, problems: Iterable[Problem], specs: Mapping[str, JudgeSpec]
    ) -> None:
        """``specs`` is by task name."""
        self._pool, self._specs = pool, specs
        self._problems = {problem.id: problem for problem in problems}
        self._versions = {task: judge_version(spec.name) for task, spec in specs.items()}
        self._failed: list[tuple[Generation, Judgement]] = []

    def feed(self, generation: Generation) -> None:
        """Hand in one generation. A failed one needs no judge: it is ERRORED."""
        problem = self._problems[generation.problem_id]
        if generation.finish_reason in _FAILED:
            ruling = Ruling(Outcome.ERRORED, None, generation.error or "the engine failed")
            self._failed.append((generation, self._judgement(generation, ruling)))
            return
        self._pool.submit(generation, problem, generation.text, self._specs[problem.task])

    def ready(self) -> Iterator[tuple[Generation, Judgement]]:
        """What is judged so far, without waiting."""
        yield from self._out(self._pool.ready())

    def drain(self) -> Iterator[tuple[Generation, Judgement]]:
        """All that has not come out yet."""
        yield from self._out(self._pool.drain())

    def _out(
        self, rulings: Iterator[tuple[Generation, Ruling]]
    ) -> Iterator[tuple[Generation, Judgement]]:
        while self._failed:
            yield self._failed.pop()
        for generation, ruling in rulings:
            yield generation, self._judgement(generation, ruling)

    def _judgement(self, generation: Generation, ruling: Ruling) -> Judgement:
        task = self._problems[generation.problem_id].task
        if generation.finish_reason in _FAILED:
            decided, reason = ruling.outcome, ruling.reason
        else:
            decided, reason = outcome(ruling, generation.finish_reason)
        return Judgement(
            problem_id=generation.problem_id,
            sample_index=generation.sample_index,
            task=task,
            outcome=decided,
            extracted=ruling.extracted,
            judge=self._versions[task],
            reason=reason,
        )
