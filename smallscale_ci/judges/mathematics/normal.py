r"""Answers as one spelling: LaTeX, Unicode and plain typing of the same thing become the same text.

The result is what ``forms`` and ``expression`` read: ``\frac \sqrt \sin`` and other commands with
a meaning stay; operators and relations are single characters; set braces are ``⦃ ⦄``, ordinary
braces only group; words from ``\text{…}`` stand in double quotes; ``°`` marks degrees. All steps
are regular expressions without nested repetition, linear in the length of the text.
"""

from __future__ import annotations

import html
import math
import re
import unicodedata
from collections.abc import Callable
from fractions import Fraction

from smallscale_ci.judges.mathematics.cjk import in_english
from smallscale_ci.judges.mathematics.numerals import LARGE
from smallscale_ci.judges.mathematics.parser import FUNCTIONS

_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋ₙ", "0123456789+-n")
_CHARACTERS = {
    "−": "-", "–": "-", "—": "-", "‐": "-", "‑": "-", "×": "*", "·": "*", "⋅": "*", "∙": "*",
    "÷": "/", "∕": "/", "⁄": "/", "√": r"\sqrt ", "∛": r"\sqrt[3] ", "π": r"\pi ", "⩽": "≤",
    "⩾": "≥", "“": '"', "”": '"', "’": "'", "′": "'", "‘": "'", "，": ",", "。": ".", "％": "%",
    "º": "°", "˚": "°", "µ": "μ", "\u200b": "", "\ufeff": "", "\x00": "", "θ": r"\theta ",
    "α": r"\alpha ", "β": r"\beta ", "∖": "∖", "∅": "∅", "ℝ": "ℝ", "∶": ":",
}  # fmt: skip
_CHARACTER_TABLE = str.maketrans(_CHARACTERS)

