"""Planned samples as numbers, so that a million of them take a few megabytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from smallscale_ci.records import Prompt
from smallscale_ci.run.places import Places


class Planned:
    """Samples in the order in which they are generated; prompts are built when needed."""

    def __init__(
        self, places: Places, numbers: NDArray[np.int64], build: Callable[[str, int], Prompt]
    ) -> None:
        """``numbers`` (n,) are all different; ``build`` takes (problem_id, sample_index)."""
        self._places, self._numbers, self._build = places, numbers, build
        self._sorted = np.argsort(numbers, kind="stable")
        self._ascending = numbers[self._sorted]

    @classmethod
    def of(cls, prompts: Sequence[Prompt]) -> Self:
        """Prompts that exist already, in their order."""
        places = Places(dict.fromkeys(prompt.problem_id for prompt in prompts))
        known = {(prompt.problem_id, prompt.sample_index): prompt for prompt in prompts}
        return cls(places, places.numbers(known), lambda *key: known[key])

    def __len__(self) -> int:
        return len(self._numbers)

    def prompt(self, position: int) -> Prompt:
        """The prompt at ``position`` of the order."""
        return self._build(*self._places.key(self.number(position)))

    def number(self, position: int) -> int:
        """The number of the sample at ``position``."""
        return int(self._numbers[position])

    def position(self, problem_id: str, sample_index: int) -> int | None:
        """The position of a sample in the order, or ``None`` if it is not planned."""
        number = self._places.number(problem_id, sample_index)
        if number is None:
            return None
        found = int(np.searchsorted(self._ascending, number))
        if found == len(self._ascending) or self._ascending[found] != number:
            return None
        return int(self._sorted[found])
