"""The samples of a run averaged by problem."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.gate.metric import values_of
from smallscale_ci.records import Metric, Scale
from smallscale_ci.run.samples import Samples
from smallscale_ci.stats.contrast import Vector

Codes = NDArray[np.int64]
_Values = dict[Metric, Vector]


@dataclass(frozen=True, eq=False)
class ProblemMeans:
    """Means over the epochs of each problem without ERRORED samples; NaN if none is left."""

    judged: Codes  # (problems,) samples that are not ERRORED
    means: Mapping[Metric, Vector]  # each (problems,)
    noise: Mapping[Metric, Vector]  # of lengths: variance between epochs; 0 with one epoch

    def take(self, problems: Codes) -> ProblemMeans:
        """Only ``problems``, in that order."""
        if np.array_equal(problems, np.arange(len(self.judged))):
            return self
        return ProblemMeans(
            self.judged[problems],
            {metric: _taken(values, problems) for metric, values in self.means.items()},
            {metric: _taken(values, problems) for metric, values in self.noise.items()},
        )

    def put(self, problems: Codes, other: ProblemMeans) -> ProblemMeans:
        """These means, with ``other`` in the places of ``problems``."""

        def filled(mine: Mapping[Metric, Vector], theirs: Mapping[Metric, Vector]) -> _Values:
            made = {metric: values.copy() for metric, values in mine.items()}
            for metric, values in made.items():
                values[problems] = theirs[metric]
            return made

        judged = self.judged.copy()
        judged[problems] = other.judged
        return ProblemMeans(
            judged, filled(self.means, other.means), filled(self.noise, other.noise)
        )

    def within(self, metric: Metric) -> Vector:
        """(problems,) sum of squared deviations of the samples from their problem's mean."""
        if metric in self.noise:
            return self.noise[metric] * np.maximum(self.judged - 1, 0)
        share = self.means[metric]
        return share * (1 - share) * self.judged

    @classmethod
    def concatenate(cls, parts: Sequence[ProblemMeans]) -> ProblemMeans:
        """The problems of all ``parts``, one after the other."""

        def joined(sides: Sequence[Mapping[Metric, Vector]]) -> dict[Metric, Vector]:
            return {metric: np.concatenate([side[metric] for side in sides]) for metric in sides[0]}

        return cls(
            np.concatenate([part.judged for part in parts]),
            joined([part.means for part in parts]),
            joined([part.noise for part in parts]),
        )


def _taken(values: Vector, problems: Codes) -> Vector:
    if len(values) and not any(values.strides):  # one value for all takes no memory
        return np.broadcast_to(values[0], len(problems))
    return np.asarray(values[problems])


@lru_cache(maxsize=2)  # summary and gate need those of the same two runs
def problem_means(samples: Samples) -> ProblemMeans:
    """Average the epochs of each problem of ``samples``."""
    if samples.one_each and not samples.errored.any():
        return _of_one_each(samples)
    good = np.flatnonzero(~samples.errored)
    # A sum's last digit depends on its order, but verdicts must not depend on the rows' order.
    index = samples.sample_index[good]
    if np.any(index[1:] < index[:-1]):
        good = good[np.argsort(index, kind="stable")]
    problem = samples.problem[good]
    count = len(samples.problem_ids)
    judged = np.bincount(problem, minlength=count)

    means, noise = {}, {}
    single = bool(judged.max(initial=0) <= 1)
    unknown = np.broadcast_to(np.nan, count)  # takes no memory
    nothing = np.broadcast_to(0.0, count)
    for metric in Metric:
        if metric in samples.unknown:
            means[metric] = unknown
            if metric.scale is Scale.LENGTH:
                noise[metric] = nothing if single else unknown
            continue
        values = values_of(samples, metric)[good]
        with np.errstate(invalid="ignore"):
            means[metric] = np.asarray(np.bincount(problem, values, count) / judged)
        if metric.scale is Scale.LENGTH:
            noise[metric] = nothing if single else _variance(values, means[metric], problem, judged)
    return ProblemMeans(judged, means, noise)


def _of_one_each(samples: Samples) -> ProblemMeans:
    """``problem_means`` where each problem has one sample, in order: that is its mean."""
    nothing = np.broadcast_to(0.0, len(samples))  # takes no memory
    means = dict.fromkeys(Metric, np.broadcast_to(np.nan, len(samples)))
    for metric in (metric for metric in Metric if metric not in samples.unknown):
        values = values_of(samples, metric)
        means[metric] = values if values.any() else nothing
    lengths = [metric for metric in Metric if metric.scale is Scale.LENGTH]
    return ProblemMeans(samples.sizes, means, dict.fromkeys(lengths, nothing))


def _variance(values: Vector, mean: Vector, problem: Codes, judged: Codes) -> Vector:
    """(problems,) variance between the samples of each problem; 0 with one sample."""
    squares = np.bincount(problem, np.square(values - mean[problem]), len(judged))
    return np.asarray(squares / np.maximum(judged - 1, 1))
