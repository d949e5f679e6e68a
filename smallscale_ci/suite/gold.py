"""A row's golds, as texts that judges accept, and its options.

The only place for these rules, shared by suites and the readers of other tools' files.

- A gold is a text, a number, a date, bytes in UTF-8, or a list of these, of which any is right; a
  list may be written as text (``['4', 'four']``). The answer of a worked solution is what
  follows ``####``, else its last box. Anything else is refused: no judge sees the ``str()``
  of a Python value.
- Options are a list of texts, also with labels (``A) 21``), as label and text, or as lines.
- A gold names an option by its text, else by its label. A number is tried as text; it is a
  position only if a base is declared (``gold_index``) or the column proves it, see ``base_of``.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_TEXT_KEYS, _LABEL_KEYS = ("text", "value", "content"), ("label", "key", "id")
_ITEM = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?)"""
# Python's and JSON's lists, and numpy's, which have no commas; at least one item has quotes.
_LIST = re.compile(rf"[\[(]\s*{_ITEM}(?:(?:\s*,\s*|\s+){_ITEM})*\s*,?\s*[\])]", re.DOTALL)
_ODD_ESCAPE = re.compile(r"(?<!\\)(?:\\\\)*\\[^\\'\"nrtxuU]")
_BOX = re.compile(r"\\(?:boxed|fbox)(?![a-zA-Z])\s*(\{)?|\\.|[{}]", re.DOTALL)
_GLUE = re.compile(r"(?:[\s$]|\\[,;! ])*(?:[,;]|and\b|or\b|\\text\{ ?(?:and|or) ?\})(?:[\s$,;])*")
_LABELLED = re.compile(r"\s*\(?([A-Z]|\d{1,2})[.):]\s*(\S.*)", re.DOTALL)
_INTEGER = re.compile(r"-?\d{1,3}(?:\.0)?")


class GoldError(ValueError):
    """A problem of a row's gold or options, as a clause: "has a gold that is …".

    ``hint`` is the next step for someone judging a file.
    """

    def __init__(self, message: str, hint: str = "Correct the row.") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Choices:
    """The options of a row. ``labels`` are the data's own; empty if it has none."""

    texts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def accepted(value: Any) -> tuple[str, ...]:
    """The answers that a gold accepts, in its order; none if it is empty.

    Raises ``GoldError`` for a value that is not an answer.
    """
    if isinstance(value, list | tuple):
        if any(isinstance(one, list | tuple | dict) for one in value):
            raise GoldError(
                "has a gold that is a list of lists, which may mean any of several",
                "Write one answer, or a list of answers any of which is right.",
            )
        texts = [text for one in value for text in accepted(one)]
        return tuple(dict.fromkeys(texts))
    text = scalar(value, "gold")
    items = listed(text)
    if items is not None:
        return accepted(items)
    answer = _solved(text)
    return (answer,) if answer.strip() else ()


def choices(value: Any) -> Choices:
    """The options in a column's value. Raises ``GoldError``."""
    if value is None or value == "":
        return Choices()
    if isinstance(value, str):
        value = _options_text(value)
    if isinstance(value, Mapping):
        value = _options_mapping(value)
    if not isinstance(value, list | tuple):
        raise GoldError("has choices that are not a list of texts")
    if value and all(isinstance(one, Mapping) for one in value):
        pairs = [(_first(one, _LABEL_KEYS), _first(one, _TEXT_KEYS)) for one in value]
    else:
        pairs = [("", one) for one in value]
    if any(isinstance(text, list | tuple | Mapping) or text is None for _, text in pairs):
        raise GoldError("has choices that are not a list of texts")
    texts = tuple(scalar(text, "choice") for _, text in pairs)
    if not all(text.strip() for text in texts):
        raise GoldError("has choices that are not a list of texts")
    labels = tuple(scalar(label, "label") for label, _ in pairs)
    return Choices(texts, labels) if all(labels) else _unlabelled(texts)


