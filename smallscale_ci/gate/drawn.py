"""Pseudo-runs judged look by look: the gate's decisions on drawn samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.gate.checks import decided, mean_checks, overall, task_checks
from smallscale_ci.gate.futility import out_of_reach
from smallscale_ci.gate.metric import margin_of
from smallscale_ci.gate.pairing import TaskPair, pair_tasks
from smallscale_ci.gate.problem_means import Codes, ProblemMeans
from smallscale_ci.gate.reasons import allowance
from smallscale_ci.gate.schedule import Schedule, part, worth_of
from smallscale_ci.gate.trial import Grid, Pool
from smallscale_ci.records import Check, Metric, Outcome, Scale, VerdictKind
from smallscale_ci.run.names import Names
from smallscale_ci.run.samples import OUTCOMES, Samples
from smallscale_ci.stats.contrast import Vector

_CORRECT, _WRONG, _UNPARSED, _ERRORED = (
    OUTCOMES.index(one)
    for one in (Outcome.CORRECT, Outcome.WRONG, Outcome.UNPARSED, Outcome.ERRORED)
)


@dataclass(frozen=True, slots=True)
class Trial:
    """How one pseudo-run ended: verdict, epochs taken, and the candidate's tokens."""

    kind: VerdictKind
    epochs: float
    tokens: float


def judged(
    drawn: Sequence[Drawn], policy: GatePolicy, schedule: Schedule, baseline_epochs: int
) -> Trial:
    """Look at ``drawn`` until there is a verdict, or none is in reach."""
    kind, look = VerdictKind.INCONCLUSIVE, 0
    for look in range(1, schedule.looks + 1):
        checks = _checks(drawn, policy, look, schedule)
        kind = overall(checks)
        if kind is not VerdictKind.INCONCLUSIVE or out_of_reach(
            checks, policy, look, schedule, float(baseline_epochs)
        ):
            break
    end = schedule.ends[look - 1]
    return Trial(kind, end, sum(one.tokens(end) for one in drawn))


def _checks(
    drawn: Sequence[Drawn], policy: GatePolicy, look: int, schedule: Schedule
) -> tuple[Check, ...]:
    raw: list[Check] = []
    for metric in dict.fromkeys(metric for one in drawn for metric in one.gated):
        raw += (check for one in drawn for check in one.checks(metric, look, schedule))
        if policy.gated == "mean":
            end = schedule.ends[look - 1]
            pairs = [one.pair(end, (metric,), parts=schedule.parts) for one in drawn]
            raw += mean_checks(pairs, policy, look, schedule, describe=False)
    return decided(raw)