_COMMANDS = {
    "cdot": "*", "times": "*", "ast": "*", "div": "/", "slash": "/", "le": "≤", "leq": "≤",
    "leqslant": "≤", "ge": "≥", "geq": "≥", "geqslant": "≥", "ne": "≠", "neq": "≠", "lt": "<",
    "gt": ">", "in": "∈", "cup": "∪", "bigcup": "∪", "cap": "∩", "setminus": "∖", "backslash": "∖",
    "infty": "∞", "pm": "±", "mp": "∓", "approx": "≈", "simeq": "≈", "langle": "⟨", "rangle": "⟩",
    "emptyset": "∅", "varnothing": "∅", "degree": "°", "colon": ":", "mid": "|", "vert": "|",
    "lvert": "|", "rvert": "|", "lbrace": "⦃", "rbrace": "⦄", "lbrack": "[", "rbrack": "]",
    "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉", "prime": "'", "to": "→",
    "dfrac": r"\frac ", "tfrac": r"\frac ", "cfrac": r"\frac ", "dbinom": r"\binom ",
    "tbinom": r"\binom ", "choose": r"\choose ", "ldots": "…", "dots": "…", "cdots": "…",
    "lor": " or ", "vee": " or ", "land": " and ", "wedge": " and ", "implies": "⇒", "iff": "⇔",
    "Rightarrow": "⇒", "Leftrightarrow": "⇔", "rightarrow": "→", "varphi": r"\phi ",
    "varepsilon": r"\epsilon ", "vartheta": r"\theta ", "varrho": r"\rho ", "euro": "€",
    "pounds": "£", "percent": "%", "arccot": r"\arccot ",
    "tg": r"\tan ", "ctg": r"\cot ", "cosec": r"\csc ", "arctg": r"\arctan ", "exponentialE": "e",
    "imaginaryI": "i", "textdollar": r"\$", "newline": " ", "lparen": "(", "rparen": ")",
    "angle": "∠", "measuredangle": "∠", "triangle": "△",
    "textdegree": "°", "sim": "≈", "equiv": "≡", "lg": r"\log_{10} ", "circ": "°", "ell": "l",
    "thinspace": " ", "nobreakspace": " ", "space": " ",
}  # fmt: skip
_PRESENTATION = re.compile(
    r"\\(?:left|right|[bB]igg?[lrm]?|displaystyle|textstyle|scriptstyle|limits|nolimits|mathstrut|"
    r"quad|qquad|hfill|checkmark|therefore|blacksquare|square|Box|qed|centering|rm|bf|it|mathop|strut|Large|large|huge)(?![a-zA-Z])\.?"
)
_COMMAND = re.compile(r"\\([a-zA-Z]+)")
_TEXT = re.compile(
    r"\\(?:text|mbox|textrm|textbf|textit|textsf|textnormal|mathrm|mathsf|operatorname\*?|hbox|"
    r"textup|emph)\s*\{([^{}]*)\}"
)
_UNWRAP = re.compile(
    r"\\(?:mathbf|boldsymbol|bm|vec|hat|tilde|mathit|mathcal|boxed|fbox|ensuremath|underline|"
    r"mathbf|overrightarrow|text|mathrm|textbf|operatorname|widehat)(?![a-zA-Z])"
)
_COLOUR = re.compile(
    r"\\(?:color|textcolor)\s*\{[^{}]*\}|\\[hv]space\*?\s*\{[^{}]*\}|\\(?:label|phantom)\{[^{}]*\}"
)
_REALS = re.compile(r"\\(?:mathbb|mathbf|Bbb)\s*\{?\s*R\s*\}?|\\R(?![a-zA-Z])|\bR(?=\s*∖)")
_UNEQUAL = re.compile(r"(?<=\s)!=|(?<![\dkmn)\s])!=")  # n!=120 is a factorial
_DOUBLED = re.compile(r"\\{2,4}(?=[a-zA-Z{}%$,!;:])")
_PRIME = re.compile(r"\^\s*\{?\s*((?:\\prime(?![a-zA-Z])\s*)+)\}?")
_DEGREES = re.compile(
    r"\^\s*(?:\{\s*(?:\\circ|\\degree|°)\s*\}|\\circ|\\degree|°)|(?<=\d)\^(?:o|\{o\})(?![a-zA-Z])"
)
_JOINED = re.compile(  # \\cotx, where a blank was lost
    r"\\(arcsin|arccos|arctan|sin|cos|tan|cot|sec|csc|ln|log)([xyztabnA-Z])(?![a-zA-Z])"
)
_SPACE_COMMAND = re.compile(r"\\(?:[,;:!> ]|(?=\d))|~|\\\n|\\$")
_THIN_GROUP = re.compile(r"(?<=\d)(?:,\\!|\{,\}|\\[,;: !])\s*(?=\d{3}(?!\d))")
_SPACE_GROUP = re.compile(r"(?<![\d.,])\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?![\d])")
_APOSTROPHE_GROUP = re.compile(r"(?<![\d.,'])\d{1,3}(?:'\d{3})+(?![\d'])")  # 12'345
_LATEX_COMMA = re.compile(r"(?<=\d)\{,\}(?=\d)")
_MATRIX = re.compile(
    r"\\begin\s*\{([bBpvV]?(?:small)?matrix|array)\}(?:\s*\{[lcr| ]*\})?"
    r"|\\end\s*\{(?:[bBpvV]?(?:small)?matrix|array)\}"
)
_ROW_BREAK = re.compile(r"\\\\(?:\[\d{0,4}\.?\d{0,4}[a-z]{2}\])?|\\cr(?![a-zA-Z])")
_LINES = re.compile(
    r"\\begin\s*\{((?:aligned|align|gathered|split|equation|cases)\*?)\}(.*?)\\end\s*\{\1\}",
    re.DOTALL,
)
_LEFT_BRACE = re.compile(
    r"\\left\s*\\(?:\{|lbrace)\s*\\begin\s*\{array\}(?:\s*\{[lcr|@{} ]{0,20}\})?(.*?)"
    r"\\end\s*\{array\}\s*\\right\s*\.",
    re.DOTALL,
)
_IF = re.compile(
    r"\\(?:text|mbox|textrm|mathrm)\s*\{\s*,?\s*(?:if|for|when|otherwise|else)\b", re.IGNORECASE
)
_REPEATING = re.compile(r"(\d{0,30})\.(\d{0,30})\\(?:overline|bar|dot)\s*\{?(\d{1,30})\}?")
_ELLIPSIS = re.compile(
    r"(?<![\d.])(\d{0,30})\.(?=\d{3,5}(?:\.{3}|…))(\d{0,3}?)(?:(\d)\3{1,4}|(\d\d)\4)(?:\.{3}|…)"
)
_CYCLE = re.compile(r"(-?)(\d{1,30})\.(\d{0,30})\((\d{1,30})\)")  # 0.1(6)
_MIXED_SLASH = re.compile(r"(?<![\d.^/_)}])(\d+)\s+(\d+)\s?/\s?(\d+)(?![\d.])")
_MIXED_FRACTION = re.compile(
    r"(?<![\d.^/_)}])(\d+)\s*(\\frac\s*(?:\{\s*(\d+)\s*\}|(\d))\s*(?:\{\s*(\d+)\s*\}|(\d)))"
)
_SCIENTIFIC = re.compile(r"(?<![\d.,a-zA-Z])(\d+(?:\.\d*)?|\.\d+)[eE]([-+]?\d{1,6})(?![\d.a-zA-Z])")
_LARGE_WORD = re.compile(
    rf'(?<=\d)\s*(")?\s*((?:(?:{"|".join(LARGE)})s?\b\s*){{1,4}})(")?', re.IGNORECASE
)
_SUPER_RUN = re.compile(r"[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
_SUB_RUN = re.compile(r"[₀₁₂₃₄₅₆₇₈₉₊₋ₙ]+")
_TEXT_POWER = re.compile(r"(\\(?:text|mathrm|textrm)\s*\{[^{}]{0,100})\^\s*\{(-?\d)\}")
_NUMBER_IN_TEXT = re.compile(r'"(\d[\d.,]*) ([a-zA-Z]+)"(?=\s*\^)')  # \text{8 cm}^2
_BRACED_COLON = re.compile(r"(?<=\d)\{([:;])\}(?=\d)")
_BASED_BAR = re.compile(r"\\overline\s*\{([0-9A-F]{1,200})\}(?=\s*_)")
_SEGMENT = re.compile(r"\\(?:overline|bar)\s*\{\s*([A-Z]{2})\s*\}")
_OVERLINE = re.compile(r"\\overline(?![a-zA-Z])")
_CUP = re.compile(r"(?<=[\])⦄])\s*U\s*(?=[\[(⦃])")
_REALS_WITHOUT = re.compile(r"ℝ\s*-\s*(?=⦃)")
_MODULO = re.compile(
    r"(?:\(\s*)?(?:\\[pb]?mod|(?<![a-z])mod)(?![a-z])\s*(?:\{([^{}]*)\}|(\d+))\s*\)?"
)
_REMAINDER = re.compile(r"(?<!\()\\bmod(?![a-zA-Z])")
_CHOOSE = re.compile(  # written with C
    r"(?:\{\}\s*)?[_^]\{?(\d{1,4})\}?\s*C_\{?(\d{1,4})\}?|\bC_\{?(\d{1,4})\}?\^\{?(\d{1,4})\}?"
)
_MICRO = re.compile(r'(?:"\\mu\s*|\\mu\s*")(?=(?:[msgLlCFAV]|meters?|metres?)\b)')
_OHM = re.compile(r"(?<=[\d}])\s*\\Omega\s*$")
_WHERE = re.compile(r'[,;]?"\s*where\b.*$', re.IGNORECASE | re.DOTALL)
_WHOLE = re.compile(  # behind n\\pi
    r"""(?<=\S)\s*(?:
        (?:[,;(]|"(?:for|with)")\s*[jklmnNt]\s*\\in\s*\\(?:mathbb|mathbf)?\s*\{?Z\}?
      | [,;(]?\s*"\s*(?:for|with)\s(?:any|all|every|an)\s(?:arbitrary\s)?integers?
        \s*"?\s*[jklmnNt]\s*"?
      | (?:[,;(]|"(?:for|with)")\s*[jklmnNt]\s*"\s*(?:is\s|being\s)?an(?:y)?\sinteger\s*"
    )\s*\)?\s*$""",
    re.VERBOSE,
)
_LEAD = re.compile(
    r'^"?(?:the )?(?:final |correct )?answer(?: is)?\s*:?\s*"?\s*(?=[^\s"])'
    r'|^"(?:about|approximately|roughly|exactly|there (?:are|is)|a total of)"\s*(?=[\d\\])'
    r'|^"?(?:total|sum|result|value|solution|area|volume|probability):"?\s*(?=[-\d\\$])'
    r'|^"(?![^"]*\b(?:not|no|more|less|least|most|if|or|and)\b)(?:the |its |our )[a-z][a-z ]{2,40}'
    r'\s(?:is|are|equals)(?: exactly| therefore)?"?\s*(?=[-\d\\$])',
    re.IGNORECASE,
)
PLAIN_NUMBER = re.compile(r"-?\d{1,300}(?:\.\d{1,90})?")
_STARS = re.compile(r"^\s*\*+(?=[^*])|(?<=[^*])\*+\s*$")  # emphasis
_ENTITY = re.compile(r"&(?:#\d{1,6}|#x[\da-fA-F]{1,5}|[a-zA-Z]{2,8}\d{0,2});")
_IN_DOLLARS = re.compile(r"\s*\\\$([^$]*?)\\\$\s*")
_DOLLAR = re.compile(r"(?<!\\)\$")
_ENDS = re.compile(r"^[\s=:,;≈⇒`]+|[\s=,;:.!`⏎]+$")
_SPACE = re.compile(r"(?<![^\W_])\s+|\s+(?![^\W_])|(?<=\d)\s+(?!\d)|(?<!\d)(?<![a-zA-Z])\s+(?=\d)")
_OVER = re.compile(r"\{([^{}]*)\\over(?![a-zA-Z])([^{}]*)\}")
_OPENED = re.compile(r"\s*(?:\\left\s*)?(?:\(|\\\{|\\lbrace)")
_QUOTE_PARTS = re.compile(r"^([\s,.;:]*)(.*?)([\s,;:]*)$", re.DOTALL)


def clean(text: str) -> str:
    """``text`` in the one spelling described above."""
    if PLAIN_NUMBER.fullmatch(text):
        return text
    text = _STARS.sub("", _undoubled(_unicode(without_entities(text))))
    if 0 < (missing := text.count("{") - text.count("}") - text.count(r"\{")) < 3:
        text += "}" * missing if r"\}" not in text else ""  # the end was forgotten
    latex = "\\" in text
    while latex and (shorter := _TEXT_POWER.sub(r"\1^\2", text)) != text:
        text = shorter
    if r"\begin" in text:
        text = _LEFT_BRACE.sub(r"\\begin{cases}\1\\end{cases}", text)
    if latex:
        text = _LINES.sub(_lines, _COLOUR.sub(" ", _ROW_BREAK.sub("⏎", text)))
        text = _MATRIX.sub(_matrix_mark, text)
    if r"\bmod" in text and "equiv" not in text and "≡" not in text:
        text = _REMAINDER.sub(' "rem" ', text)
    if "C_" in text:
        text = _CHOOSE.sub(r"\\binom{\1\3}{\2\4}", text)
    text = _rewritten(_dollars(text) if "$" in text else text, _GROUPED)
    if "\\" in text:
        text = text.replace(r"\{", "⦃").replace(r"\}", "⦄").replace(r"\%", "%").replace(r"\|", "|")
        text = text.replace(r"\(", " ").replace(r"\)", " ").replace(r"\[", " ").replace(r"\]", " ")
        text = text.replace(r"\&", "&").replace(r"\#", "#").replace(r"\_", "_")
    text = _rewritten(text, _COMMANDED)
    text = text.replace("**", "^").replace("<=", "≤").replace(">=", "≥")
    text = _rewritten(text, _NUMBERED)
    text = _trim(_without_lead(_trim(re.sub(r"\s+", " ", text))))
    text = in_english(text)
    cycle = _CYCLE.fullmatch(text)
    return cycle[1] + _recurring(cycle[2], cycle[3], cycle[4]) if cycle else text


def _rewritten(text: str, steps: tuple[_Step, ...]) -> str:
    """``text`` after ``steps``, in turn; most need a character that it does not have."""
    for needed, pattern, written in steps:
        if needed in text:
            text = pattern.sub(written, text)
    return text


def _without_lead(text: str) -> str:
    lead = _LEAD.match(text)
    if lead is None:
        return text
    rest = text[lead.end() :]
    return rest.replace('"', "", 1) if lead[0].count('"') == 1 else rest


def without_entities(text: str) -> str:
    """``x &lt; 5`` as ``x < 5``."""
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text) if "&" in text else text