def named(golds: Sequence[str], options: Choices, base: int | None = None) -> tuple[str, ...]:
    """``golds`` with positions and the data's own labels as letters; texts stay texts.

    With a ``base``, whole numbers are positions counted from it. Raises ``GoldError`` for a
    position beyond the options and, without a base, for a number that may be one.
    """
    return tuple(_named(gold, options, base) for gold in golds) if options.texts else tuple(golds)


def base_of(rows: Iterable[tuple[Sequence[str], Choices]]) -> int | None:
    """The base of the numbers among a column's golds; ``None``: they are not positions.

    If each is the text of one of its options, they are texts. Otherwise they are positions, which
    count from 0 if a 0 is among them, and from 1 if one is the number of its row's options.
    Also ``None`` if neither is so: then ``named`` refuses the rows in question.
    """
    texts, zero, last = True, False, False
    for golds, options in rows:
        if not options.texts or options.labels:
            continue
        for gold in filter(_INTEGER.fullmatch, map(str.strip, golds)):
            texts &= _by_text(gold, options.texts) is not None
            zero |= _number(gold) == 0
            last |= _number(gold) == len(options.texts)
    if texts or not (zero or last):
        return None
    return 0 if zero else 1


def is_one(gold: str, texts: Sequence[str]) -> bool:
    """Whether ``gold`` is the text of exactly one option."""
    return _by_text(gold.strip(), texts) is not None


def listed(text: str) -> list[Any] | None:
    """The items of a list that is written as text; ``None`` for any other text.

    At least one item has quotes: ``[0, 1]`` is an interval. LaTeX keeps its backslashes.
    """
    stripped = text.strip()
    if not _LIST.fullmatch(stripped) or not re.search("['\"]", stripped):
        return None
    return [_item(item) for item in re.findall(_ITEM, stripped)]


def _item(text: str) -> str:
    if text[0] not in "'\"":
        return text
    if _ODD_ESCAPE.search(text):  # written by hand: a printed list would have escaped \pi
        return text[1:-1]
    try:
        return str(ast.literal_eval(text.replace("\n", "\\n")))
    except (SyntaxError, ValueError):
        return text[1:-1]


