"""Thinking formats that are not in the table: guessed from their marks, and always reported."""

from __future__ import annotations

import re

from .marks import marks_in
from .quoting import is_text

_KIN = re.compile(  # closing marks, or pairs of special tokens, with telling names
    r"(?:</|\[/|◁/|<\|/|＜/)(\w[\w:|.-]{0,40})(?:\|?>|\]|▷|＞)"
    r"|<\|(?:end|close|stop|/)_?(?:of_)?([\w:.-]{1,40})\|>|<\|([\w:.-]{1,40})[_:.-]?(?:end|close)\|>"
)
_NAMES = re.compile(r"think|reason|thought|思考|推理", re.IGNORECASE)
_GUESSED = re.compile(  # a mark of no known format at the start of a text
    r"[\s\ufeff]{0,80}(?P<mark>(?P<first><\|?|\[|◁|＜)[ ]?"
    r"(?P<name>[\w:.-]{0,30}?(?:think|thought|reason|思考|推理)[\w:.-]{0,20})[ ]?\|?[>\]▷＞])",
    re.IGNORECASE,
)
_MOST_NAMES = 5  # most marks looked for: each needs another pass through the text


def unknown(text: str) -> str | None:
    """A mark in ``text`` that looks like the end of thinking in no known format; else ``None``.

    Its opening mark must come before it, with "think", "reason" or "thought" in the name. If
    the text starts with such an opening mark that is never closed, that mark is returned.
    """
    seen: set[str] = set()
    for match in _KIN.finditer(text):
        name = _name(match)
        if name in seen or not _NAMES.search(name) or marks_in(match.group(), 0):
            continue
        seen.add(name)
        opens = re.compile(rf"[<\[◁＜]\|?(?:(?:start|begin)_?(?:of_)?)?{re.escape(name)}")
        if opens.search(text, 0, match.start()) and not is_text(text, match):
            return match.group()
        if len(seen) > _MOST_NAMES:
            break
    guessed = _GUESSED.match(text)
    unclosed = guessed and not _ends(text, guessed) and not marks_in(guessed["mark"], 0)
    return guessed["mark"] if guessed and unclosed and guessed["first"] != "[" else None


def guess(text: str, *, known: bool) -> int | None:
    """Where thinking ends if ``text`` starts with an unknown mark; ``None``: no such mark.

    It is the text's length if it does not end. ``unknown`` reports the mark. A mark in brackets
    may be a heading, so it needs an end. A ``known`` mark belongs to a format whose own end is
    missing: another one of the same name ends it.
    """
    guessed = _GUESSED.match(text)
    if guessed is None or is_text(text, guessed):
        return None
    ends = _ends(text, guessed)
    if known:
        name = guessed["name"].casefold()
        ends = [
            match
            for match in ends
            if _name(match).casefold() == name and not marks_in(match.group(), 0)
        ]
    if ends:
        return ends[-1].end()
    return None if guessed["first"] == "[" else len(text)


def _name(match: re.Match[str]) -> str:
    """The name in a closing mark."""
    return (match[1] or match[2] or match[3]).strip("_:.-|")


def _ends(text: str, guessed: re.Match[str]) -> list[re.Match[str]]:
    """The marks in ``text`` that may end the thinking that ``guessed`` starts."""
    return [
        match
        for match in _KIN.finditer(text, guessed.end())
        if _NAMES.search(_name(match)) and not is_text(text, match)
    ]
