"""When a run is looked at, and in which order samples come: both fixed before it starts."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.gate.metric import margin_of
from smallscale_ci.gate.problem_means import Codes, ProblemMeans
from smallscale_ci.records import Metric, Scale
from smallscale_ci.stats.contrast import Vector
from smallscale_ci.stats.sequential import nominal_levels, pocock_spending

# The pass test's spending clock is the information at a look to this power, and a part of
# the level is kept for the last look. The fail test's clock is the share of epochs done, to this
# power: a false alarm at an early look ends a run that would have passed later, while a
# loss of twice the margin shows at once.
_PASS_CLOCK, _KEPT, _FAIL_CLOCK = 1.4, 0.1, 1.2
_TWINS_KEPT = 0.8  # few twins differ, and an early look cannot pass by the bounded test
_FEWEST = 100  # problems of each task that a part of an epoch must have


@dataclass(frozen=True, slots=True)
class Schedule:
    """After how many epochs a run is looked at, ascending; fractions of an epoch are allowed."""

    ends: tuple[float, ...]

    @classmethod
    def every_epoch(cls, looks: int) -> Schedule:
        """A look after each of ``looks`` epochs."""
        return cls(tuple(float(k) for k in range(1, looks + 1)))

    @classmethod
    def of(
        cls,
        first: int,
        most: int,
        policy: GatePolicy,
        problems: Iterable[int],
        *,
        within_first: bool = True,
    ) -> Schedule:
        """From ``first`` to ``most`` epochs, with the policy's looks in each.

        ``problems`` are the sizes of the tasks: small tasks get fewer looks per epoch. With
        ``first`` 1 the looks start after half of the first epoch if ``within_first``.
        """
        smallest, parts = min(problems, default=0), int(policy.looks_per_epoch)
        while parts > 1 and smallest < _FEWEST * parts:
            parts //= 2
        start = (parts + 1) // 2 if first == 1 and within_first else first * parts
        return cls(tuple(k / parts for k in range(start, most * parts + 1)))

    @property
    def looks(self) -> int:
        """How many looks there are at most."""
        return len(self.ends)

    @property
    def parts(self) -> bool:
        """Whether any look is within an epoch."""
        return any(end % 1 for end in self.ends)

    def start(self, look: int) -> float:
        """Epochs before the samples of ``look``, which counts from 1."""
        return self.ends[look - 2] if look > 1 else 0.0

    def look_at(self, epochs: float) -> int:
        """The last look that ``epochs`` epochs are enough for, at least the first."""
        return max(sum(end <= epochs + 1e-9 for end in self.ends), 1)


PARTS = (0.25, 0.5, 0.75)  # of an epoch, after which there may be a look


def part(problems: int, fraction: float) -> int:
    """How many of ``problems`` the first ``fraction`` of an epoch has."""
    return math.ceil(problems * fraction - 1e-9)


def first_order(problem_ids: Sequence[str]) -> Codes:
    """The order of the first epoch: by a hash, so that any part of it resembles the whole."""
    keys = [hashlib.sha256(str(name).encode()).digest() for name in problem_ids]
    return np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)


def later_order(problem_ids: Sequence[str], worth: Vector) -> Codes:
    """The order of later epochs: most worth first (``worth_of``), ties by hash."""
    order = first_order(problem_ids)
    return order[np.argsort(-worth[order], kind="stable")]


def worth_of(baseline: ProblemMeans, policy: GatePolicy, task: str) -> Vector:
    """(problems,) the noise that one more sample of each problem removes, per token.

    A second sample of a problem that the baseline always solves says little; one of a problem that
    it solves half of the time says most (Neyman 1934, J. R. Stat. Soc. 97, 558-625). It is the
    variance between epochs in units of the margins, divided by the length. Nothing about the
    candidate enters it.
    """
    worth = np.zeros(len(baseline.judged))
    for metric in Metric:
        margin = margin_of(policy, task, metric)
        known = metric in baseline.means and np.isfinite(baseline.means[metric]).any()
        if margin is not None and known:
            unit = metric.limit(margin)
            if metric.scale is Scale.LENGTH:
                unit *= max(float(np.nanmean(baseline.means[metric])), 1e-9)
            worth += noise_of(baseline, metric) / unit**2
    return np.nan_to_num(worth / (1 + np.nan_to_num(baseline.means[Metric.TOKENS])))


def noise_of(means: ProblemMeans, metric: Metric) -> Vector:
    """(problems,) variance between epochs; positive even for a rate that is 0 or 1 so far."""
    if metric.scale is Scale.LENGTH:
        return means.noise[metric]
    share = (means.means[metric] * means.judged + 0.5) / (means.judged + 1)
    return np.asarray(share * (1 - share))


@lru_cache(maxsize=512)
def levels(
    alpha_pass: float,
    alpha_fail: float,
    ends: tuple[float, ...],
    baseline_epochs: float,
    covered: tuple[float, ...] = (),
) -> tuple[tuple[float, float], ...]:
    """The nominal levels of the pass test and of the fail test at each look.

    ``covered`` is, for each of ``ends``, the share of the noise in the problems that have
    one sample more than the others by then; if empty, the share of the problems.
    ``baseline_epochs`` is infinite if each sample is compared only with its twin.
    """
    if len(ends) == 1:
        return ((alpha_pass, alpha_fail),)
    extra = covered or tuple(end % 1 for end in ends)
    pairs = list(zip(ends, extra, strict=True))
    known = [information(end, share, baseline_epochs) for end, share in pairs]
    kept = _TWINS_KEPT if math.isinf(baseline_epochs) else _KEPT
    passing = [
        (1 - kept) * pocock_spending(alpha_pass, (now / known[-1]) ** _PASS_CLOCK)
        for now in known[:-1]
    ]
    failing = [pocock_spending(alpha_fail, (end / ends[-1]) ** _FAIL_CLOCK) for end in ends]
    return tuple(
        zip(
            nominal_levels([*passing, alpha_pass], known),
            nominal_levels(failing, known),
            strict=True,
        )
    )


def information(end: float, extra: float, baseline_epochs: float) -> float:
    """The information after ``end`` epochs: 1/variance from the noise of both sides' samples.

    The total noise is 1, of which ``extra`` is in the problems with one sample more than others.
    """
    whole = math.floor(end)
    if whole == 0:  # a part of the problems, on both sides
        return end / (1 + 1 / baseline_epochs)
    return 1 / (extra / (whole + 1) + (1 - extra) / whole + 1 / baseline_epochs)
