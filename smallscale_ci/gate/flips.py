"""Problems that changed from right to wrong or back, on the epochs that both runs have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smallscale_ci.gate.pairing import TaskPair
from smallscale_ci.gate.problem_means import Codes, ProblemMeans
from smallscale_ci.records import Check, Flip, Metric, Scale, VerdictKind
from smallscale_ci.stats.contrast import Vector

_MOST = 5_000  # listed
_GROWN = 50  # problems of each task that grew most


@dataclass(frozen=True, slots=True)
class Flips:
    """The flips: the list, the number to wrong and to right, and the number expected by chance."""

    listed: tuple[Flip, ...]
    number: tuple[int, int]
    by_chance: float | None  # in each direction; ``None`` if the baseline does not tell


def find_flips(pairs: Sequence[TaskPair], matched: Sequence[TaskPair] | None) -> Flips:
    """Problems whose majority changed, the largest changes first, losses before gains.

    ``matched`` holds only the baseline's samples with the indices that the candidate has, task by
    task: comparing a majority of 8 epochs with a single one shows flips in any unchanged model.
    Chance is that of two independent draws at the rates of the baseline in ``pairs``.
    """
    flips: list[Flip] = []
    lost = gained = 0
    chance: float | None = 0.0
    for pair, alike in zip(pairs, matched or pairs, strict=True):
        before, after = (s.means[Metric.ACCURACY] for s in (alike.baseline, alike.candidate))
        changed = np.flatnonzero((before - 0.5) * (after - 0.5) < 0)
        lost += int((after < before)[changed].sum())
        gained += int((after > before)[changed].sum())
        order = np.lexsort((after[changed] - before[changed], -np.abs(after - before)[changed]))
        flips += [_flip(alike, int(i)) for i in changed[order][:_MOST]]
        # A problem may have lost exactly those of the baseline's samples that the candidate has.
        baseline = pair.baseline
        if len(alike.problem_ids) < len(pair.problem_ids):
            baseline = baseline.take(alike.problem_ids.places_in(pair.problem_ids))
        expected = _by_chance(baseline, alike.candidate.judged)
        chance = None if chance is None or expected is None else chance + expected
    flips.sort(key=lambda f: (-abs(f.candidate - f.baseline), f.candidate > f.baseline))
    return Flips(tuple(flips[:_MOST]), (lost, gained), chance)


def grown(pairs: Sequence[TaskPair], checks: Sequence[Check]) -> tuple[Flip, ...]:
    """The problems that grew most in the tasks that have regressed in a length, as ``Flip``s."""
    failed = {
        check.task
        for check in checks
        if check.kind is VerdictKind.REGRESSED and check.metric.scale is Scale.LENGTH
    }
    found = []
    for pair in pairs:
        if pair.task in failed:
            growth = pair.candidate.means[Metric.TOKENS] - pair.baseline.means[Metric.TOKENS]
            found += [_flip(pair, int(i)) for i in np.argsort(-growth, kind="stable")[:_GROWN]]
    found.sort(key=lambda f: f.baseline_tokens - f.candidate_tokens)
    return tuple(found)


def _flip(pair: TaskPair, place: int) -> Flip:
    sides = [(side.means[Metric.ACCURACY], side.means[Metric.TOKENS])
             for side in (pair.baseline, pair.candidate)]  # fmt: skip
    (before, before_tokens), (after, after_tokens) = sides
    return Flip(
        task=pair.task,
        problem_id=pair.problem_ids[place],
        baseline=float(before[place]),
        candidate=float(after[place]),
        baseline_tokens=float(before_tokens[place]),
        candidate_tokens=float(after_tokens[place]),
    )


def _by_chance(baseline: ProblemMeans, samples: Codes) -> float | None:
    """Expected flips in each direction when both sides have ``samples`` of the same model."""
    if not len(samples) or baseline.judged.max(initial=0) < 2:
        return None
    share, several = baseline.means[Metric.ACCURACY], np.maximum(baseline.judged, 2)
    # Few epochs understate the variance: p(1 − p) is short by the factor (m − 1)/m.
    short = several / (several - 1)
    total = 0.0
    for count in np.unique(samples):
        rows = samples == count
        right, wrong = _majorities(share[rows], int(count))
        total += float(np.minimum(right * wrong * short[rows], 0.25).sum())
    return total


def _majorities(share: Vector, count: int) -> tuple[Vector, Vector]:
    """Chance of more right than wrong, and of more wrong than right, among ``count`` samples."""
    from scipy import special

    half = count // 2
    wrong = special.bdtr((count - 1) // 2, count, share)
    return np.asarray(special.bdtrc(half, count, share)), np.asarray(wrong)