def squeeze(text: str) -> str:
    """``text`` without white space but between words and between digits, to compare texts."""
    return _SPACE.sub("", text)


def _unicode(text: str) -> str:
    if text.isascii():
        return text.replace("\x00", "")
    text = _SUPER_RUN.sub(lambda match: f"^{{{match[0].translate(_SUPERSCRIPTS)}}}", text)
    text = _SUB_RUN.sub(lambda match: f"_{{{match[0].translate(_SUBSCRIPTS)}}}", text)
    pieces = []
    for character in text.translate(_CHARACTER_TABLE):
        if character.isascii():
            pieces.append(character)
        elif (value := unicodedata.decimal(character, None)) is not None:
            pieces.append(str(value))
        elif unicodedata.category(character) == "No":  # ½ and its like
            pieces.append(_vulgar(character))
        else:
            pieces.append(unicodedata.normalize("NFKC", character))
    return "".join(pieces)


def _undoubled(text: str) -> str:
    """Without the second backslash that JSON or Python put before commands."""
    if "\\\\" not in text:
        return text
    if "\\\\begin" in text:
        return text.replace("\\\\", "\\")
    return text if "\\begin" in text else _DOUBLED.sub(r"\\", text)


def _vulgar(character: str) -> str:
    value = unicodedata.numeric(character, None)
    if value is None:
        return character
    ratio = Fraction(value).limit_denominator(1000)
    return f"\\frac{{{ratio.numerator}}}{{{ratio.denominator}}}"


