"""The content of our own runs, sample by sample, for the exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from smallscale_ci.records import Generation, Judgement, Outcome, Problem
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.run.run import Run
from smallscale_ci.suite import prompts
from smallscale_ci.suite.model import Suite


@dataclass(frozen=True, slots=True)
class Source:
    """What is exported: a run, its suite, and tasks' data sets on the hub where they are named."""

    folder: RunFolder
    run: Run
    suite: Suite
    datasets: Mapping[str, str] = field(default_factory=dict)  # task → ORG/NAME or ORG/NAME:TASK


@dataclass(frozen=True, slots=True)
class Exported:
    """One sample with its prompt and its judgement."""

    problem: Problem
    messages: tuple[Mapping[str, str], ...]
    generation: Generation
    judgement: Judgement

    @property
    def is_right(self) -> bool:
        """Whether it is CORRECT."""
        return self.judgement.outcome is Outcome.CORRECT


def samples(source: Source, task: str) -> Iterator[Exported]:
    """The samples of one task, in the order of the files, one at a time."""
    problems = {problem.id: problem for problem in source.suite.of(task)}
    template = source.suite.task(task).prompt
    generated = tables.generations(source.folder.generations)
    judged = tables.judgements(source.folder.judgements)
    for generation, judgement in zip(generated, judged, strict=True):
        if judgement.task == task:
            problem = problems[judgement.problem_id]
            asked = prompts.messages(template, problem)
            yield Exported(problem, tuple(asked), generation, judgement)


def sampling(run: Run) -> dict[str, Any]:
    """The sampling parameters by the names that servers use."""
    spec = run.manifest.sampling if run.manifest else None
    if spec is None:
        return {}
    return {
        "temperature": spec.temperature,
        "top_p": spec.top_p,
        "max_tokens": spec.max_tokens,
        **({"top_k": spec.top_k} if spec.top_k else {}),
    }
