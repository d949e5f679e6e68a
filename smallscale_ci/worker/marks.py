"""The marks of the known ``formats`` as regular expressions, and finding them in a text."""

from __future__ import annotations

import re
from html import escape, unescape

from .formats import FORMATS, Format

_TAGS = "".join(
    {
        mark[1:3]
        for row in FORMATS
        for mark in row.opens + row.closes
        if mark[0] == "<" and mark[1:3].isalpha()
    }
)


def _pattern(mark: str) -> str:
    """``mark`` without its first character as a regular expression.

    Tags are read in any case, with attributes (``<think duration="3">``) or with blanks inside
    (``< think >``), but not both: ``3 < think and 5 >`` is a formula. "&" starts the form of a
    mark that was escaped for HTML (``&lt;think&gt;``).
    """
    lead, end = ("lt;", "&gt;") if mark[0] == "&" else ("", ">")
    plain = unescape(mark)
    tag = re.fullmatch(r'<(/?)(\w[^<>]*\w"?)>', plain)
    name = re.escape(tag[2] if tag else plain[1:].removesuffix(">")).replace(r"\*", r"\w{1,16}")
    if tag is None:
        if mark[0] == "&":  # a mark may be made of several
            name = name.replace("<", "&lt;").replace(">", "&gt;")
        last = end if plain[-1] == ">" else ""
        return f"(?i:{lead}{name}{last})" if plain[0] == "<" else name
    slash = r"\\?/" if tag[1] else ""  # JSON may write it "\/"
    blanks = rf"[ ]?{slash}[ ]?{name}[ ]?"
    attributes = rf"{slash}{name}\s(?!/)[^<>&\n]{{0,80}}"
    return f"(?i:{lead}(?:{blanks}|{attributes}){end})"


def _written(marks: tuple[str, ...], first: str) -> list[str]:
    """Those of ``marks`` that start with ``first``; "&" starts those escaped for HTML."""
    if first == "&":
        return [escape(mark, quote=False) for mark in marks if mark[0] == "<" and mark[-1] == ">"]
    return [mark for mark in marks if mark[0] == first]


Meaning = tuple[Format, bool]  # the format of a mark, and whether it closes


def _table() -> list[tuple[str, re.Pattern[str], list[Meaning]]]:
    """For each first character of marks: one expression, and the meaning of its groups.

    One for each, because expressions that start with a literal character skip to its next place;
    and they check the second character first: most texts have many brackets and few marks, and
    formulas have spaces after theirs.
    """
    table = []
    for first in "<[◁&":
        groups: list[str] = []
        meaning: list[Meaning] = [(FORMATS[0], False)]  # groups count from 1
        seconds: set[str] = set()
        for row in FORMATS:
            for closes, marks in ((False, row.opens), (True, row.closes)):
                own = _written(marks, first)
                if own:
                    groups.append(f"({'|'.join(map(_pattern, own))})")
                    meaning.append((row, closes))
                    seconds.update(
                        case for mark in own for case in mark[1].upper() + mark[1].lower()
                    )
        ahead = f"[{re.escape(''.join(sorted(seconds)))}]"
        if first == "<":
            begin = re.escape("".join(sorted({*_TAGS[::2].lower(), *_TAGS[::2].upper()})))
            ahead += rf"|[ \\][/ ]{{0,2}}[{begin}][a-zA-Z]"
        pattern = re.compile(f"{re.escape(first)}(?={ahead})(?:{'|'.join(groups)})")
        table.append((first, pattern, meaning))
    return table


_MARKS = _table()
_OPENS = (  # but not a plain word, with which any prompt may end
    mark
    for row in FORMATS
    for mark in (*row.opens, *map(str.strip, row.begins))
    if not mark.isalpha()
)
_OPENING = re.compile(
    rf"(?:{'|'.join(re.escape(mark[0]) + _pattern(mark) for mark in _OPENS)}"
    r"|<\|channel\|>analysis<\|message\|>|to=self<\|message\|>)(\s*)$"
)


def opening(prompt: str) -> re.Match[str] | None:
    """The mark that opens thinking at a prompt's end; group 1 is the white space after it."""
    return _OPENING.search(prompt, max(0, len(prompt) - 400))


def marks_in(text: str, start: int) -> list[tuple[re.Match[str], Meaning]]:
    """All marks in ``text`` from ``start``, in order, each with its meaning."""
    found = [
        (match, meaning[match.lastindex or 0])
        for first, pattern, meaning in _MARKS
        if first in text and (first != "&" or "&lt;" in text)
        for match in pattern.finditer(text, start)
    ]
    if len(found) > 1:
        found.sort(key=lambda mark: mark[0].start())
    return found
