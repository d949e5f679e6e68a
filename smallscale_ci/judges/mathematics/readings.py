"""Other ways to read a text, tried where the first does not agree with the gold."""

from __future__ import annotations

import re

from smallscale_ci.judges.mathematics.equal import equal
from smallscale_ci.judges.mathematics.expression import symbols
from smallscale_ci.judges.mathematics.forms import Form, Group, Relation
from smallscale_ci.judges.mathematics.normal import clean, squeeze
from smallscale_ci.judges.mathematics.numerals import number_in_words
from smallscale_ci.judges.mathematics.quantity import Scalar, Words
from smallscale_ci.judges.mathematics.reader import read
from smallscale_ci.judges.mathematics.units import is_unit_word

# 1.234,5 and 1'234 are how some countries write; 1.200 alone is a decimal.
_ABROAD = re.compile(
    r"([-+]?\s*[€£]?\s*)(\d{1,3}(?:\.\d{3})+|\d{1,3}(?:'\d{3})+|\d+)(?:,(\d+))?(\D*)"
)
_LABELLED = re.compile(r'"?\s*(?:\(\s*)?([A-H])\s*\)(?:"[\s:.~]*|[\s:.~]+)(?!(?:and|or|&)\s)(.+?)')
_LABEL = re.compile(r'"?(?:(?:[Oo]ption|[Cc]hoice)(?:"\s*| ))?\(?([A-H])\)?"?\.?')
_PADDED = re.compile(r",0\d\d")  # what begins with a zero is the rest of a number
_LETTERS = re.compile(r"[A-H]{2,8}|[A-H](?:(?:,| and|, and) ?[A-H]){1,7}")
_LETTER = re.compile("[A-H]")
_GLUED = re.compile(r"([-+]?\d[\d.,]*)\s*(''|[\"']|[mgshlLNJWVkK])")
_MIXED = re.compile(r"(\d{1,9}) and (?:\\frac ?\{)?(\d{1,9})(?:/|\}\{)(\d{1,9})\}?")
_JUNCTION = re.compile(r"\b(?:and|or)\b")
_ANY_WHOLE = re.compile(  # the letter that stands for any whole number
    r"(?<![a-zA-Z\\])([a-zN])[\s$}]*(?:(?:\\in|∈)\s*(?:\\math(?:bb|bf)\s*)?\{?\s*[Zℤ](?![a-zA-Z^_])"
    r"|(?:\\text\{|\\ )*\s*(?:is|are|be|being)?\s*an(?:y)?\s(?:arbitrary\s)?integer\b)"
    r"|\b(?:any|all|an|every)\s(?:arbitrary\s)?integers?\s?[}$\s]*([a-zN])(?![a-zA-Z])"
)
_BRACKETED = re.compile(
    r'([-+]?\d[\d.,]*|[-+]?\\frac.{1,20}\})\s*\(\s*"?([a-z]{2,}(?: [a-z]+){0,2})"?\s*\)'
)
_GLUED_UNITS = {"''": "inch", '"': "inch", "'": "foot"}


def with_other_commas(gold: str, gold_form: Form, answer: str, *, deep: bool) -> bool:
    """``1,200`` as two numbers where the gold has commas; ``3,14`` where it is a decimal."""
    several = "," in gold and "," in answer and not _PADDED.search(gold + answer)
    if several:
        sides = [read(text, thousands=False) for text in (clean(gold), answer)]
        if equal(sides[0], sides[1], deep=deep):
            return True
    if isinstance(gold_form, Relation) and gold_form.operators == "=":  # x = 1,5
        name, _, said = answer.partition("=")
        if squeeze(name) == squeeze(gold_form.texts[0]):
            gold_form, answer = gold_form.sides[1], said.strip()
    match = _ABROAD.fullmatch(answer)
    if match is None or not isinstance(gold_form, Scalar):
        return False
    sign, whole, part, rest = match.groups()
    groups = re.split("[.']", whole)
    if part is None and "'" not in whole and len(groups) < 3:
        return False
    if len(groups) == 1 and gold_form.decimal is None:  # 5,0 may be two numbers
        return False
    if len(groups) == 1 and len(part) == 3 and len(whole) < 4 and whole != "0":
        return False  # 1,200 is a thousand
    number = f"{sign}{''.join(groups)}.{part or 0}{rest}"
    return equal(gold_form, read(number), deep=deep)


