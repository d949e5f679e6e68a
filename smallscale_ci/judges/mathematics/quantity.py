"""Single quantities: a number or expression with its unit, percent sign or degrees; and words."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

from smallscale_ci.judges.mathematics.expression import Node, Unreadable, symbols
from smallscale_ci.judges.mathematics.normal import PLAIN_NUMBER
from smallscale_ci.judges.mathematics.numerals import number_in_words
from smallscale_ci.judges.mathematics.parser import FUNCTIONS, PLAIN_NAMES, parse
from smallscale_ci.judges.mathematics.units import CURRENCIES, Unit, is_unit_word, read_unit

# Quoted pieces with their powers: "kg" * "m" / "s" ^{2}. Each space has one place, so that no text
# can be matched in many ways.
_PIECE = r'"[^"]*" ?(?:\^ ?(?:\{ ?-?\d ?\}|-?\d) ?)?'
_PIECES = rf"{_PIECE}(?:(?:[/*] ?)?{_PIECE})*"
_QUOTED_END = re.compile(rf"\s*({_PIECES})$")
_UNIT_FRACTION = re.compile(rf"\\frac ?\{{ ?({_PIECES})\}} ?\{{ ?({_PIECES})\}}$")
_UNIT_END = re.compile(
    r"(?<=[\d)}\s.⟫°])\s*((?:[€£¥₹¢]|[a-zA-Zμ]+\.?(?:\s?\^\s?\{?-?\d\}?)?(?:\s*[/*]\s*|\s+(?!$)|$)){1,8})$"
)
_CURRENCY = re.compile(
    rf"^([-+]?)\s*(?:\\\$|[{CURRENCIES}]|\"?(?:USD|EUR|GBP|Rs\.?|US)\"?(?=[\s\d\\$]))+\s*"
)
_DECIMAL = re.compile(
    r"([-+]?)\s*(\d*)(?:\.(\d*))?(?:\s*\*\s*10\s*\^\s*(?:\{\s*([-+]?\d{1,4})\s*\}|([-+]?\d{1,4})))?"
)
_COUNTED = re.compile(r"[a-z][ ,]+\d")  # a second number in what follows the first
_ORDINAL = re.compile(r"(?<=\d)\s*\^?\s*\{?\s*\"?(?:st|nd|rd|th)\"?\s*\}?$")
_NTH = re.compile(r"(?<=\d)(?:st|nd|rd|th)\b")
_FUNCTION = re.compile(r"\\?(?:cis|sin|cos|tan|cot|sec|csc)")
_COMPOUND = re.compile(
    r'(\d{1,20}(?:\.\d{1,20})?)\s*"?\s*([a-zA-Z]{1,12})\.?\s*"?[\s,]*("?and"?\s*)?'
)
_ARC = re.compile(r"""(-?)\s*(\d{1,5})\s*°\s*(\d{1,2})\s*'(?:\s*(\d{1,2})\s*(?:''|"))?""")
_VOWEL = re.compile("[aeiouyAEIOUY]")
_GLUED = frozenset(  # abbreviations that people write behind a number without a space
    {"mph", "kph", "kmh", "kwh", "rpm", "bpm", "mpg", "ppm", "ppb", "pts", "pcs", "yrs", "cts"}
    | {
        "kbps",
        "mbps",
        "gbps",
        "mmhg",
        "hrs",
        "lbs",
        "dpi",
        "fps",
        "wpm",
        "kcal",
        "pct",
        "pmol",
        "mmol",
    }
)
_WORD = re.compile(r"[^\W_]+")
_PLURAL = re.compile(r"ies$|(?<=ss|sh|ch)es$|(?<=[xz])es$|(?<!s)s$")
_PHRASE = re.compile(r"[A-Za-z]+(?: [A-Za-z]+)+")
_NAMES = re.compile(rf"\b(?:{'|'.join(sorted(FUNCTIONS | PLAIN_NAMES))})\b")
_LONG_WORD = re.compile(r"\b(?=[a-z]*[aeiou])[a-z]{3,}\b", re.IGNORECASE)
_ALIKE = {
    ("impossible",): ("not", "possible"),
    ("infinitely", "many", "solutions"): ("infinitely", "many"),
    ("infinite",): ("infinitely", "many"),
    ("infinite", "solutions"): ("infinitely", "many"),
    ("infinitely", "many", "values"): ("infinitely", "many"),
    ("does", "not", "exist"): ("dne",),
    ("diverges",): ("divergent",),
    ("not", "defined"): ("undefined",),
    ("converges",): ("convergent",),
}
_ANYTHING = frozenset(  # one of these for another is no other answer
    {"way", "possibility", "arrangement", "combination", "permutation", "choice"}
    | {"solution", "root", "value", "number", "integer", "pair", "triple", "element", "term"}
    | {"people", "person", "student", "children", "child", "kid", "men", "women", "player"}
    | {"unit", "time", "item", "piece", "thing", "object", "case", "outcome", "total", "more"}
)
_ARTICLES = frozenset({"a", "an", "the", "is", "it"})
# Alice wins, Alice has a winning strategy: then her name is the answer.
_WINS = re.compile(
    r"(?<=\w) (?:wins|(?:will|can|must|always) (?:always )?win|has winning strategy)$"
)
_BEFORE = frozenset({"there", "on", "at", "in", "all", "every", "any"})
_SHORT_WORDS = frozenset(
    [
        "am",
        "an",
        "as",
        "at",
        "be",
        "by",
        "do",
        "go",
        "he",
        "hi",
        "if",
        "in",
        "is",
        "it",
        "me",
        "my",
        "no",
        "of",
        "oh",
        "ok",
        "on",
        "or",
        "so",
        "to",
        "up",
        "us",
        "we",
    ]
)
_QUALITY = re.compile(  # of an unknown, and no unit of it
    r'^[a-zA-Z] ?"(?:is )?(?:an? )?(?:even|odd|prime|positive|negative|rational|irrational)\b'
)
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september"),
    *("october", "november", "december"),
)
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_LONG_NAMES = {name[:3]: name for name in _MONTHS + _DAYS}
_LONG_NAMES |= {"tues": "tuesday", "sept": "september"}
_DATE = re.compile(
    r"(?:([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?"
    r"|(\d{1,2})(?:st|nd|rd|th)?(?: of)? ([a-z]{3,9})\.?)"
    r"(?:,? (\d{4}))?"
)
_ISO_DATE = re.compile(r"(\d{4})-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])(?:[t ]00:00(?::00)?)?")