class Drawn:
    """A baseline, and a candidate's samples epoch by epoch."""

    def __init__(
        self,
        pool: Pool,
        policy: GatePolicy,
        rng: np.random.Generator,
        grids: Mapping[Metric, Grid],
        baseline_epochs: int,
    ) -> None:
        """``grids`` come from ``draw``, everything else from ``pool``."""
        self.pool, self.policy, self.grids = pool, policy, grids
        self.baseline_epochs, self.start = baseline_epochs, baseline_epochs * pool.repeats
        problems = len(pool.cluster)
        self.baseline = self._means(np.arange(problems), 0, self.start, tuple(grids))
        self.first = rng.permutation(problems)
        self.gated = tuple(m for m in grids if margin_of(policy, pool.task, m) is not None)
        self._like: tuple[Drawn, Metric] | None = None
        self._known: dict[tuple[Metric, int], Sequence[Check]] = {}

    def checks(self, metric: Metric, look: int, schedule: Schedule) -> Sequence[Check]:
        """The check of ``metric`` at ``look``, if it is gated; computed once."""
        if metric not in self.gated:
            return ()
        if self._like is not None and metric is not self._like[1]:
            return self._like[0].checks(metric, look, schedule)
        key = metric, look
        if key not in self._known:
            pair = self.pair(schedule.ends[look - 1], (metric,), parts=schedule.parts)
            self._known[key] = task_checks(
                pair, self.policy, look, schedule, (metric,), describe=False
            )
        return self._known[key]

    def with_grid(self, metric: Metric, grid: Grid) -> Drawn:
        """The same samples except for the candidate's ``metric``; other checks are reused."""
        other = copy(self)
        vars(other).update(grids={**self.grids, metric: grid}, _like=(self, metric), _known={})
        return other

    @cached_property
    def later(self) -> Codes:
        """(n,) the order of later epochs."""
        worth = worth_of(self.baseline, self.policy, self.pool.task)
        return np.asarray(self.first[np.argsort(-worth[self.first], kind="stable")])

    @cached_property
    def place(self) -> Vector:
        """(n,) where each problem is in that order, from 0 to 1."""
        found = np.empty(len(self.later))
        found[self.later] = np.arange(len(found)) / len(found)
        return found

    def tokens(self, end: float) -> float:
        """Tokens of the candidate after ``end`` epochs."""
        whole, repeats, grid = int(end), self.pool.repeats, self.grids[Metric.TOKENS]
        last = self.start + whole * repeats
        rows = (self.later if whole else self.first)[: part(len(grid), end - whole)]
        return float(grid[:, self.start : last].sum() + grid[rows, last : last + repeats].sum())

    def pair(
        self, end: float, metrics: Sequence[Metric] | None = None, *, parts: bool = True
    ) -> TaskPair:
        """Both sides after ``end`` epochs, in all ``metrics`` if ``None``.

        ``parts`` says that some looks are within an epoch.
        """
        metrics = tuple(self.grids) if metrics is None else metrics
        whole, repeats = int(end), self.pool.repeats
        count = part(len(self.pool.cluster), end - whole)
        if whole == 0:
            rows = np.sort(self.first[:count])
            cluster = np.unique(self.pool.cluster[rows], return_inverse=True)[1]
            candidate = self._means(rows, self.start, self.start + repeats, metrics)
            return _pair(self.pool, candidate, self.baseline.take(rows), cluster, None)
        last = self.start + whole * repeats
        everything = np.arange(len(self.pool.cluster))
        candidate = self._means(everything, self.start, last, metrics)
        if count:
            rows = self.later[:count]
            more = self._means(rows, self.start, last + repeats, metrics)
            candidate = candidate.put(rows, more)
        place = self.place if parts else None
        return _pair(self.pool, candidate, self.baseline, self.pool.cluster, place)

    def _means(self, rows: Codes, first: int, last: int, metrics: Sequence[Metric]) -> ProblemMeans:
        """The means of some samples, as the gate takes them of a run."""
        judged = last - first
        parts = {m: self.grids[m][rows, first:last] for m in metrics if m in self.grids}
        return ProblemMeans(
            np.full(len(rows), judged, dtype=np.int64),
            {metric: values.mean(1) for metric, values in parts.items()},
            {
                metric: values.var(1, ddof=1) if judged > 1 else np.zeros(len(rows))
                for metric, values in parts.items()
                if metric.scale is Scale.LENGTH
            },
        )


