"""Units that people write behind numbers, as powers of base units and an exact factor."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

_F = Fraction
_BASES: dict[str, dict[str, Fraction]] = {  # base unit → its spellings and their size
    "metre": {
        "m metre meter": _F(1), "mm millimetre millimeter": _F(1, 1000),
        "cm centimetre centimeter": _F(1, 100), "km kilometre kilometer": _F(1000),
        "μm um micrometer micrometre micron": _F(1, 10**6), "nm nanometer nanometre": _F(1, 10**9),
        "in inch inches": _F(254, 10_000), "ft foot feet": _F(3048, 10_000),
        "yd yard": _F(9144, 10_000), "mi mile": _F(1_609_344, 1000),
    },
    "gram": {
        "g gram": _F(1), "mg milligram": _F(1, 1000), "μg microgram": _F(1, 10**6),
        "kg kilogram": _F(1000),
        "lb pound lbs": _F(45_359_237, 100_000), "oz ounce": _F(45_359_237, 1_600_000),
        "tonne": _F(1_000_000),
    },
    "second": {
        "s sec second": _F(1), "ms millisecond": _F(1, 1000), "μs microsecond": _F(1, 10**6),
        "min minute": _F(60),
        "h hr hour": _F(3600), "day": _F(86_400), "week": _F(604_800),
    },
    "dollar": {"$ dollar usd buck": _F(1), "¢ cent": _F(1, 100)},
    "euro": {"€ euro eur": _F(1)},
    "sterling": {"£ gbp": _F(1)},
    "rupee": {"₹ rs inr rupee": _F(1)},
    "yen": {"yen jpy": _F(1)},
    "yuan": {"yuan rmb cny": _F(1)},
    "yen or yuan": {"¥": _F(1)},
    "won": {"won krw": _F(1)},
    "newton": {"N newton": _F(1), "kN": _F(1000)},
    "joule": {"J joule": _F(1), "kJ kilojoule": _F(1000)},
    "watt": {"W watt": _F(1), "kW kilowatt": _F(1000)},
    "volt": {"V volt": _F(1)},
    "ohm": {"ohm": _F(1)},
    "kelvin": {"K kelvin": _F(1)},
    "celsius": {"C celsius": _F(1)},
    "fahrenheit": {"F fahrenheit": _F(1)},
    "radian": {"rad radian": _F(1)},
}  # fmt: skip
_COMPOUND = {
    "litre": ("metre", 3, _F(1, 1000)), "liter": ("metre", 3, _F(1, 1000)),
    "L": ("metre", 3, _F(1, 1000)), "l": ("metre", 3, _F(1, 1000)),
    "ml": ("metre", 3, _F(1, 1_000_000)), "mL": ("metre", 3, _F(1, 1_000_000)),
    "milliliter": ("metre", 3, _F(1, 1_000_000)), "millilitre": ("metre", 3, _F(1, 1_000_000)),
}  # fmt: skip
_EXPANDED = {"mph": "mile per hour", "kph": "km per hour", "kmh": "km per hour", "fps": "ft per s"}
_KNOWN: dict[str, tuple[str, int, Fraction]] = dict(_COMPOUND)
for _base, _spellings in _BASES.items():
    for _names, _size in _spellings.items():
        for _name in _names.split():
            _KNOWN[_name] = (_base, 1, _size)

_DERIVED = {  # in grams, metres and seconds, a thousand of each
    "newton": {"gram": 1, "metre": 1, "second": -2},
    "joule": {"gram": 1, "metre": 2, "second": -2},
    "watt": {"gram": 1, "metre": 2, "second": -3},
}
_POWER_WORDS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_AFTER_WORDS = {"squared": 2, "cubed": 3}
_PART = re.compile(r"([a-zA-Zμ$€£¥₹¢]+|/|\*)\.?|\^?\s*\{?\(?(-?\d)\)?\}?")
CURRENCIES = "$€£¥₹"


@dataclass(frozen=True, slots=True)
class Unit:
    """A known unit: its dimensions as sorted (base, power), and its size in base units."""

    dimensions: tuple[tuple[str, int], ...]
    size: Fraction


def is_unit_word(word: str) -> bool:
    """Whether ``word`` is a unit by itself, in singular or plural."""
    return _lookup(word) is not None


@lru_cache(maxsize=1024)
def read_unit(text: str) -> Unit | None:
    """The unit that ``text`` spells, ``None`` for words that are no known unit."""
    text = " ".join(_EXPANDED.get(word, word) for word in text[:100].split())
    powers: dict[str, int] = {}
    size = Fraction(1)
    sign, next_power = 1, 1
    last: tuple[str, int, Fraction] | None = None
    for match in _PART.finditer(text):
        word, digit = match.groups()
        if digit is not None and last is not None and -4 <= int(digit) <= 4:
            extra = (int(digit) - 1) * sign
            powers[last[0]] += last[1] * extra
            size *= last[2] ** extra
        elif word in ("/", "per"):
            sign = -1
        elif word in _POWER_WORDS:
            next_power = _POWER_WORDS[word]
        elif word in _AFTER_WORDS and last is not None:
            extra = (_AFTER_WORDS[word] - 1) * sign
            powers[last[0]] += last[1] * extra
            size *= last[2] ** extra
        elif word and word not in ("*", "of"):
            last = _lookup(word)
            if last is None:
                return None
            powers[last[0]] = powers.get(last[0], 0) + last[1] * next_power * sign
            size *= last[2] ** (next_power * sign)
            next_power = 1
    if last is None:
        return None
    for name in _DERIVED.keys() & powers.keys():
        times = powers.pop(name)
        size *= Fraction(1000) ** times
        for base, power in _DERIVED[name].items():
            powers[base] = powers.get(base, 0) + power * times
    return Unit(tuple(sorted((base, power) for base, power in powers.items() if power)), size)


def _lookup(word: str) -> tuple[str, int, Fraction] | None:
    if word in _KNOWN:
        return _KNOWN[word]
    lower = word.lower()
    for spelling in (lower, lower.removesuffix("s"), lower.removesuffix("es")):
        if len(spelling) > 1 and spelling in _KNOWN:
            return _KNOWN[spelling]
    return None