@dataclass(frozen=True, slots=True)
class Decimal:
    """A literal with a decimal point or a power of ten: value, last place, significant digits."""

    value: Fraction
    last_place: Fraction
    digits: int


@dataclass(frozen=True, slots=True)
class Scalar:
    """One quantity. ``unit`` is known, or absent; ``text`` is without unit, % and °."""

    text: str
    node: Node
    decimal: Decimal | None
    unit: Unit | None = None
    percent: bool = False
    degrees: bool = False
    noun: frozenset[str] = frozenset()  # the words behind a number that are no known unit


@dataclass(frozen=True, slots=True)
class Words:
    """Text, as lower-case words without articles."""

    words: tuple[str, ...]
    product: bool = False  # a word in small letters: ab may be a product, AB is a name


@dataclass(frozen=True, slots=True)
class Opaque:
    """What cannot be read."""

    text: str


def read_quantity(text: str) -> Scalar | Words | Opaque:  # noqa: PLR0911 - rule by rule
    """The quantity or words in cleaned ``text`` without brackets or separators."""
    if PLAIN_NUMBER.fullmatch(text):
        node: Node = ("number", Fraction(text.lstrip("-")))
        return Scalar(text, ("-", node) if text[0] == "-" else node, _decimal(text))
    if _QUALITY.search(text):
        return _words(text)
    body, unit_text, degrees = _without_unit(text)
    unit = read_unit(unit_text) if unit_text else None
    noun = _noun(unit_text) if unit_text and unit is None else frozenset()
    percent = body.endswith("%")
    body = body.removesuffix("%").rstrip()
    if body.endswith("°") and not _FUNCTION.search(body):
        body, degrees = body[:-1].rstrip(), True
    body = _ORDINAL.sub("", body)
    if body[:1].isalpha() and (value := number_in_words(body)) is not None:
        return Scalar(str(value), ("number", value), None, unit, percent, degrees, noun)
    try:
        node = parse(body)
    except Unreadable:
        return _words(text)
    except RecursionError:  # the parser's own limit is lower; this is a second line of defence
        return Opaque(text)
    if not unit and not degrees and not percent and re.fullmatch(r"[A-Za-z]{2,4}", text):
        word = re.search("[aeiou]", text.lower()) or text.isupper()  # AB and CD are names
        word = word and node[0] in ("symbol", "*")
        return _words(text) if word else Scalar(body, node, None)
    if node[0] == "*" and _PHRASE.fullmatch(text) and _LONG_WORD.search(_NAMES.sub("", text)):
        return _words(text)  # "a kite" is not a product
    return Scalar(body, node, _decimal(body), unit, percent, degrees, noun)