def _dollars(text: str) -> str:
    """Without ``$`` as a mark of formulas; one that is left over before a number is a currency."""
    if escaped := _IN_DOLLARS.fullmatch(text):
        return escaped[1]
    if len(_DOLLAR.findall(text)) % 2:
        text = re.sub(r"(?<!\\)\$(?=\s*[\d.])", r"\\$", text, count=1)
    return _DOLLAR.sub(" ", text)


def _quote(match: re.Match[str]) -> str:
    before, inside, after = _QUOTE_PARTS.match(match[1]).groups()  # type: ignore[union-attr]
    if not any(character.isalpha() for character in inside):
        return match[1]
    if inside.lower() in ("and", "or") or inside in ("e", "i"):
        return f"{before} {inside} {after}"
    behind = match.string[match.end() :]
    extreme = inside in ("max", "min") and _OPENED.match(behind)  # else minutes
    if extreme or inside in ("lcm", "gcd", "cis"):
        return rf"{before} \{inside} {after}"
    if inside in FUNCTIONS and behind.strip(" .,$\\)]"):  # else seconds
        return rf"{before} \{inside} {after}"
    return f'{before} "{inside}" {after}'


def _large(match: re.Match[str]) -> str:
    """``million`` as a power of ten; a quoted unit that follows stays quoted."""
    factor = math.prod(LARGE[word.removesuffix("s")] for word in match[2].lower().split())
    zeros = len(str(factor)) - 1
    written = f"10^{{{zeros}}}" if factor == 10**zeros else f"{factor}^{{1}}"  # worked out
    opened, closed = match[1], match[3]
    if opened and closed:  # both were about the word alone
        return f"*{written}"
    return f"*{written}" + (' "' if opened else closed or "")


