"""Which columns of a row hold its options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import takewhile
from typing import Any

from smallscale_ci.suite.gold import LETTERS

_COLUMNS = ("choices", "options", "endings", "answer_choices")
_FAMILIES = (  # of columns with an option each
    *("{upper}", "op{lower}", "option_{lower}", "option_{upper}", "choice_{lower}"),
    "answer{upper}",
    *("option{number}", "option_{number}", "choice{number}", "choice_{number}", "sol{number}"),
)
_NAMES = tuple(
    tuple(
        family.format(upper=letter, lower=letter.lower(), number=number)
        for number, letter in enumerate(LETTERS, 1)
    )
    for family in _FAMILIES
)


def options_in(row: Mapping[str, Any]) -> Any:
    """What a row has as options: ``choices``, ``options``, or columns A, B, … (option1, …)."""
    for name in _COLUMNS:
        if isinstance(row.get(name), list | str | Mapping) and row[name]:
            return row[name]
    for names in _NAMES:
        texts = list(takewhile(lambda text: isinstance(text, str) and text, map(row.get, names)))
        if len(texts) > 1:
            return texts
    return None


def has_options(names: Iterable[str]) -> bool:
    """Whether columns of these names hold options."""
    known = set(names)
    families = any(known.issuperset(names[:2]) for names in _NAMES)
    return families or not known.isdisjoint(_COLUMNS)
