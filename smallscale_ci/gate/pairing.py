"""Samples averaged by problem, and two runs matched problem by problem."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.gate.metric import values_of
from smallscale_ci.gate.problem_means import Codes, ProblemMeans, problem_means
from smallscale_ci.gate.worst import Lost, as_bad_as_can_be, no_means
from smallscale_ci.records import Metric, Scale
from smallscale_ci.run.names import Names
from smallscale_ci.run.samples import Samples
from smallscale_ci.stats.contrast import Vector

_DENSE = 4  # a lookup table may have this many places per sample
_CHANCE = 1e-6  # chance below which agreement is not accidental


@dataclass(frozen=True, eq=False)
class TaskPair:
    """One task of two runs: the problems judged in both, row by row."""

    task: str
    problem_ids: Names  # (n,)
    cluster: Codes  # (n,) codes 0…G−1
    candidate: ProblemMeans  # (n,)
    baseline: ProblemMeans  # (n,)
    problems: int  # in the task, on either side
    unpaired: int  # on one side only
    unjudged: int  # on both sides, but ERRORED throughout on one of them
    candidate_epochs: int  # largest number of samples of a problem, ERRORED ones included
    candidate_samples: int
    candidate_judged: int  # of the problems on both sides
    baseline_samples: int
    baseline_judged: int
    place: Vector | None = None  # (n,) place in the order of later epochs, 0 to 1, if needed
    weight: Vector | None = None  # (n,) of the problems; equal if ``None``
    lost: int = 0  # samples of the candidate that are ERRORED or missing
    absent: int = 0  # problems of the baseline that the candidate has no sample of
    shared: float = 0.0  # share of the samples, if only twins are compared (gate/shared.py)
    worst: TaskPair | None = None  # with the lost samples at their worst; None: none lost

    def knows(self, metric: Metric) -> bool:
        """Whether both sides record ``metric``."""
        sides = (self.candidate.means, self.baseline.means)
        return all(metric in means and not np.isnan(means[metric]).any() for means in sides)

    @property
    def telling(self) -> bool:
        """Whether it means something that all samples agree.

        It does if lengths differ at all, or if outcomes differ within so many problems that a
        second draw would not repeat them by chance.
        """
        mine = self.candidate
        lengths = mine.noise.items()
        if any(np.ptp(mine.means[metric]) > 0 or (noise > 0).any() for metric, noise in lengths):
            return True
        right = mine.means[Metric.ACCURACY]
        again = np.square(right) + np.square(1 - right)
        return float(np.log(again) @ mine.judged) < math.log(_CHANCE)


def clusters_of(samples: Samples, problems: Codes | NDArray[np.bool_]) -> Codes:
    """Codes 0…G−1 of the clusters of some problems; without names each problem is one."""
    names = samples.clusters[problems]
    return np.arange(len(names)) if _is_unclustered(samples) else names.codes()


def _is_unclustered(samples: Samples) -> bool:
    return samples.clusters is samples.problem_ids


def match_problems(candidate: Samples, baseline: Samples) -> Codes:
    """(candidate problems,) code of the same (task, problem) in ``baseline``, −1 if none."""
    match = np.full(len(candidate.problem_ids), -1, dtype=np.int64)
    for code, task in enumerate(candidate.tasks):
        if task not in baseline.tasks:
            continue
        mine = np.flatnonzero(candidate.problem_task == code)
        theirs = np.flatnonzero(baseline.problem_task == baseline.tasks.index(task))
        ours, others = candidate.problem_ids[mine], baseline.problem_ids[theirs]
        if ours.same_as(others):
            match[mine] = theirs  # most often, and much faster
            continue
        found = ours.places_in(others)
        match[mine[found >= 0]] = theirs[found[found >= 0]]
    return match


def common_samples(candidate: Samples, baseline: Samples, match: Codes) -> Codes:
    """(candidate samples,) row of the same (problem, sample_index) in ``baseline``, −1 if none."""
    if candidate.one_each and baseline.one_each:  # in the order of the problems
        known = match >= 0
        known &= candidate.sample_index == baseline.sample_index[match]
        return match if known.all() else np.where(known, match, -1)
    width = int(max(candidate.sample_index.max(), baseline.sample_index.max())) + 1
    theirs = baseline.problem * width + baseline.sample_index
    mine = match[candidate.problem] * width + candidate.sample_index
    mine[match[candidate.problem] < 0] = -1
    if len(baseline.problem_ids) * width <= _DENSE * (len(mine) + len(theirs)):
        row_of = np.full(len(baseline.problem_ids) * width + 1, -1)  # of key −1, there is none
        row_of[theirs] = np.arange(len(theirs))
        return np.asarray(row_of[mine])
    order = np.argsort(theirs)
    row = order[np.minimum(np.searchsorted(theirs[order], mine), len(theirs) - 1)]
    return np.where(theirs[row] == mine, row, -1)


def agrees(candidate: Samples, baseline: Samples, row: Codes) -> bool:
    """Whether every sample of ``candidate`` is in ``baseline``, with equal outcome and tokens.

    ``row`` is what ``common_samples`` gave. ERRORED samples agree with nothing.
    """
    return bool(
        np.all(row >= 0)
        and not candidate.errored.any()
        and np.array_equal(candidate.outcome, baseline.outcome[row])
        and np.array_equal(candidate.tokens, baseline.tokens[row], equal_nan=True)
    )


def pair_tasks(
    candidate: Samples,
    baseline: Samples,
    match: Codes,
    order: Sequence[str],
    *,
    complete: bool = False,
    partial: bool = False,
) -> tuple[TaskPair, ...]:
    """The tasks that both runs have: those in ``order`` first, then in the candidate's order.

    ``complete`` says that no sample of ``candidate`` is missing, although some problems may have
    more than others; ``partial`` that problems without samples are not due yet.
    """
    shared = [task for task in candidate.tasks if task in baseline.tasks]
    rank = {task: place for place, task in reversed(list(enumerate(order)))}
    shared.sort(key=lambda task: rank.get(task, len(rank)))
    sides = _Sides(candidate, baseline, match, complete, partial)
    return tuple(sides.pair(task) for task in shared)


def _by_name(names: Names, problems: Codes) -> Codes:
    """``problems`` in the order of their names: sums and verdicts must not depend on the rows'."""
    order = names[problems].order()
    return problems if order is None else problems[order]