def _lines(match: re.Match[str]) -> str:
    """Lines of equations as a list; cases in brackets of their own; other columns stay."""
    body = re.sub(r"&\s*(?==)|(?<==)\s*&", "", match[2])
    if match[1].startswith("cases") and ("&" in body or _IF.search(body)):
        return f"⧼{body}⧽"
    return match[0] if "&" in body else ",".join(line for line in body.split("⏎") if line.strip())


def _matrix_mark(match: re.Match[str]) -> str:
    if match[1] is None:
        return "⟫"
    return "⟪" if match[1] not in ("vmatrix", "Vmatrix") else "\\det⟪"


def _both(match: re.Match[str]) -> str:
    return f"{{{match[2][1:]}{max(match[1], match[3])}}}"


def _repeating(match: re.Match[str]) -> str:
    return _recurring(*match.groups())


def _going_on(match: re.Match[str]) -> str:
    """``0.1666…``: what was repeated before the dots goes on. Six digits need no such help."""
    return _recurring(match[1], match[2], match[3] or match[4])


def _recurring(whole: str, fixed: str, cycle: str) -> str:
    value = Fraction(int(cycle), (10 ** len(cycle) - 1) * 10 ** len(fixed))
    value += Fraction(int((whole or "0") + fixed), 10 ** len(fixed))
    return f"({value.numerator}/{value.denominator})"