def product_of(form: object) -> Node | None:
    """The product of the letters of a short word that may be one, and of a quantity its tree."""
    if isinstance(form, Scalar):
        return form.node if form.unit is None else None
    word = form.words[0] if isinstance(form, Words) and len(form.words) == 1 else ""
    if not word.isascii() or not word.isalpha() or word in _SHORT_WORDS:
        return None
    if not form.product:  # type: ignore[attr-defined]
        return None
    return parse(word) if len(word) == 2 or (len(word) in (3, 4) and _neighbours(word)) else None


def read_date(text: str) -> Words | None:
    """``5 January``, ``Jan. 5`` and ``2024-01-05`` as words in one order, else ``None``."""
    if iso := _ISO_DATE.fullmatch(text):
        return Words((_MONTHS[int(iso[2]) - 1], iso[3].lstrip("0"), iso[1]))
    match = _DATE.fullmatch(text)
    month = (match[1] or match[4]) if match else ""
    month = _LONG_NAMES.get(month, month)
    if match is None or month not in _MONTHS:
        return None
    year = (match[5],) if match[5] else ()
    return Words((month, (match[2] or match[3]).lstrip("0"), *year))


def read_compound(text: str) -> Scalar | None:
    """``2 hours 30 minutes``, ``12 dollars and 50 cents``: the sum, in its smallest unit.

    ``22°30'`` is one, too, in degrees.
    """
    if arc := _ARC.fullmatch(text):
        angle = Fraction(arc[2]) + Fraction(int(arc[3]), 60) + Fraction(int(arc[4] or 0), 3600)
        angle = -angle if arc[1] else angle
        return Scalar(str(angle), ("number", angle), None, degrees=True)
    total, at = Fraction(0), 0
    units: list[Unit] = []
    while at < len(text):
        match = _COMPOUND.match(text, at)
        unit = read_unit(match[2]) if match else None
        if match is None or unit is None or len(units) == 4:
            return None
        if units and (unit.dimensions != units[-1].dimensions or unit.size >= units[-1].size):
            return None
        total += Fraction(match[1]) * unit.size
        units.append(unit)
        at = match.end()
    if len(units) < 2:
        return None
    value = total / units[-1].size
    return Scalar(str(value), ("number", value), None, units[-1])


def _words(text: str) -> Words | Opaque:
    found = _WORD.findall(_NTH.sub("", text.lower()))
    words = tuple(word for word in found if word not in _ARTICLES) or tuple(found)
    words = words[: -len(won[0].split())] if (won := _WINS.search(" ".join(words))) else words
    if len(words) > 1 and words[0] in _BEFORE:  # on a Sunday, all odd integers
        words = words[1:]
    plain = not re.search(r'[\\^=+*/<>|∩∪]|"mod"|_\{?\d', text)  # P(A|B) is a name
    words = _ALIKE.get(words, words)
    if len(words) == 1:
        words = (_LONG_NAMES.get(words[0], words[0]),)
    if len(words) > 1 and words[-1] == "triangle":  # isosceles
        words = words[:-1]
    if len(words) == 2 and words[0] == "triangle":  # ABC
        words = words[1:]
    return Words(words, text.islower()) if words and plain else Opaque(text)


