"""Numbers in words: English up to the trillions with halves and dozens, Chinese numerals."""

from __future__ import annotations

import re
from fractions import Fraction

SMALL = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"),
    *("eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"),
    *("nineteen", "twenty"),
)
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_VALUES = {word: number for number, word in enumerate(SMALL)}
_VALUES |= {word: 10 * number for number, word in enumerate(_TENS, 2)} | {"a": 1, "an": 1}
LARGE = {"hundred": 100, "dozen": 12, "thousand": 10**3, "million": 10**6, "billion": 10**9}
LARGE["trillion"] = 10**12
_PARTS = {"half": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7}
_PARTS |= {"eighth": 8, "ninth": 9, "tenth": 10, "hundredth": 100, "halve": 2}
_PLACES = "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth"
ORDINALS = {word: place for place, word in enumerate(_PLACES.split(), 1)}
_MAX_WORDS = 20
_OUT_OF = re.compile(
    r"(\d{1,9}|[a-z][a-z -]{1,60}) (?:out of|in)(?: every)? (\d{1,9}|[a-z][a-z -]{1,60})"
)
_CHINESE_DIGITS = {digit: number for number, digit in enumerate("零一二三四五六七八九")} | {"两": 2}
_CHINESE_UNITS = {
    "十": 10,
    "百": 100,
    "千": 1000,
    "万": 10**4,
    "萬": 10**4,
    "億": 10**8,
    "亿": 10**8,
}
CHINESE = "".join([*_CHINESE_DIGITS, *_CHINESE_UNITS])
_CHINESE = re.compile(f"(?:([{CHINESE}]{{1,20}})分之)?([{CHINESE}]{{1,20}})")


def number_in_words(text: str) -> Fraction | None:
    """The value of ``text`` if it is a number in words and nothing else."""
    if (parts := _CHINESE.fullmatch(text)) is not None:
        below = _chinese(parts[1]) if parts[1] else Fraction(1)
        return _chinese(parts[2]) / below if below else None
    words = text.lower().replace("-", " ").replace('"', " ").split()
    if not 1 <= len(words) <= _MAX_WORDS or not all(word.isalpha() for word in words):
        return None
    sign = -1 if words[0] in ("minus", "negative") and len(words) > 1 else 1
    words = words[1:] if sign < 0 else words
    if "and" in words[1:-1] and (mixed := _mixed(words)) is not None:
        return sign * mixed
    part = _PARTS.get(words[-1]) or _PARTS.get(words[-1].removesuffix("s"))
    if part is None:
        whole = _whole(words)
        return None if whole is None else Fraction(sign * whole)
    if len(words) == 1:
        return Fraction(sign, 2) if part == 2 else None  # "third" is a place, too
    top = 1 if words[:-1] == ["a"] else _whole(words[:-1])
    return None if top is None else Fraction(sign * top, part)


def out_of(text: str) -> Fraction | None:
    """``7 out of 10`` and ``one in five``."""
    match = _OUT_OF.fullmatch(text)
    if match is None:
        return None
    top, below = (Fraction(n) if n.isdigit() else number_in_words(n) for n in match.groups())
    return top / below if top is not None and below and top <= below else None


def _mixed(words: list[str]) -> Fraction | None:
    """``three and a half``; ``None`` of anything else."""
    at = len(words) - 1 - words[::-1].index("and")
    whole, part = _whole(words[:at]), number_in_words(" ".join(words[at + 1 :]))
    if words[at + 1] in ("a", "an") and len(words) == at + 3 and words[-1] in _PARTS:
        part = Fraction(1, _PARTS[words[-1]])
    return whole + part if whole and part is not None and 0 < part < 1 else None


def _whole(words: list[str]) -> int | None:
    total = group = 0
    last = 10**15
    for word in words:
        if word == "and" and (total or group >= 100):
            continue
        value = _VALUES.get(word)
        if value is not None:
            if group % 100 and not (group % 10 == 0 and group % 100 >= 20 and 0 < value < 10):
                return None  # "two five" is not a number
            group += value
        elif word in ("hundred", "dozen"):
            group = (group or 1) * LARGE[word]
        elif word in LARGE and LARGE[word] < last:
            last = LARGE[word]
            total, group = total + (group or 1) * last, 0
        else:
            return None
    only_article = words[0] in ("a", "an") and len(words) == 1
    return None if only_article or words[-1] == "and" else total + group


def _chinese(text: str) -> Fraction:
    total = group = digit = 0
    for character in text:
        if character in _CHINESE_DIGITS:
            digit = digit * 10 + _CHINESE_DIGITS[character] if digit else _CHINESE_DIGITS[character]
            continue
        unit = _CHINESE_UNITS[character]
        if unit >= 10**4:
            total, group, digit = (total + group + digit or 1) * unit, 0, 0
        else:
            group, digit = group + (digit or 1) * unit, 0
    return Fraction(total + group + digit)