def _mixed(match: re.Match[str]) -> str:
    top, bottom = match[3] or match[4], match[5] or match[6]
    if len(top) > 30 or len(bottom) > 30 or int(top) >= int(bottom):
        return match[0]
    return f"({match[1]}+{match[2]})"


def _trim(text: str) -> str:
    """Without punctuation at the ends; an ellipsis and a factorial's mark stay."""
    text = text.strip()
    while True:
        shorter = _ENDS.sub("", text) if not text.endswith("!") else text.strip()
        if shorter.endswith("\\"):
            shorter = shorter[:-1]
        if shorter == text:
            return text
        text = shorter


# ``P(A ∩ B)`` and ``P(B ∩ A)``: one name for the event.
_EVENTS = re.compile(r"(?<![A-Za-z])P\s?\(\s?([A-Z])\s?(\\c[au]p)(?![a-zA-Z])\s?([A-Z])\s?\)")
# What every match of a pattern holds, the pattern, and what is written in its place.
_Step = tuple[str, re.Pattern[str], str | Callable[[re.Match[str]], str]]
_GROUPED: tuple[_Step, ...] = (
    ("\\", _TEXT, _quote),
    ("mod", _MODULO, r' "mod" \1\2'),
    (r"\mu", _MICRO, '"μ'),
    ('"', _NUMBER_IN_TEXT, r'\1 "\2"'),
    ("\\", _UNWRAP, ""),
    (r"\over", _OVER, r"\\frac{\1}{\2}"),
    ("", _THIN_GROUP, ""),
    ("{,}", _LATEX_COMMA, "."),
    ("{", _BRACED_COLON, r"\1"),
    ("\\", _PRESENTATION, " "),
)
_COMMANDED: tuple[_Step, ...] = (
    ("P", _EVENTS, lambda match: f"P({'_'.join((min(match[1], match[3]), _both(match)))})"),
    ("R", _REALS, "ℝ"),
    ("\\", _JOINED, r"\\\1 \2"),
    (r"\prime", _PRIME, lambda match: "'" * match[1].count("p")),
    ("^", _DEGREES, "°"),
    (r"\overline", _BASED_BAR, r"\1"),
    ("\\", _REPEATING, _repeating),
    ("\\", _SEGMENT, r"\1"),
    (r"\overline", _OVERLINE, r"\\bar"),
    ('"', _WHERE, ""),
    ("", _SPACE_COMMAND, " "),
    ("", _WHOLE, ""),
    (r"\Omega", _OHM, ' "ohm"'),
    ("\\", _COMMAND, lambda match: _COMMANDS.get(match[1], match[0])),
    (".", _ELLIPSIS, _going_on),
    ("U", _CUP, "∪"),
    ("ℝ", _REALS_WITHOUT, "ℝ∖"),
)
_NUMBERED: tuple[_Step, ...] = (
    ("!=", _UNEQUAL, "≠"),
    ("", _SPACE_GROUP, lambda match: re.sub(r"\s", "", match[0])),
    ("'", _APOSTROPHE_GROUP, lambda match: match[0].replace("'", "")),
    ("/", _MIXED_SLASH, r"(\1+\2/\3)"),
    (r"\frac", _MIXED_FRACTION, _mixed),
    ("", _SCIENTIFIC, r"\1*10^{\2}"),
    ("", _LARGE_WORD, _large),
)
