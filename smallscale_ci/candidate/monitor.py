"""What shorter thinking may have lost: the share of answers whose thinking has what it needs.

Accuracy alone does not show it: a candidate may skip a step and guess right, or lose steps while
truncation, which costs answers, decreases. The rule is the policy's ``monitor``. It gates nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from smallscale_ci.config.policy import MonitorConfig
from smallscale_ci.config.settings import Service
from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.files import Record, from_json, read_json, where_writable, write_json
from smallscale_ci.judges.reasoning import contain
from smallscale_ci.pipeline.compare import Evaluation
from smallscale_ci.records import Metric, Problem, Reason, ReasonKind, VerdictKind
from smallscale_ci.report import files, formats
from smallscale_ci.run import tables
from smallscale_ci.run.folder import RunFolder
from smallscale_ci.stats.paired import paired_difference
from smallscale_ci.suite.model import Suite
from smallscale_ci.worker.thinking import OPENED, split

RECORD = "monitor.json"
_EACH_SIDE = 0.025  # of the 95% intervals
Rule = Callable[[Problem, str], bool | None]  # of the thinking; None: the problem names nothing


@dataclass(frozen=True, slots=True)
class Kept(Record):
    """One task: shares of answers that keep what is needed, and their difference at 95%."""

    task: str
    parent: float
    candidate: float
    change: float
    low: float
    high: float
    problems: int

    @property
    def falls(self) -> bool:
        """Whether it falls beyond chance."""
        return self.high < 0


@dataclass(frozen=True, slots=True)
class Watched(Record):
    """``monitor.json``, beside the verdict that it was found with."""

    rule: MonitorConfig
    tasks: tuple[Kept, ...]


def contains(steps: Sequence[str], thinking: str) -> bool:
    """Whether ``thinking`` has every one of ``steps``, ignoring differences in white space."""
    words = " ".join(thinking.split())
    return all(" ".join(step.split()) in words for step in steps)


def thinking_of(text: str, *, opened: bool = False) -> str:
    """The thinking of a completion, or all of it if its thinking is not marked.

    ``opened``: its prompt began the thinking.
    """
    whole = f"{OPENED}{text}" if opened else text
    parts = split(whole)
    return whole[: parts.start] if parts.name else whole


def rule_of(config: MonitorConfig) -> Rule:
    """The rule of a policy that names steps or patterns.

    It raises ``DataError`` for a problem whose steps are not a list.
    """
    patterns = [re.compile(pattern) for pattern in config.patterns]

    def found(problem: Problem, thinking: str) -> bool | None:
        if config.steps is None:
            return all(pattern.search(thinking) for pattern in patterns)
        steps = problem.meta.get(config.steps)
        if steps is None:
            return None
        if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps):
            raise DataError(
                f"meta.{config.steps} of problem {problem.id} is not a list of strings.",
                "Correct the suite's data, or the policy's monitor.",
            )
        return contains(steps, thinking)

    return found


def refuse_unasked(config: MonitorConfig | None, service: Service | None) -> None:
    """Raise ``UsageError`` if a model is to be asked and no endpoint is configured."""
    if config is not None and config.model and service is None:
        raise UsageError(
            f"The policy's monitor asks {config.model}, but no judge endpoint is configured.",
            "Set SMALLSCALE_JUDGE_URL to an OpenAI-compatible address, such as "
            "http://localhost:8000/v1, and SMALLSCALE_JUDGE_KEY if it requires one.",
        )


def watch(
    config: MonitorConfig,
    suite: Suite,
    parent: RunFolder,
    candidate: RunFolder,
    service: Service | None = None,
) -> tuple[Kept, ...]:
    """The share of each task on both sides, paired by problem, for the tasks where it is known.

    Raises ``DataError``, and ``UsageError`` as ``refuse_unasked`` does.
    """
    refuse_unasked(config, service)
    problems = {problem.id: problem for problem in suite.problems}
    before, after = (_shares(config, run, problems, service) for run in (parent, candidate))
    found = []
    for task in suite.tasks:
        names = [
            problem.id
            for problem in suite.of(task.name)
            if problem.id in before and problem.id in after
        ]
        if names:
            found.append(_kept(task.name, [problems[name] for name in names], before, after))
    return tuple(found)


def _kept(
    task: str,
    problems: Sequence[Problem],
    before: Mapping[str, float],
    after: Mapping[str, float],
) -> Kept:
    sides = [np.array([side[one.id] for one in problems]) for side in (before, after)]
    labels = [one.cluster or one.id for one in problems]
    _, cluster = np.unique(labels, return_inverse=True)
    change = paired_difference(sides[1], sides[0], cluster.astype(np.int64))
    low, high = change.interval(_EACH_SIDE)
    parent, candidate = (float(side.mean()) for side in sides)
    return Kept(task, parent, candidate, change.value, low, high, len(problems))


def _shares(
    config: MonitorConfig,
    run: RunFolder,
    problems: Mapping[str, Problem],
    service: Service | None,
) -> dict[str, float]:
    """Problem → share of its answers that keep what is needed, where that is known."""
    items = [
        (problems[one.problem_id], thinking_of(one.text, opened=one.thinking))
        for one in tables.generations(run.generations)
        if one.problem_id in problems and not one.error
        if not config.model or one.sample_index == 0
    ]
    if service is not None and config.model:
        known = contain(service, config.model, items)
    else:
        rule = rule_of(config)
        known = (rule(*item) for item in items)
    found: dict[str, list[bool]] = {}
    for (problem, _), keeps in zip(items, known, strict=True):
        if keeps is not None:
            found.setdefault(problem.id, []).append(keeps)
    return {name: sum(values) / len(values) for name, values in found.items()}


def told(
    evaluation: Evaluation,
    config: MonitorConfig | None,
    suite: Suite,
    parent: RunFolder,
    service: Service | None = None,
) -> Evaluation:
    """``evaluation`` with what the monitor found among its notes, in its report and beside it."""
    run = evaluation.run
    if config is None or run is None:
        return evaluation
    kept = watch(config, suite, parent, run, service)
    with where_writable():
        write_json(run.path / RECORD, Watched(config, kept))
    return _noted(evaluation, kept, suite)


def recalled(evaluation: Evaluation, suite: Suite) -> Evaluation:
    """``evaluation`` with what the monitor found when its verdict was made, if it did.

    Raises ``DataError`` if ``monitor.json`` is damaged.
    """
    path = evaluation.run.path / RECORD if evaluation.run is not None else None
    if path is None or not path.is_file():
        return evaluation
    kept = from_json(
        Watched, read_json(path), str(path), "Delete it: the verdict holds without it."
    )
    return _noted(evaluation, kept.tasks, suite)


def _noted(evaluation: Evaluation, kept: Sequence[Kept], suite: Suite) -> Evaluation:
    """``evaluation`` with a note on each task, in its report files, too."""
    verdict = evaluation.verdict
    said = [sentence(one, holds=_holds(evaluation, one.task)) for one in kept]
    unknown = sorted({task.name for task in suite.tasks} - {one.task for one in kept})
    never = "it is not known whether the thinking has what the solution needs."
    said += [f"{task}: {never}" for task in unknown]
    notes = [Reason(ReasonKind.STATED, text=text) for text in said]
    verdict = replace(verdict, notes=(*notes, *verdict.notes))
    data = replace(evaluation.report, verdict=verdict)
    if evaluation.run is not None:
        with where_writable():
            files.write(evaluation.run.report, data)
    return replace(evaluation, verdict=verdict, report=data)


def _holds(evaluation: Evaluation, task: str) -> bool:
    """Whether the accuracy of a task is not worse."""
    return not any(
        check.kind is VerdictKind.REGRESSED
        for check in evaluation.verdict.checks
        if check.task == task and check.metric is Metric.ACCURACY
    )


def sentence(kept: Kept, *, holds: bool) -> str:
    """The sentence about a task; ``holds``: its accuracy is not worse."""
    ends = (kept.change, kept.low, kept.high)
    change, low, high = (formats.signed(100 * end) for end in ends)
    shares = f"{formats.rate(kept.parent)} → {formats.rate(kept.candidate)}"
    said = (
        f"{kept.task}: thinking that contains what the solution needs: {shares} of answers "
        f"({change} pp [{low}, {high}])."
    )
    if kept.falls and holds:
        return f"{said} It falls while accuracy holds: accuracy does not show what pruning lost."
    return said
