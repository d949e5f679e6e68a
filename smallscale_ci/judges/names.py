"""Other names of an option: its number, its place, its text in the plural or as part of a name."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from smallscale_ci.judges.spelling import contains, words

if TYPE_CHECKING:
    from smallscale_ci.judges.options import Options

_ORDINALS = (
    *("first|1st", "second|2nd", "third|3rd", "fourth|4th", "fifth|5th"),
    *("sixth|6th", "seventh|7th", "eighth|8th", "ninth|9th", "tenth|10th", "last"),
)
_ORDINAL = re.compile(
    rf"(?:the\s)?(?:{'|'.join(f'({one})' for one in _ORDINALS)})\s"
    r"(?:option|choice|answer|one|statement|alternative)(?=\W|$)",
    re.IGNORECASE,
)
_COUNTS = re.compile(  # in an option's text: then a number may be the answer itself
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|zero|half|first|second|third|[ivx]+)\b",
    re.IGNORECASE,
)
_NAME_PART = re.compile(r"[A-ZÀ-ÖØ-ÞА-Я][\w'’]*|of|the|von|van|de|la|di|da|du|and|\.|-")
_LONGEST_NAME, _SHORTEST_SURNAME = 5, 4  # words, letters
# What before a name makes it another one: adjectives (Brazilian Portuguese), directions, denials.
_QUALIFIER = re.compile(
    r"\w+(?:an|ese|ish|ern|ic|al|in|ine|ous)|(?:north|south)?(?:east|west)|north|south|new|old"
    r"|upper|lower|great|not?|non|anti|pro|ex|neither|all|none|both|only",
    re.IGNORECASE,
)


def by_position(text: str, options: Options) -> int | None:
    """The option that ``text`` counts: ``the third option``, ``the last one (iron)``."""
    if (match := _ORDINAL.match(text)) is None:
        return None
    place = next(number for number, one in enumerate(match.groups()) if one)
    last = len(options.labels) - 1
    return last if place == len(_ORDINALS) - 1 else place if place <= last else None


def by_number(number: str, options: Options) -> int | None:
    """The option with that number, counted from 1, where nothing but a number can be meant."""
    place = int(number) - 1 if number.isdecimal() else -1
    known = options.texts[0] and not any(map(_COUNTS.search, options.texts))
    return place if known and 0 <= place < len(options.texts) else None


def in_full(short: str, options: Options) -> int | None:
    """The only option that is part of a name: ``David Ricardo`` for ``Ricardo``."""
    said = words(short.rstrip("."))
    if not 1 < len(said) <= _LONGEST_NAME or not all(map(_NAME_PART.fullmatch, said)):
        return None
    alike = [place for place, text in enumerate(options.words) if not set(text).isdisjoint(said)]
    own = options.words[alike[0]] if len(alike) == 1 else ()
    if not own or not contains(said, own) or not all(map(_NAME_PART.fullmatch, own)):
        return None
    before = said[: said.index(own[0])]
    return None if any(map(_QUALIFIER.fullmatch, before)) else alike[0]


def by_surname(short: str, options: Options) -> int | None:
    """The only option whose name ends so: ``Franklin`` for ``Rosalind Franklin``."""
    said = words(short.rstrip("."))
    if len(said) != 1 or not said[0].istitle() or len(said[0]) < _SHORTEST_SURNAME:
        return None
    own = [place for place, text in enumerate(options.words) if said[0] in text]
    text = options.words[own[0]] if len(own) == 1 else ()
    names = 1 < len(text) <= _LONGEST_NAME and all(map(_NAME_PART.fullmatch, text))
    if not names or text[-1] != said[0] or any(map(_QUALIFIER.fullmatch, text[:-1])):
        return None
    return own[0]


def in_plural(short: str, options: Options) -> int | None:
    """The only option that is the same up to the plural of its last word."""
    said = _singular(words(short.casefold().rstrip(".")))
    same = [place for place, own in enumerate(options.folded) if own and _singular(own) == said]
    return same[0] if len(same) == 1 else None


def _singular(text: tuple[str, ...]) -> tuple[str, ...]:
    """Words without the ``s`` of the last one's plural, where it is a longer word."""
    last = text[-1] if text else ""
    return (*text[:-1], last[:-1]) if len(last) > 4 and last.endswith("s") else text
