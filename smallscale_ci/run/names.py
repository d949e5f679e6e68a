"""Names of many problems as Arrow texts: Python's own would take four times the memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from smallscale_ci.run import columns

Codes = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Names:
    """A column of names, indexed like a numpy array: by a number, codes or a mask.

    ``texts`` (n,) has nulls only for unknown names.
    """

    texts: pa.StringArray

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """A column of ``names``."""
        return cls(pa.array(list(names), pa.string()))

    @classmethod
    def unknown(cls, count: int) -> Names:
        """``count`` unknown names."""
        return cls(pa.nulls(count, pa.string()))

    @classmethod
    def concatenate(cls, parts: Sequence[Names]) -> Names:
        """The names of all ``parts``, one after the other."""
        return cls(pa.concat_arrays([part.texts for part in parts]))

    def __len__(self) -> int:
        return len(self.texts)

    def __iter__(self) -> Iterator[str]:
        return iter(self.tolist())

    @overload
    def __getitem__(self, at: int | np.integer) -> str: ...
    @overload
    def __getitem__(self, at: NDArray[np.integer | np.bool_]) -> Names: ...
    def __getitem__(self, at: int | np.integer | NDArray[np.integer | np.bool_]) -> str | Names:
        if not isinstance(at, np.ndarray):
            return str(self.texts[int(at)])
        codes = np.flatnonzero(at) if at.dtype == np.bool_ else at
        if len(codes) == len(self) and np.array_equal(codes, np.arange(len(self))):
            return self
        return Names(self.texts.take(columns.indices(codes)))

    def tolist(self) -> list[str]:
        """As Python strings."""
        found: list[str] = self.texts.to_pylist()
        return found

    def same_as(self, other: Names) -> bool:
        """Whether both have the same names in the same order."""
        return self is other or bool(self.texts.equals(other.texts))

    def equal(self, other: Names) -> NDArray[np.bool_]:
        """(n,) whether both columns have the same name."""
        return columns.truths(pc.equal(self.texts, other.texts))

    def among(self, names: Iterable[str]) -> NDArray[np.bool_]:
        """(n,) which ones are in ``names``."""
        wanted = pa.array(list(names), pa.string())
        return columns.truths(pc.is_in(self.texts, value_set=wanted))

    def places_in(self, other: Names) -> Codes:
        """(n,) the position of each name in ``other``, −1 if it is not there."""
        found = pc.index_in(self.texts, value_set=other.texts)
        return columns.numbers(found, -1).astype(np.int64)

    def codes(self) -> Codes:
        """(n,) codes 0… of the names, by first appearance."""
        return columns.encode(pa.chunked_array([self.texts]))[0]

    def order(self) -> Codes | None:
        """(n,) the positions that sort the names; ``None`` if they are sorted."""
        if not len(self) or pc.all(pc.less_equal(self.texts[:-1], self.texts[1:])).as_py() in (
            True,
            None,
        ):
            return None
        return columns.order_of(self.texts)