def scalar(value: Any, what: str) -> str:
    """The text of one value; numbers without exponent or zero fraction.

    ``what`` names it in errors. Raises ``GoldError``.
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray):
        try:
            return bytes(value).decode()
        except UnicodeDecodeError as error:
            raise GoldError(
                f"has a {what} in bytes that are not UTF-8", "Save the column as text (UTF-8)."
            ) from error
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if isinstance(value, float) and math.isnan(value):
        return ""  # spellings of a missing value in data frames
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if number.is_finite():
            is_whole = number == number.to_integral_value()
            return str(int(number)) if is_whole else f"{number:f}"
    raise GoldError(f"has a {what} that is not a text: {value!r:.60}", _as_text(value))


def _as_text(value: Any) -> str:
    """A value that is not a text, written as one."""
    if isinstance(value, bool):
        return "Write the text that is right, such as Yes or No."
    if isinstance(value, Mapping):
        return "Write only the answer, or name the column that holds it (--columns gold=NAME)."
    return "Write the answer as text."


def _solved(text: str) -> str:
    """The answer of a worked solution; any other text unchanged."""
    if "####" in text:
        tail = text.rpartition("####")[2].strip()
        return tail.partition("\n")[0].strip()
    return _boxed(text) or text


def _boxed(text: str) -> str | None:
    """The content of the last box; boxes joined by commas, "and" or "or" are one answer."""
    if "\\boxed" not in text and "\\fbox" not in text:
        return None
    spans: list[tuple[int, int, int]] = []  # start, start of the content, end of the content
    opened: list[tuple[int, int] | None] = []
    for token in _BOX.finditer(text):
        if token.group(1):
            opened.append((token.start(), token.end()))
        elif token.group() == "{":
            opened.append(None)
        elif token.group() == "}" and opened and (box := opened.pop()) is not None:
            spans = [span for span in spans if span[0] < box[0]]  # without boxes inside it
            spans.append((*box, token.start()))
    parts: list[str] = []
    for place in range(len(spans) - 1, -1, -1):
        _, inner, end = spans[place]
        if parts and not _GLUE.fullmatch(text, end + 1, spans[place + 1][0]):
            break
        parts.insert(0, text[inner:end].strip())
    return ", ".join(parts) or None


def _options_text(text: str) -> Any:
    """Options written as one text: JSON, a list, or lines with labels."""
    if (items := listed(text)) is not None:
        return items
    with_labels = [_LABELLED.fullmatch(line) for line in text.splitlines() if line.strip()]
    if len(with_labels) > 1 and all(with_labels):
        return [found[0] for found in with_labels if found]
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GoldError(f"has a value of 'choices' that is not valid JSON: {text!r:.60}") from error


def _options_mapping(value: Mapping[str, Any]) -> list[Any]:
    """``{"text": […], "label": […]}`` or ``{"A": …, "B": …}`` as a list of label and text."""
    texts, labels = _first(value, _TEXT_KEYS), _first(value, _LABEL_KEYS)
    if isinstance(texts, list):
        if not isinstance(labels, list) or len(labels) != len(texts):
            return texts
        return [{"label": one, "text": text} for one, text in zip(labels, texts, strict=True)]
    present = {str(label): text for label, text in value.items() if text is not None}
    if not present or not all(re.fullmatch(r"[A-Za-z]|\d{1,2}", label) for label in present):
        raise GoldError("has choices that are not a list of texts")
    return [{"label": one.upper(), "text": present[one]} for one in sorted(present)]


def _first(value: Mapping[str, Any], names: Sequence[str]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), "")


def _unlabelled(texts: tuple[str, ...]) -> Choices:
    """Strip labels that are part of all texts: ``A) 21``, ``B) 22``."""
    found = [_LABELLED.fullmatch(text) for text in texts]
    labels = tuple(match[1] for match in found if match)
    if len(texts) < 2 or len(labels) != len(texts):
        return Choices(texts)
    if labels not in (tuple(LETTERS[: len(texts)]), tuple(map(str, range(1, len(texts) + 1)))):
        return Choices(texts)
    return Choices(tuple(match[2].strip() for match in found if match), labels)


def _named(gold: str, options: Choices, base: int | None) -> str:
    text = gold.strip()
    number = _number(text) if _INTEGER.fullmatch(text) else None
    if number is not None and base is not None:
        return _letter(number - base, text, options)
    if _by_text(text, options.texts) is not None:
        return gold
    labelled = _LABELLED.fullmatch(text)  # "B. blue" where B is blue
    labels = options.labels or tuple(LETTERS[: len(options.texts)])
    if labelled and labelled[1].upper() in labels:
        place = labels.index(labelled[1].upper())
        if _by_text(labelled[2], options.texts) == place:
            return _letter(place, text, options)
    label = text.strip("().").upper()
    if label in options.labels:
        return _letter(options.labels.index(label), text, options)
    if number is not None and not options.labels:
        raise GoldError(
            f"has the gold {text!r}, which is the text of none of its choices and may be a "
            "position: say whether positions count from 0 or from 1 (gold_index in a suite, "
            "--gold-index for a file)",
            "Pass --gold-index 0 or --gold-index 1.",
        )
    return gold


def _letter(place: int, text: str, options: Choices) -> str:
    """An unambiguous name for the option at ``place``."""
    if not 0 <= place < len(options.texts):
        raise GoldError(
            f"has the gold {text!r}, which is beyond its {len(options.texts)} choices",
            "Correct the row, or say what positions count from (--gold-index 0 or 1).",
        )
    letter = LETTERS[place]
    return letter if _by_text(letter, options.texts) in (None, place) else options.texts[place]


def _by_text(text: str, texts: Sequence[str]) -> int | None:
    """The only option whose text is ``text``, exactly or up to case and surrounding spaces."""
    for same in (str.__str__, lambda one: one.strip().casefold()):
        found = [place for place, one in enumerate(texts) if same(one) == same(text)]
        if len(found) == 1:
            return found[0]
    return None


def _number(text: str) -> int:
    return int(float(text))
