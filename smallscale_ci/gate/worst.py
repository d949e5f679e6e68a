"""The candidate with its lost samples at their worst, which the pass test must still pass.

ERRORED or missing samples need not be like the others: the longest ones run out of memory,
and the hardest ones run into a time limit. A loss is excluded only if it is excluded whatever they
would have been.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smallscale_ci.gate.metric import known_of_errored
from smallscale_ci.gate.problem_means import Codes, ProblemMeans
from smallscale_ci.records import Metric, Scale
from smallscale_ci.run.samples import Samples
from smallscale_ci.stats.contrast import Vector


@dataclass(frozen=True, eq=False)
class Lost:
    """The lost samples of a run by problem, with what is known about them."""

    number: Codes  # (problems,) ERRORED or missing
    known: Mapping[Metric, Codes]  # each (problems,): how many of those have a known value
    total: Mapping[Metric, Vector]  # each (problems,): the sum of the known values

    @classmethod
    def of(cls, samples: Samples, expected: Codes) -> Lost:
        """The samples that ``samples`` lacks of the ``expected`` (problems,) per problem."""
        count = len(samples.problem_ids)
        number = expected - np.bincount(samples.problem, minlength=count)
        if not samples.errored.any():
            nothing = np.broadcast_to(0, count), np.broadcast_to(0.0, count)  # take no memory
            known, total = (dict.fromkeys(Metric, none) for none in nothing)
            return cls(number, known, total)
        errored = samples.select(samples.errored)
        number += np.bincount(errored.problem, minlength=count)
        known, total = {}, {}
        for metric in Metric:
            values = known_of_errored(errored, metric)
            rows = ~np.isnan(values)
            problem = errored.problem[rows]
            known[metric] = np.bincount(problem, minlength=count)
            sums = np.bincount(problem, values[rows], count)
            total[metric] = np.asarray(sums, dtype=np.float64)
        return cls(number, known, total)

    @classmethod
    def all_of(cls, problems: int, samples: int) -> Lost:
        """``problems`` of which all ``samples`` are missing."""
        none, nothing = np.zeros(problems, dtype=np.int64), np.zeros(problems)
        number = np.full(problems, samples, dtype=np.int64)
        return cls(number, dict.fromkeys(Metric, none), dict.fromkeys(Metric, nothing))

    def take(self, problems: Codes) -> Lost:
        """Only ``problems``, in that order."""
        return Lost(
            self.number[problems],
            {metric: number[problems] for metric, number in self.known.items()},
            {metric: values[problems] for metric, values in self.total.items()},
        )


def as_bad_as_can_be(
    means: ProblemMeans, lost: Lost, longest: Mapping[Metric, Vector]
) -> ProblemMeans:
    """``means`` with ``lost`` counted as the worse outcome, and as ``longest`` tokens long.

    ``longest`` has (problems,) for each length, derived from the lengths seen: the token limit
    would bound every length, but with one lost sample in a thousand an unchanged model could no
    longer pass.
    """
    total = means.judged + lost.number
    filled = {}
    for metric, values in means.means.items():
        seen = np.where(means.judged > 0, values, 0.0) * means.judged
        worst = longest[metric] if metric.scale is Scale.LENGTH else max(metric.worse, 0)
        unknown = lost.number - lost.known[metric]
        filled[metric] = np.asarray((seen + lost.total[metric] + unknown * worst) / total)
    return ProblemMeans(total, filled, means.noise)


def no_means(problems: int) -> ProblemMeans:
    """``problems`` without any sample."""
    nothing = np.zeros(problems)
    lengths = [metric for metric in Metric if metric.scale is Scale.LENGTH]
    return ProblemMeans(
        np.zeros(problems, dtype=np.int64),
        dict.fromkeys(Metric, nothing),
        dict.fromkeys(lengths, nothing),
    )
