"""Which samples each look adds: parts of an epoch come in an order that is fixed beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

import numpy as np

from smallscale_ci.config.run import RunConfig
from smallscale_ci.gate.problem_means import problem_means
from smallscale_ci.gate.schedule import PARTS, Schedule, first_order, later_order, part, worth_of
from smallscale_ci.records import Problem
from smallscale_ci.run.manifest import PromptsId, prompts_hash
from smallscale_ci.run.run import Run
from smallscale_ci.suite.model import Suite


def schedule_of(config: RunConfig, suite: Suite, baseline: Run | None) -> Schedule:
    """The looks of a run; a single one after all epochs if nothing is compared."""
    if baseline is None:
        return Schedule((float(config.epochs),))
    manifest = baseline.manifest
    # Without hashes by part, prompts would not be compared.
    within = manifest is not None and bool(manifest.prompts.parts)
    sizes = [sum(1 for _ in suite.of(task.name)) for task in suite.tasks]
    return Schedule.of(config.epochs, config.max_epochs, config.gate, sizes, within_first=within)


def prompts_id(hashes: Mapping[str, str], suite: Suite) -> PromptsId:
    """The identity of the prompts, from problem_id → hash of its rendered prompt."""
    parts = {}
    for fraction in PARTS if len(hashes) == len(suite.problems) else ():
        chosen: list[str] = []
        for task in suite.tasks:
            names = [problem.id for problem in suite.of(task.name)]
            chosen += [names[i] for i in first_order(names)[: part(len(names), fraction)]]
        parts[f"{fraction:g}"] = prompts_hash({name: hashes[name] for name in chosen})
    return PromptsId(prompts_hash(hashes), parts)


class Due:
    """The samples of a suite by the epoch in which they are due."""

    def __init__(self, suite: Suite, baseline: Run | None, config: RunConfig) -> None:
        """The first epoch is ordered by hash, later ones by what the baseline says of the noise."""
        self._suite = suite
        self._places = {problem.id: place for place, problem in enumerate(suite.problems)}
        worth: dict[str, float] = {}
        if baseline is not None:
            samples, means = baseline.samples, problem_means(baseline.samples)
            for code, name in enumerate(samples.tasks):
                rows = np.flatnonzero(samples.problem_task == code)
                found = worth_of(means.take(rows), config.gate, name)
                worth |= dict(zip(samples.problem_ids[rows].tolist(), found.tolist(), strict=True))
        self._orders: dict[str, tuple[list[Problem], list[Problem]]] = {}
        for task in suite.tasks:
            problems = list(suite.of(task.name))
            names = [problem.id for problem in problems]
            values = np.array([worth.get(name, 0.0) for name in names])
            first, later = first_order(names), later_order(names, values)
            self._orders[task.name] = ([problems[i] for i in first], [problems[i] for i in later])

    def between(self, start: float, end: float) -> Iterator[tuple[Problem, int]]:
        """Every (problem, sample_index) that is due after ``start`` and by ``end`` epochs.

        Epoch by epoch, each in the suite's order.
        """
        repeats = self._suite.repeats
        for epoch in range(math.floor(start), math.ceil(end)):
            chosen: list[Problem] = []
            for orders in self._orders.values():
                problems = orders[0] if epoch == 0 else orders[1]
                first = part(len(problems), max(start - epoch, 0.0))
                last = part(len(problems), min(end - epoch, 1.0))
                chosen += problems[first:last]
            for problem in sorted(chosen, key=lambda problem: self._places[problem.id]):
                times = repeats[problem.task]
                for index in range(epoch * times, (epoch + 1) * times):
                    yield problem, index
