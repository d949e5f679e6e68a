"""One spelling of short texts: without LaTeX's and Markdown's marks, as the words that count."""

from __future__ import annotations

import re
import unicodedata

_WRAPPER = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|sc|sl|up|md|normal)?|math(?:bf|it|rm|sf|tt|cal|scr|bb|frak|normal)"
    r"|boldsymbol|pmb|bm|bf|rm|it|sf|tt|emph|underline|mbox|hbox|boxed|fbox|framebox|operatorname\*?"
    r"|displaystyle|(?:text)?color\s*\{[^{}]{0,30}\})(?![a-zA-Z])"
)
_GAP = re.compile(r"\\[ ;:]|\\q?quad(?![a-zA-Z])|~")
_FRACTION = re.compile(r"\\[dt]?frac\s*(?:\{(-?[√\w]{1,20})\}\s*\{([√\w]{1,20})\}|(\d)(\d))")
_ROOT = re.compile(r"√\s?\{(\w{1,20})\}")
_EXPONENT = re.compile(r"(?<=\d)[eE]\+?(-?\d{1,3})(?![\w.])")  # 6.0e-7
_DEGREES = re.compile(r"\s?\^\s?\{?\\circ(?![a-zA-Z])\}?|(?<=\d)\s?degrees?\b")
_SCALE = re.compile(r"(?<=\d)\s?°\s?(c|f)(?:elsius|ahrenheit)?(?!\w)", re.IGNORECASE)
_NOISE = re.compile(
    r"\\[,!]|\\(?=[%&#_$]|(?:log|ln|exp|sin|cos|tan|det|max|min|gcd)\b)|[$*{}`\"“”「」『』«»【】]|\\[()\[\]]"
)
_RAISED = re.compile(r"(?<=[\w)\]])[⁰¹²³⁴-⁹⁺⁻ⁿ]+")
_SIGNS = {  # of LaTeX, as they are typed
    "times": "×", "cdot": "·", "div": "÷", "pm": "±", "mp": "∓", "sqrt": "√", "infty": "∞",
    "le": "≤", "leq": "≤", "ge": "≥", "geq": "≥", "ne": "≠", "neq": "≠", "approx": "≈",
    "to": "→", "rightarrow": "→", "in": "∈", "cup": "∪", "cap": "∩", "Omega": "Ω",
    "alpha": "α", "beta": "β", "gamma": "γ", "delta": "δ", "epsilon": "ε", "theta": "θ",
    "lambda": "λ", "mu": "μ", "pi": "π", "rho": "ρ", "sigma": "σ", "tau": "τ", "phi": "φ",
    "omega": "ω", "Delta": "Δ", "neg": "¬", "lnot": "¬", "forall": "∀", "exists": "∃",
    "land": "∧", "lor": "∨",
}  # fmt: skip
_SIGN = re.compile(rf"\\({'|'.join(sorted(_SIGNS, key=len, reverse=True))})(?![a-zA-Z])(\s?)")
_TYPED = str.maketrans("−–‐‑⁄⋅ϵ", "----/·ε")
_DIGIT = re.compile(r"\d")
_TIMES = re.compile(r"(?<=\d)\s?[x×·*]\s?(?=10)")  # 3 x 10^8
_INDEX = re.compile(r"(?<=[A-Za-z)])_(?=\d)")  # CaF_2
_THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")
_GLUED_UNIT = re.compile(r"(?<=\d)(?=[^\W\d_])")
_PERCENT = re.compile(r"(?<=\d)\s?per\s?cent\b")
_UNITS = {  # what follows a number: names, and how they are written short
    "metre": "m", "meter": "m", "gram": "g", "second": "s", "minute": "min", "hour": "h",
    "newton": "n", "joule": "j", "watt": "w", "volt": "v", "ampere": "a", "amp": "a",
    "ohm": "ω", "hertz": "hz", "pascal": "pa", "litre": "l", "liter": "l", "mole": "mol",
    "kelvin": "k", "electronvolt": "ev", "tesla": "t", "coulomb": "c", "calorie": "cal",
}  # fmt: skip
_PREFIXES = {"kilo": "k", "centi": "c", "milli": "m", "micro": "μ", "nano": "n"}
_NAME = rf"(?:{'|'.join(_PREFIXES)})?(?:{'|'.join(_UNITS)})s?"
_MEASURE = re.compile(
    rf"(?<=\d)\s?(?:{_NAME}(?:\s?(?:squared|cubed|per|/)\s?)?)+(?!\w)|(?<=\d)\s?dollars?(?!\w)",
    re.IGNORECASE,
)
_PART = re.compile(
    rf"(?P<prefix>{'|'.join(_PREFIXES)})?(?P<unit>{'|'.join(_UNITS)})s?"
    r"|(?P<square>\s?squared)|(?P<cube>\s?cubed)|\s?per\s?|\s?/\s?",
    re.IGNORECASE,
)
_WORD = re.compile(r"\w+(?:[.,]\d+)*|[^\w\s]")
_STOPS = frozenset({".", ",", ";", "'", "’"})
_ARTICLES = frozenset({"a", "an", "the"}) | _STOPS
LONGEST = 2000  # characters of an answer that are looked at


