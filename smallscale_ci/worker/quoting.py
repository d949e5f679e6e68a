"""Whether a mark in a text is used as a mark, or only quoted, mentioned or in code.

Standard library only, like the rest of the worker; all functions are linear in the text.
"""

from __future__ import annotations

import re

_QUOTES = {"{": "}", '"': '"', "'": "'", "`": "`", "“": "”", "‘": "’", "«": "»", "„": "“"}
_BEFORE_QUOTE = re.compile(r"(?:^|[^\w])(?:[fFrRbBuU]{1,2})?$")
_AFTER_QUOTE = re.compile(r"(?:\\[nrt]){0,4}")
_SPOKEN = re.compile(
    r"[ ](?:(?:closing |opening |start |end |special )?(?:tags?|tokens?|markers?|marks?|blocks?"
    r"|delimiters?|elements?|symbols?)\b|(?:and|or|\.\.\.|…) ?[\"'`]?[<\[◁&])"
)
_FENCE_ENDS = re.compile(r"(?:^|\n)[ \t]*```+$")
_FENCE = re.compile(r"^[ \t]*(?:```+|~~~+)([^\n`]*)$", re.MULTILINE)
_LONG_FENCE = 20  # characters of a line that ends a block of code
_LONG_LINE = 2000  # characters before and after a mark in which a code span may begin and end


def is_text(text: str, match: re.Match[str]) -> bool:
    """Whether a mark is quoted or mentioned, and so is ordinary text."""
    start, end = match.span()
    before = text[start - 1 : start]
    if before in _QUOTES and not (
        before == "`" and _FENCE_ENDS.search(text[max(0, start - _LONG_FENCE) : start])
    ):
        after = _AFTER_QUOTE.match(text, end)
        stop = after.end() if after else end
        if (
            text[stop : stop + 1] == _QUOTES[before]
            and not text[stop + 1 : stop + 2].isalnum()
            and (before == "{" or _BEFORE_QUOTE.search(text[max(0, start - 4) : start - 1]))
        ):
            return True
    return text[end : end + 1] == " " and _SPOKEN.match(text, end) is not None


class Blocks:
    """The code in a text, read incrementally for marks in ascending order."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._has_code = "`" in text or ("~" in text and "~~~" in text)
        self._fences: list[tuple[int, bool]] | None = None  # position, and whether it can close
        self._next, self._start, self._open = 0, 0, False

    def hold(self, match: re.Match[str], start: int) -> bool:
        """Whether a mark is in a closed code block or span of the text from ``start``."""
        if not self._has_code:
            return False
        text, at = self._text, match.start()
        line = max(start, at - _LONG_LINE, text.rfind("\n", max(0, at - _LONG_LINE), at) + 1)
        if text.count("`", line, at) % 2 and "`" in text[match.end() : match.end() + _LONG_LINE]:
            return True
        if self._fences is None:
            self._fences = [
                (fence.start(), not fence[1].strip()) for fence in _FENCE.finditer(text)
            ]
        fences = self._fences
        if start != self._start:
            self._start, self._open = start, False
            while self._next < len(fences) and fences[self._next][0] < start:
                self._next += 1
        while self._next < len(fences) and fences[self._next][0] < at:
            self._open = not (self._open and fences[self._next][1])
            self._next += 1
        return self._open and self._next < len(fences) and fences[self._next][1]