def _noun(text: str) -> frozenset[str]:
    """The words of ``red apples`` in singular, without those that name no kind of thing."""
    found = (word for word in _WORD.findall(text.lower()) if len(word) > 2)
    words = {_PLURAL.sub(lambda end: "y" if end[0] == "ies" else "", word) for word in found}
    return frozenset() if words & _ANYTHING else frozenset(words)


def _without_unit(text: str) -> tuple[str, str, bool]:
    """Body, unit, and whether it is degrees. Unknown words behind a number go, too."""
    body, unit_text = text, ""
    if match := _CURRENCY.match(body):
        unit_text = match[0].strip(' +-\\"').split("\\")[-1][:3].rstrip(".")
        body = match[1] + body[match.end() :]
    body = _UNIT_FRACTION.sub(r"\1/\2", body)
    quoted = _QUOTED_END.search(body)
    if quoted and body[: quoted.start()].strip() and not _COUNTED.search(quoted[1]):
        unit_text = unit_text or quoted[1].replace('"', " ").strip()
        body = body[: quoted.start()].strip()
    elif (match := _UNIT_END.search(body)) and _are_units(match[1], body[: match.start(1)]):
        unit_text = unit_text or match[1]
        body = body[: match.start()].strip()
    if re.match(r"(?:degree|deg)s?\b", unit_text.lower()):
        unit_text = re.sub(r"(?i)^deg(?:ree)?s?\s*", "", unit_text)
        return body, unit_text, True
    if unit_text.lower().startswith(("percent", "per cent")) or unit_text.lower() == "pct":
        return body + "%", "", False
    return body, unit_text, False


def _are_units(text: str, body: str) -> bool:
    """Words behind a value: a unit, or after a plain number any words (apples)."""
    words = re.findall(r"[a-zA-Zμ]+|[€£¥₹¢]", text)
    known = [word for word in words if word not in ("per", "square", "sq", "cubic")]
    if known and all(is_unit_word(word) for word in known):
        if any(len(word) > 1 or not word.isalpha() for word in words):
            return True
        return (len(words) > 1 or body.endswith((" ", '"', "°"))) and _is_number(body)
    glued, body = body == body.rstrip(), body.rstrip()
    plain = re.fullmatch(r"[-+]?\s*[\d.,\s/()+]+|.*\}\s*", body)
    first = (known or words)[0]
    letters = _neighbours(first)  # 3xyz
    letters = letters or (glued and first not in _GLUED and not _VOWEL.search(first))  # 2mgh
    factors = words == [first] and len(first) < 5 and letters
    called = len(first) > 2 and words[0].lower() not in ("sin", "cos", "tan", "log")
    return bool(plain) and called and not factors


def _neighbours(letters: str) -> bool:
    """Whether they follow each other in the alphabet, in any order."""
    return all(ord(b) - ord(a) == 1 for a, b in pairwise(sorted(letters)))


def _is_number(text: str) -> bool:
    """Whether it is a value, no unknowns: behind ``x^2 +`` and ``m g`` a letter is not a unit."""
    try:
        return not symbols(parse(re.sub(r'"[^"]*"', "", text)))
    except Unreadable:
        return False


def _decimal(text: str) -> Decimal | None:
    match = _DECIMAL.fullmatch(text.strip())
    if match is None or not (match[2] or match[3]) or len(text) > 400:
        return None
    exponent = int(match[4] or match[5] or 0)
    if match[3] is None and not (match[4] or match[5]):
        return None
    if abs(exponent) > 1000:
        return None
    places = len(match[3] or "")
    digits = (match[2] or "") + (match[3] or "")
    last_place = Fraction(10) ** (exponent - places)
    value = int(digits) * last_place * (-1 if match[1] == "-" else 1)
    if value.denominator == 1 and not exponent:
        return None  # 27.0 is the integer
    return Decimal(value, last_place, len(digits.lstrip("0")))
