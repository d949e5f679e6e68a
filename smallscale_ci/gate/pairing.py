"""Samples averaged by problem, and two runs matched problem by problem."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from smallscale_ci.gate.metric import values_of
from smallscale_ci.records import Metric, Scale
from smallscale_ci.run.samples import Samples
from smallscale_ci.stats.contrast import Vector

Codes = NDArray[np.int64]

_CHANCE = 1e-6  # of an agreement that is too small to be one


@dataclass(frozen=True, eq=False)
class ProblemMeans:
    """Means over the epochs of each problem, ERRORED samples left out; NaN where none is left."""

    judged: Codes  # (problems,) samples that are not ERRORED
    means: Mapping[Metric, Vector]  # each (problems,)
    noise: Mapping[Metric, Vector]  # of lengths: variance between epochs; 0 where there is one

    def take(self, problems: Codes) -> ProblemMeans:
        """Only ``problems``, in that order."""
        return ProblemMeans(
            self.judged[problems],
            {metric: values[problems] for metric, values in self.means.items()},
            {metric: values[problems] for metric, values in self.noise.items()},
        )


@dataclass(frozen=True, eq=False)
class TaskPair:
    """One task of two runs: the problems that both have judged, row by row."""

    task: str
    problem_ids: NDArray[np.object_]  # (n,)
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

    @property
    def telling(self) -> bool:
        """Whether samples that all agree do so for a reason.

        They do where their lengths differ at all, or their outcomes within so many problems that a
        second draw would not give them again.
        """
        mine = self.candidate
        lengths = mine.noise.items()
        if any(np.ptp(mine.means[metric]) > 0 or noise.any() for metric, noise in lengths):
            return True
        right = mine.means[Metric.ACCURACY]
        again = np.square(right) + np.square(1 - right)
        return float(np.log(again) @ mine.judged) < math.log(_CHANCE)


def problem_means(samples: Samples) -> ProblemMeans:
    """Average the epochs of each problem of ``samples``."""
    good = np.flatnonzero(~samples.errored)
    # Sums depend on their order in the last digit, and verdicts must not on that of the rows.
    good = good[np.argsort(samples.sample_index[good], kind="stable")]
    problem = samples.problem[good]
    count = len(samples.problem_ids)
    judged = np.bincount(problem, minlength=count)

    means, noise = {}, {}
    for metric in Metric:
        values = values_of(samples, metric)[good]
        with np.errstate(invalid="ignore"):
            means[metric] = np.asarray(np.bincount(problem, values, count) / judged)
        if metric.scale is Scale.LENGTH:
            deviations = np.square(values - means[metric][problem])
            noise[metric] = np.bincount(problem, deviations, count) / np.maximum(judged - 1, 1)
    return ProblemMeans(judged, means, noise)


def cluster_codes(names: NDArray[np.object_]) -> Codes:
    """Codes 0…G−1 of cluster ``names``, by appearance."""
    coded = pc.dictionary_encode(pa.array(names, pa.string()))
    return np.asarray(coded.indices.to_numpy(zero_copy_only=False), dtype=np.int64)


def match_problems(candidate: Samples, baseline: Samples) -> Codes:
    """(candidate problems,) code of the same (task, problem) in ``baseline``, −1 if none."""
    match = np.full(len(candidate.problem_ids), -1, dtype=np.int64)
    for code, task in enumerate(candidate.tasks):
        if task not in baseline.tasks:
            continue
        mine = np.flatnonzero(candidate.problem_task == code)
        theirs = np.flatnonzero(baseline.problem_task == baseline.tasks.index(task))
        place = pc.index_in(
            pa.array(candidate.problem_ids[mine], pa.string()),
            value_set=pa.array(baseline.problem_ids[theirs], pa.string()),
        )
        found = np.asarray(pc.fill_null(place, -1).to_numpy(zero_copy_only=False), dtype=np.int64)
        match[mine[found >= 0]] = theirs[found[found >= 0]]
    return match


def common_samples(candidate: Samples, baseline: Samples, match: Codes) -> Codes:
    """(candidate samples,) row of the same (problem, sample_index) in ``baseline``, −1 if none."""
    width = int(max(candidate.sample_index.max(), baseline.sample_index.max())) + 1
    theirs = baseline.problem * width + baseline.sample_index
    mine = match[candidate.problem] * width + candidate.sample_index
    order = np.argsort(theirs)
    place = np.minimum(np.searchsorted(theirs[order], mine), len(theirs) - 1)
    row = order[place]
    return np.where((theirs[row] == mine) & (match[candidate.problem] >= 0), row, -1)


def agrees(candidate: Samples, baseline: Samples, row: Codes) -> bool:
    """Whether every sample of ``candidate`` is in ``baseline``, with equal outcome and tokens.

    ``row`` is what ``common_samples`` gave. ERRORED samples agree with nothing.
    """
    return bool(
        np.all(row >= 0)
        and not candidate.errored.any()
        and np.array_equal(candidate.outcome, baseline.outcome[row])
        and np.array_equal(candidate.tokens, baseline.tokens[row])
    )


def pair_tasks(
    candidate: Samples, baseline: Samples, match: Codes, order: Sequence[str]
) -> tuple[TaskPair, ...]:
    """The tasks that both runs have: those in ``order`` first, then as the candidate has them."""
    shared = [task for task in candidate.tasks if task in baseline.tasks]
    rank = {task: place for place, task in reversed(list(enumerate(order)))}
    shared.sort(key=lambda task: rank.get(task, len(rank)))
    mine, theirs = problem_means(candidate), problem_means(baseline)
    return tuple(_pair_task(candidate, baseline, match, mine, theirs, task) for task in shared)


def _pair_task(
    candidate: Samples,
    baseline: Samples,
    match: Codes,
    mine: ProblemMeans,
    theirs: ProblemMeans,
    task: str,
) -> TaskPair:
    of_task = candidate.problem_task == candidate.tasks.index(task)
    of_base = baseline.problem_task == baseline.tasks.index(task)
    paired = np.flatnonzero(of_task & (match >= 0))
    usable = paired[(mine.judged[paired] > 0) & (theirs.judged[match[paired]] > 0)]
    usable = usable[pc.sort_indices(pa.array(candidate.problem_ids[usable], pa.string()))]
    sizes = np.bincount(candidate.problem, minlength=len(of_task))
    base_sizes = np.bincount(baseline.problem, minlength=len(of_base))
    problems = int(of_task.sum() + of_base.sum()) - len(paired)
    return TaskPair(
        task=task,
        problem_ids=candidate.problem_ids[usable],
        cluster=_clusters(candidate, baseline, usable, match[usable]),
        candidate=mine.take(usable),
        baseline=theirs.take(match[usable]),
        problems=problems,
        unpaired=problems - len(paired),
        unjudged=len(paired) - len(usable),
        candidate_epochs=int(sizes[of_task].max()),
        candidate_samples=int(sizes[of_task].sum()),
        candidate_judged=int(mine.judged[paired].sum()),
        baseline_samples=int(base_sizes[of_base].sum()),
        baseline_judged=int(theirs.judged[of_base].sum()),
    )


def _clusters(candidate: Samples, baseline: Samples, mine: Codes, theirs: Codes) -> Codes:
    """Clusters as the candidate names them, or the baseline where the candidate names none."""
    own = candidate.clusters[mine]
    if candidate.clusters is not candidate.problem_ids:
        own = np.where(own == candidate.problem_ids[mine], baseline.clusters[theirs], own)
    else:
        own = baseline.clusters[theirs]
    return cluster_codes(own)
