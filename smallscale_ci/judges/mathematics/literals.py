"""Times of day, and whole numbers in other bases, as people write them."""

from __future__ import annotations

import re

from smallscale_ci.judges.mathematics.forms import Based, Time
from smallscale_ci.judges.mathematics.numerals import SMALL

_TIME = re.compile(
    r'"?\s*(\d{1,2})\s*(?::\s*(\d\d)\s*)?(?::\s*(\d\d)\s*)?["\s]*((?:[aApP]\.?\s?[mM])?)\.?\s*(o\'clock)?\s*"?'
)
_DAYTIME = re.compile(r'"?\s*(in the (?:morning|afternoon|evening)|at night)"?$')
_HOURS = {"noon": (12, "pm"), "12 noon": (12, "pm"), "midnight": (0, "am")}
_BASED = re.compile(
    r"\(?\s*\"?([0-9][0-9A-Fa-f]{0,200}|[A-F][0-9A-F]{0,200}(?=\"?\s*\)?\s*_))\"?\s*\)?"
    r"\s*(?:_\s*\{?\s*\"?\s*|\s\"?\s*\(?base[- ]?\"?\s*)\(?(\d{1,2}|[a-z]{3,8})\)?\s*\"?\s*\}?"
)
_PREFIXED = re.compile(r"0(?:b([01]+)|o([0-7]+)|x([\dA-Fa-f]+))")
_QUOTED_DIGITS = re.compile(r'\s*"\s*([\dA-F]+)\s*"\s*(?=[\dA-F"]*\s*_)')


def read_time(text: str) -> Time | None:
    """``3:30 p.m.``, ``11 in the morning``, ``noon``."""
    word = text.strip('"').lower()
    if word in _HOURS:
        return Time(_HOURS[word][0] * 3600, _HOURS[word][1])
    daytime = _DAYTIME.search(text) if " " in text else None
    half_day = ("am" if "morning" in daytime[1] else "pm") if daytime else ""
    match = _TIME.fullmatch(text[: daytime.start()] + half_day if daytime else text)
    if (
        match
        and (match[4] or match[2] or match[5])
        and int(match[1]) < 24
        and int(match[2] or 0) < 60
    ):
        half = match[4].lower().replace(".", "").replace(" ", "")
        hour = int(match[1]) % 12 + 12 * (half == "pm") if half else int(match[1])
        return Time(hour * 3600 + int(match[2] or 0) * 60 + int(match[3] or 0), half)
    return None


def read_based(text: str) -> Based | None:
    """``1011_2``, ``3C in base 16``, ``0b1011``."""
    if text[:1] == "0" and (match := _PREFIXED.fullmatch(text)):
        digits = next(filter(None, match.groups()))
        return Based(digits.lstrip("0").upper() or "0", str((2, 8, 16)[(match.lastindex or 1) - 1]))
    match = _BASED.fullmatch(_QUOTED_DIGITS.sub(r"\1", text) if '"' in text else text)
    if match:
        name = match[2]
        base = str(SMALL.index(name)) if name in SMALL else name
        return Based(match[1].lstrip("0").upper() or "0", base) if base.isdigit() else None
    return None
