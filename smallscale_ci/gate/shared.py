"""Whether a run repeats its baseline's draws: the same seeds, and most answers the same.

Such samples carry no noise of their own. Each is then compared only with its twin instead of with
all epochs of the baseline: the remaining differences carry all the information.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.gate.pairing import TaskPair
from smallscale_ci.gate.problem_means import Codes
from smallscale_ci.run.samples import Samples

ENOUGH = 0.5  # share from which the twins alone say more than any number of epochs


def shared_draws(candidate: Samples, baseline: Samples, row: Codes) -> float:
    """The share of ``candidate``'s samples that are the same draws as in ``baseline``, 0 to 1.

    ``row`` is what ``common_samples`` gave. It is the share that agrees in outcome and tokens,
    beyond what two epochs of the baseline do (Cohen's κ): short answers agree by chance. It is 0
    if samples have no twin or if the baseline has a single epoch.
    """
    if not len(row) or np.any(row < 0) or np.isnan(candidate.tokens).all():
        return 0.0
    order = np.lexsort((baseline.sample_index, baseline.problem))
    problem = baseline.problem[order]
    next_to = np.flatnonzero(problem[1:] == problem[:-1])
    if not len(next_to):
        return 0.0
    chance = float(_alike(baseline, order[next_to], baseline, order[next_to + 1]).mean())
    good = np.flatnonzero(~candidate.errored & ~baseline.errored[row])
    agreed = float(_alike(candidate, good, baseline, row[good]).sum()) / len(row)
    return (agreed - chance) / (1 - chance) if agreed > chance else 0.0


def with_shared(pairs: Sequence[TaskPair], share: float) -> tuple[TaskPair, ...]:
    """``pairs``, which hold only twins, marked with the ``share`` of equal draws."""
    return tuple(
        replace(pair, shared=share, worst=pair.worst and replace(pair.worst, shared=share))
        for pair in pairs
    )


def _alike(one: Samples, rows: Codes, other: Samples, others: Codes) -> NDArray[np.bool_]:
    return np.asarray(
        (one.outcome[rows] == other.outcome[others]) & (one.tokens[rows] == other.tokens[others])
    )
