"""Words that a configuration file may use because a table lists them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class OneOf:
    """Restricts a field to the words of a table, as ``Literal`` does with words written out."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, *names: str, table: Iterable[str] = ()) -> OneOf:
        """The ``names``, then the keys of ``table``."""
        return cls((*names, *table))

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        """A literal of the names."""
        return core_schema.literal_schema(list(self.names))