class Errored(Drawn):
    """Samples of which as many are ERRORED as ``policy`` allows, chosen to favour the candidate."""

    def __init__(self, like: Drawn, metric: Metric | None, rng: np.random.Generator) -> None:
        """Lose the worst samples by ``metric``; random ones if it is ``None``."""
        super().__init__(like.pool, like.policy, rng, like.grids, like.baseline_epochs)
        mine = next(iter(self.grids.values()))[:, self.start :]
        self._errored: NDArray[np.bool_] = np.zeros(mine.shape, dtype=np.bool_)
        share, repeats = 1 - self.policy.min_judged, self.pool.repeats
        for first in range(0, mine.shape[1], repeats):
            epoch = self._errored[:, first : first + repeats]
            worst = rng.random(epoch.shape)
            if metric is not None:
                from_ = self.start + first
                worst += metric.worse * self.grids[metric][:, from_ : from_ + repeats] * 1e3
            number = allowance(share, epoch.size)
            places = np.argsort(-worst, axis=None)[:number]
            epoch[np.unravel_index(places, epoch.shape)] = True
        self._pairs: dict[float, TaskPair] = {}

    def pair(
        self, end: float, metrics: Sequence[Metric] | None = None, *, parts: bool = True
    ) -> TaskPair:
        """As ``Drawn.pair``, but from samples like a run's, and always with all metrics."""
        if end not in self._pairs:
            self._pairs[end] = self._pair(end, parts=parts)
        return self._pairs[end]

    def _pair(self, end: float, *, parts: bool) -> TaskPair:
        whole, repeats = int(end), self.pool.repeats
        count = part(len(self.pool.cluster), end - whole)
        taken = np.full(len(self.pool.cluster), whole * repeats)
        taken[(self.later if whole else self.first)[:count]] += repeats
        mine = np.arange(self._errored.shape[1])[None, :] < taken[:, None]
        candidate = self._samples(np.argwhere(mine), self._errored, self.start)
        every = np.argwhere(np.ones((len(taken), self.start), dtype=np.bool_))
        baseline = self._samples(every, np.zeros((len(taken), self.start), dtype=np.bool_), 0)
        (pair,) = pair_tasks(
            candidate, baseline, np.arange(len(taken)), (), complete=True, partial=end < 1
        )
        if not (parts and whole):
            return pair
        return replace(pair, place=self.place[[int(name) for name in pair.problem_ids]])

    def _samples(self, at: NDArray[np.int64], errored: NDArray[np.bool_], start: int) -> Samples:
        """The samples ``at`` (samples, 2) rows and columns of the grids from ``start`` on."""
        rows, columns = np.hsplit(at, 2)
        rows, columns = rows.ravel(), columns.ravel()
        found = {metric: grid[rows, start + columns] for metric, grid in self.grids.items()}
        lost = errored[rows, columns]
        nothing = np.zeros(len(rows))
        right = found.get(Metric.ACCURACY, nothing)
        outcome = np.where(right > 0, _CORRECT, _WRONG)
        outcome[found.get(Metric.MISSING, nothing) > 0] = _UNPARSED
        outcome[lost] = _ERRORED
        thinking, looping = found.get(Metric.THINKING), found.get(Metric.LOOPING)
        if thinking is None and Metric.ANSWER in found:
            thinking = found[Metric.TOKENS] - found[Metric.ANSWER]
        names = Names.of(f"{number:09d}" for number in range(len(errored)))
        return Samples(
            tasks=(self.pool.task,),
            problem_ids=names,
            problem_task=np.zeros(len(errored), dtype=np.int32),
            clusters=Names.of(f"{code:09d}" for code in self.pool.cluster),
            problem=rows,
            sample_index=columns.astype(np.int32),
            outcome=outcome.astype(np.int8),
            tokens=np.where(lost, np.nan, found[Metric.TOKENS]),
            truncated=found.get(Metric.TRUNCATION, nothing) > 0,
            thinking=None if thinking is None else np.where(lost, np.nan, thinking),
            looping=None if looping is None else looping > 0,
        )


def _pair(
    pool: Pool,
    candidate: ProblemMeans,
    baseline: ProblemMeans,
    cluster: Codes,
    place: Vector | None,
) -> TaskPair:
    n = len(cluster)
    return TaskPair(
        task=pool.task,
        problem_ids=Names.unknown(n),
        cluster=cluster,
        candidate=candidate,
        baseline=baseline,
        problems=n,
        unpaired=0,
        unjudged=0,
        candidate_epochs=int(candidate.judged.max()),
        candidate_samples=int(candidate.judged.sum()),
        candidate_judged=int(candidate.judged.sum()),
        baseline_samples=int(baseline.judged.sum()),
        baseline_judged=int(baseline.judged.sum()),
        place=place,
    )
