"""The order in which prompts are handed out: it changes when they finish, never what they say."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from smallscale_ci.records import Prompt


def arrange(
    prompts: Sequence[Prompt], order: str, *, seed: int, expected: Mapping[str, float]
) -> list[Prompt]:
    """``prompts`` in the order ``longest-first``, ``shuffle`` (seeded) or ``as-is``.

    ``expected`` gives the baseline's mean tokens by problem id. Longest first keeps the last
    ranks from waiting for one long answer; unknown problems count as long. Without any
    expectation it is ``as-is``.
    """
    if order == "shuffle":
        return random.Random(seed).sample(prompts, len(prompts))  # noqa: S311 - not a secret
    if order == "longest-first" and expected:
        return sorted(prompts, key=lambda p: -expected.get(p.problem_id, float("inf")))
    return list(prompts)