class _Sides:
    """Two runs, with everything computed once for all tasks."""

    def __init__(
        self,
        candidate: Samples,
        baseline: Samples,
        match: Codes,
        complete: bool,
        partial: bool,
    ) -> None:
        self.partial = partial
        self.candidate, self.baseline, self.match = candidate, baseline, match
        self.mine, self.theirs = problem_means(candidate), problem_means(baseline)
        self.sizes, self.base_sizes = candidate.sizes, baseline.sizes
        expected = self.sizes
        if not complete:
            most = np.zeros(len(candidate.tasks), dtype=np.int64)
            np.maximum.at(most, candidate.problem_task, self.sizes)
            expected = most[candidate.problem_task]
        self.lost = Lost.of(candidate, expected)

    def pair(self, task: str) -> TaskPair:
        of_task = self.candidate.problem_task == self.candidate.tasks.index(task)
        of_base = self.baseline.problem_task == self.baseline.tasks.index(task)
        paired = np.flatnonzero(of_task & (self.match >= 0))
        paired = _by_name(self.candidate.problem_ids, paired)
        measured = paired[self.theirs.judged[self.match[paired]] > 0]
        usable = measured[self.mine.judged[measured] > 0]
        if self.partial:
            of_base = np.zeros_like(of_base)
            of_base[self.match[paired]] = True
        problems = int(of_task.sum() + of_base.sum()) - len(paired)
        epochs = int(self.sizes[of_task].max())
        pair = TaskPair(
            task=task,
            problem_ids=self.candidate.problem_ids[usable],
            cluster=self._codes(usable),
            candidate=self.mine.take(usable),
            baseline=self.theirs.take(self.match[usable]),
            problems=problems,
            unpaired=problems - len(paired),
            unjudged=len(paired) - len(usable),
            candidate_epochs=epochs,
            candidate_samples=int(self.sizes[of_task].sum()),
            candidate_judged=int(self.mine.judged[paired].sum()),
            baseline_samples=int(self.base_sizes[of_base].sum()),
            baseline_judged=int(self.theirs.judged[of_base].sum()),
        )
        of_base[self.match[paired]] = False
        alone = np.flatnonzero(of_base & (self.theirs.judged > 0))
        lost = int(self.lost.number[measured].sum()) + len(alone) * epochs
        if not lost:
            return pair
        worst = self._worst(pair, measured, alone)
        return replace(pair, lost=lost, absent=len(alone), worst=worst)

    def _worst(self, pair: TaskPair, measured: Codes, alone: Codes) -> TaskPair:
        """``pair`` with what is lost of its problems and all of those ``alone`` in the baseline."""
        names = [self._clusters(measured), self.baseline.clusters[alone]]
        ids = [self.candidate.problem_ids[measured], self.baseline.problem_ids[alone]]
        seen, lost = self.mine.take(measured), self.lost.take(measured)
        theirs = np.concatenate([self.match[measured], alone])
        missing = Lost.all_of(len(alone), pair.candidate_epochs)
        return replace(
            pair,
            problem_ids=Names.concatenate(ids),
            cluster=Names.concatenate(names).codes(),
            candidate=ProblemMeans.concatenate(
                [
                    as_bad_as_can_be(seen, lost, self._longest(pair.task, self.match[measured])),
                    as_bad_as_can_be(
                        no_means(len(alone)), missing, self._longest(pair.task, alone)
                    ),
                ]
            ),
            baseline=self.theirs.take(theirs),
        )

    def _codes(self, problems: Codes) -> Codes:
        if _is_unclustered(self.candidate) and _is_unclustered(self.baseline):
            return np.arange(len(problems))
        return self._clusters(problems).codes()

    def _clusters(self, problems: Codes) -> Names:
        """Clusters as the candidate names them, or the baseline where the candidate names none."""
        candidate, theirs = self.candidate, self.baseline.clusters[self.match[problems]]
        if _is_unclustered(candidate):
            return theirs
        own = candidate.clusters[problems]
        named = ~own.equal(candidate.problem_ids[problems])
        place = np.arange(len(own)) + np.where(named, len(theirs), 0)
        return Names.concatenate([theirs, own])[place]

    def _longest(self, task: str, theirs: Codes) -> dict[Metric, Vector]:
        """The longest that lost answers to the baseline's problems ``theirs`` of ``task`` could be.

        As long as the longest one of the task on either side, or, if this is shorter, as many
        times the baseline's mean of that problem as any answer of the task is of its own problem's.
        """
        found = {}
        for metric in (metric for metric in Metric if metric.scale is Scale.LENGTH):
            usual = self.theirs.means[metric]
            of_mine = np.where(self.match >= 0, usual[self.match], np.nan)
            longest = most = 0.0
            for samples, means in ((self.candidate, of_mine), (self.baseline, usual)):
                here = samples.problem_task[samples.problem] == samples.tasks.index(task)
                lengths, mean = values_of(samples, metric)[here], means[samples.problem[here]]
                longest = float(np.nanmax(lengths, initial=longest))
                with np.errstate(divide="ignore", invalid="ignore"):
                    most = float(np.nanmax(lengths / mean, initial=most))
            with np.errstate(invalid="ignore"):
                found[metric] = np.fmin(longest, most * usual[theirs])
        return found
