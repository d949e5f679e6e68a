"""The samples of a suite as numbers, a few megabytes per million."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


class Places:
    """Numbers for a suite's samples: sample_index × problems + position of the problem."""

    def __init__(self, problem_ids: Iterable[str]) -> None:
        self.ids = tuple(problem_ids)
        self._places = {problem_id: place for place, problem_id in enumerate(self.ids)}

    def __len__(self) -> int:
        return len(self.ids)

    def number(self, problem_id: str, sample_index: int) -> int | None:
        """The number of a sample, or ``None`` for a problem of another suite."""
        place = self._places.get(problem_id)
        return None if place is None else sample_index * len(self.ids) + place

    def numbers(self, keys: Iterable[tuple[str, int]]) -> NDArray[np.int64]:
        """The numbers of many samples. Raises ``KeyError`` for a problem of another suite."""
        count = len(self.ids)
        return np.fromiter((index * count + self._places[key] for key, index in keys), np.int64)

    def key(self, number: int) -> tuple[str, int]:
        """(problem_id, sample_index) of a number."""
        return self.ids[number % len(self.ids)], number // len(self.ids)
