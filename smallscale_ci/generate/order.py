"""The order in which prompts are handed out: it affects when they finish, never the answers."""

from __future__ import annotations

import random
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.run.places import Places


def arrange(
    numbers: NDArray[np.int64],
    order: str,
    *,
    places: Places,
    seed: int,
    expected: Mapping[str, float],
) -> NDArray[np.int64]:
    """Sample numbers in the order ``longest-first``, ``shuffle`` (seeded) or ``as-is``.

    ``expected`` gives the baseline's mean tokens by problem id. Longest first keeps the last
    ranks from waiting for one long answer; unknown problems count as long. Without any
    expectation it is ``as-is``.
    """
    if order == "shuffle":
        chance = random.Random(seed)  # noqa: S311 - not a secret
        return numbers[chance.sample(range(len(numbers)), len(numbers))]
    if order == "longest-first" and expected:
        tokens = np.array([expected.get(name, np.inf) for name in places.ids])
        return numbers[np.argsort(-tokens[numbers % len(places)], kind="stable")]
    return numbers
