"""The lines of an answer, and the options whose labels they begin with."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from smallscale_ci.judges.options import Named, Options, plain
from smallscale_ci.judges.spelling import LONGEST, words

# Symbols before a line, such as an arrow or a tick, but no cross.
_LINE = re.compile(r"[ \t>]*(?:[^\w\s(\[{$\\\"'“*`_<❌✗✘]{1,4}[ \t]+)?(.*?)[ \t]*")
_EMPTY = re.compile(r"\s*(?:(?:```|~~~)\w*|[-*_=]{3,}|\$\$|\\[\[\]])?\s*")
_STATES = re.compile(  # Answer: C
    r"\W*(?:(?:final|correct|my|the|new)\s)*(?:answer|antwort|réponse|respuesta|risposta|resposta|ответ)\W*:",
    re.IGNORECASE,
)
_LABEL_AND_TEXT = re.compile(r"\W*(\w)\W+(.+)", re.DOTALL)
NO = re.compile(
    r"\b(?:not|never|cannot|nicht|pas|no|non|não|не|depends)\b|n['’]t\b|不|未必", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Claim:
    """A place in the text, and the option that it names there."""

    start: int
    named: Named
    strong: bool
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A line that holds something, without the marks before it."""

    start: int
    text: str
    place: int | None  # of the option that it names by its label
    listed: bool  # part of a list of options


def says_no_more(line: str, options: Options, place: int) -> bool:
    """Whether a line is the label alone, or with the option's own text."""
    rest = words(labelled_line(options.labels).sub("", plain(line), count=1).casefold())
    return not rest or rest == options.folded[place]


def lines_of(text: str, options: Options) -> list[Line]:
    """The lines that hold something.

    A list is a run of at least two lines that begin with labels in order, whatever follows.
    """
    found: list[tuple[int, str]] = []
    start = 0
    for raw in text.split("\n"):
        if not _EMPTY.fullmatch(raw):
            match = _LINE.fullmatch(raw.rstrip("\r"))
            found.append((start, match[1] if match else raw.strip()))
        start += len(raw) + 1
    begin = [beginning(line, options) for _, line in found]
    labelled = [(number, one) for number, one in enumerate(begin) if one is not None]
    in_list = {
        number
        for (first, (one, rest)), (second, (other, more)) in pairwise(labelled)
        if other == one + 1 and bool(rest) == bool(more) and not _STATES.match(found[second][1])
        for number in (first, second)
    }
    return [
        Line(start, line, named_by(begin[number], options), number in in_list)
        for number, (start, line) in enumerate(found)
    ]


def beginning(line: str, options: Options) -> tuple[int, str] | None:
    """The option whose label a line begins with, and what follows the label."""
    if len(line) > LONGEST:
        return None
    short = plain(line)
    match = labelled_line(options.labels).match(short)
    place = options.index(match[1]) if match else None
    return (place, short[match.end() :]) if match and place is not None else None


def named_by(beginning: tuple[int, str] | None, options: Options) -> int | None:
    """The option that a line names: its label alone, or with its own text."""
    if beginning is None:
        return None
    place, tail = beginning
    rest, own = words(tail.casefold()), options.folded[place]
    if not rest or (own and rest == own):
        return place
    begins = tail.startswith(options.texts[place] or "\n") and tail[:1] > "\u3000"  # 北京是…
    begins = begins or (bool(own) and (rest[: len(own)] == own or own[: len(rest)] == rest))
    denied = NO.search(tail) or any_of(options.labels).search(tail)
    return place if begins and not denied else None


def with_its_text(phrase: str, options: Options) -> int | None:
    """The option whose label and text are all that ``phrase`` says: ``B (iron)``, ``B) Iron``."""
    match = _LABEL_AND_TEXT.match(plain(phrase))
    if match is None or (place := options.index(match[1])) is None:
        return None
    said, own = (
        [word for word in text if word[0].isalnum()]
        for text in (words(match[2].casefold()), options.folded[place])
    )
    return place if own and said == own else None


@lru_cache(maxsize=64)
def labelled_line(labels: tuple[str, ...]) -> re.Pattern[str]:
    """A label with which a line begins (group 1), and the mark behind it."""
    one = label_pattern(labels, both_cases=True)
    return re.compile(
        rf"[(\[]?\s*({one})\s*(?:[。、]|[)\]][.:]|[)\].:,;](?=\s|\W|$)|[)\]]|\s[-–—|]\s|$)\s*"
    )


@lru_cache(maxsize=64)
def any_of(labels: tuple[str, ...]) -> re.Pattern[str]:
    """A label that stands alone, and is no article."""
    return re.compile(rf"(?<![\w'’])(?!(?:A|I)\s+[^\W\d_]){label_pattern(labels)}(?![\w'’])")


def label_pattern(labels: tuple[str, ...], *, both_cases: bool = False) -> str:
    """Any of the labels, the longest first, as a part of a regular expression."""
    every = [*labels, *(label.lower() for label in labels if both_cases)]
    return "(?:" + "|".join(re.escape(label) for label in sorted(set(every), reverse=True)) + ")"
