"""A loaded suite, as later stages see it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from smallscale_ci import ids
from smallscale_ci.config.suite import TaskConfig
from smallscale_ci.errors import UsageError
from smallscale_ci.records import CodeTest, Problem

ID_LENGTH = 16  # 64 bits: no collision among a billion problems


@dataclass(frozen=True, slots=True)
class Suite:
    """Problems in the order of their tasks and files, with one hash over everything that matters.

    ``hash`` covers the problems in order and each task's prompt, judge and metric. File names,
    a judge's measured errors, descriptions, epochs, the gate and the sampling are not
    part of it.
    """

    name: str
    tasks: tuple[TaskConfig, ...]
    problems: tuple[Problem, ...]
    hash: str

    def task(self, name: str) -> TaskConfig:
        """The configuration of one task. Raises ``UsageError`` for an unknown name."""
        for task in self.tasks:
            if task.name == name:
                return task
        known = ", ".join(task.name for task in self.tasks)
        raise UsageError(f"The suite {self.name} has no task '{name}'.", f"It has: {known}.")

    @property
    def repeats(self) -> dict[str, int]:
        """Samples of a problem in one epoch, by task."""
        return {task.name: task.epochs for task in self.tasks}

    @property
    def samples_per_epoch(self) -> int:
        """How many samples one epoch of the suite has."""
        return sum(1 for _ in self.plan(range(1)))

    def plan(self, epochs: range) -> Iterator[tuple[Problem, int]]:
        """Every (problem, sample_index) of ``epochs``, epoch by epoch, each in the suite's order.

        One epoch of the suite holds ``task.epochs`` samples of each problem of a task.
        """
        repeats = self.repeats
        for epoch in epochs:
            for problem in self.problems:
                times = repeats[problem.task]
                for index in range(epoch * times, (epoch + 1) * times):
                    yield problem, index

    def of(self, task: str) -> Iterator[Problem]:
        """The problems of one task."""
        return (problem for problem in self.problems if problem.task == task)


def problem_id(
    task: str,
    question: str,
    choices: Sequence[str],
    golds: Sequence[str],
    tests: Sequence[CodeTest],
) -> str:
    """The identity of a problem: a hash of what the model sees and what its answer is judged by."""
    tested = [[test.input, test.output, test.function] for test in tests]
    gold = golds[0] if len(golds) == 1 else list(golds)
    return ids.content_hash([task, question, list(choices), gold, tested], ID_LENGTH)


def suite_hash(tasks: Sequence[TaskConfig], problems: Sequence[Problem]) -> str:
    """The hash of a suite, see ``Suite``."""
    # Defaults are left out, so that a new option with a default keeps stored baselines comparable.
    asked = [
        task.model_dump(
            mode="json",
            include={"name", "prompt", "judge", "metric"},
            exclude={"judge": {"measured"}},  # it changes no ruling
            exclude_defaults=True,
        )
        for task in tasks
    ]
    return ids.content_hash({"tasks": asked, "problems": [problem.id for problem in problems]})