def as_choices(gold: str, gold_form: Form, answer: str, answer_form: Form, *, deep: bool) -> bool:
    """``(D) 12`` stands for ``D`` and for ``12``, whichever side it is on."""
    several = _LETTERS.fullmatch(gold) and _LETTERS.fullmatch(answer)  # ABC for A, B, C
    if several and ("," in gold) != ("," in answer):
        return set(_LETTER.findall(gold)) == set(_LETTER.findall(answer))
    left, right = _LABELLED.fullmatch(gold), _LABELLED.fullmatch(answer)
    if left and right:
        return left[1] == right[1]
    if not left and not right:
        bare = answer.upper() if len(answer.strip("()")) == 1 else answer  # b or (b) for (B)
        labels = _LABEL.fullmatch(gold), _LABEL.fullmatch(bare)
        return bool(labels[0] and labels[1] and labels[0][1] == labels[1][1])
    if left:
        label = _LABEL.fullmatch(answer)
        return label[1] == left[1] if label else equal(read(left[2]), answer_form, deep=deep)
    if right:
        label = _LABEL.fullmatch(gold)
        return label[1] == right[1] if label else equal(gold_form, read(right[2]), deep=deep)
    return False


def with_gold_letter(gold: str, gold_form: Form, answer: str, *, deep: bool) -> bool:
    """``3k+1, k ∈ Z`` for ``3n+1, n ∈ Z``: how the letter is called does not matter."""
    asked, said = _ANY_WHOLE.search(gold), _ANY_WHOLE.search(answer)
    if asked is None or said is None:
        return False
    wanted, found = asked[1] or asked[2], said[1] or said[2]
    if wanted == found or re.search(_letter(wanted), text := clean(answer)):
        return False
    return equal(gold_form, read(re.sub(_letter(found), wanted, text)), deep=deep)


def _letter(name: str) -> str:
    return rf"(?<![a-zA-Z\\]){name}(?![a-zA-Z])"


def other_junction(gold: str, gold_form: Form, answer: str) -> bool:
    """Whether one side says "and" and the other "or" between words: of numbers it is the same."""
    if not isinstance(gold_form, Group) or any(_is_number(item) for item in gold_form.items):
        return False
    said = [set(_JUNCTION.findall(text.lower())) for text in (gold, answer)]
    return bool(said[0] and said[1]) and not said[0] & said[1]


def _is_number(form: Form) -> bool:
    return not isinstance(form, Words) and not (
        isinstance(form, Scalar) and form.node[0] == "symbol"
    )


def with_spelt_number(gold_form: Form, answer: str, *, deep: bool) -> bool:
    """``thirteen students``, ``fifty percent`` and ``2 and 1/2`` where the gold is a number."""
    if (mixed := _MIXED.fullmatch(answer)) and isinstance(gold_form, Scalar):
        whole, top, below = mixed.groups()
        return int(top) < int(below) and equal(gold_form, read(f"{whole}+{top}/{below}"), deep=deep)
    words = answer.strip('"').split()
    if not isinstance(gold_form, Scalar) or symbols(gold_form.node) or not 2 <= len(words) <= 8:
        return False
    for behind in (1, 2):
        if not all(word.isalpha() for word in words[-behind:]):
            return False
        number = number_in_words(" ".join(words[:-behind]))
        longer = number_in_words(" ".join(words[: len(words) - behind + 1]))
        if number is not None and longer is None:  # "two thirds" is not two of something
            return equal(gold_form, read(f'{number} "{" ".join(words[-behind:])}"'), deep=deep)
    return False


def with_glued_unit(gold_form: Form, answer: str, *, deep: bool) -> bool:
    """``12m``, ``5k`` and ``27 (ways)`` where the gold is a number: what is behind is a unit."""
    if (behind := _BRACKETED.fullmatch(answer)) and isinstance(gold_form, Scalar):  # 27 (ways)
        unit = len(behind[2]) > 3 or is_unit_word(behind[2])
        unit = unit and number_in_words(behind[2]) is None  # 8 (nine)
        return unit and equal(gold_form, read(f'{behind[1]} "{behind[2]}"'), deep=deep)
    match = _GLUED.fullmatch(answer)
    if match is None or not isinstance(gold_form, Scalar) or symbols(gold_form.node):
        return False
    number, sign = match.groups()
    if sign in "kK":
        return equal(gold_form, read(f"{number}*1000"), deep=deep)
    length = gold_form.unit is not None and gold_form.unit.dimensions == (("metre", 1),)
    if sign == "'" and not length:
        return False  # feet, minutes, or a derivative
    return equal(gold_form, read(f'{number} "{_GLUED_UNITS.get(sign, sign)}"'), deep=deep)