def composed(text: str) -> str:
    """``text`` in Unicode's compatible form, in which raised digits keep their mark: ``x^2``."""
    return text if text.isascii() else unicodedata.normalize("NFKC", _RAISED.sub(r"^\g<0>", text))


def bare(text: str) -> str:
    """``text`` without LaTeX wrappers and emphasis, fractions as 1/6, signs as they are typed."""
    if "\\" in text:
        text = _ROOT.sub(r"√\1", _SIGN.sub(_typed, text))
        text = _FRACTION.sub(r"\1\3/\2\4", text) if "frac" in text else text
    text = _DEGREES.sub("°", text) if "circ" in text or "degree" in text else text
    return _NOISE.sub("", _WRAPPER.sub("", _GAP.sub(" ", text)))


def _typed(sign: re.Match[str]) -> str:
    """A sign as it is typed; a letter stands beside what follows, an operator does not."""
    typed = _SIGNS[sign[1]]
    return typed if typed.isalpha() else typed + sign[2]


def spelled(text: str) -> str:
    """``text`` in one spelling: ``60ms`` as ``60 ms``, ``1,800`` as ``1800``, CaF_2 as CaF2."""
    text = text[:LONGEST]
    if not text.isascii():
        text = composed(text).translate(_TYPED)
    if _DIGIT.search(text) is None:
        return bare(text)
    text = bare(_EXPONENT.sub(r"×10^\1", _TIMES.sub("×", text)))
    text = _MEASURE.sub(_short, _SCALE.sub(r" °\1", text) if "°" in text else text)
    text = _INDEX.sub("", text) if "_" in text else text
    text = _PERCENT.sub("%", text) if "cent" in text else text
    return _GLUED_UNIT.sub(" ", _THOUSANDS.sub("", text) if "," in text else text)


def words(text: str) -> tuple[str, ...]:
    """The words of ``text`` that tell options apart, units after numbers as they are short."""
    tokens = _WORD.findall(spelled(text))
    if len(tokens) > 2 and tokens[0] in ("A", "a") and tokens[1] in (".", ","):
        return tuple(tokens)  # a label, not an article
    kept = [token for token in tokens[:-1] if token.lower() not in _ARTICLES]
    kept += [token for token in tokens[-1:] if token not in _STOPS]  # vitamin A
    return tuple(kept) or tuple(token for token in tokens if token.isalnum())


def contains(tokens: tuple[str, ...], part: tuple[str, ...]) -> bool:
    """Whether the words ``part``, one or more, follow each other in ``tokens``."""
    return bool(part) and any(
        tokens[start : start + len(part)] == part for start in range(len(tokens) - len(part) + 1)
    )


def _short(measure: re.Match[str]) -> str:
    """``meters per second squared`` as ``m/s^2``; dollars are as silent as their sign."""
    parts = []
    for part in _PART.finditer(measure[0]):
        if part["unit"]:
            prefix = (part["prefix"] or "").lower()
            parts.append(_PREFIXES.get(prefix, "") + _UNITS[part["unit"].lower()])
        else:
            parts.append("^2" if part["square"] else "^3" if part["cube"] else "/")
    return " " + "".join(parts)
