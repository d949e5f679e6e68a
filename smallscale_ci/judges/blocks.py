"""The fenced code blocks of an answer, and which one is its program.

Only the text is examined; nothing is parsed by Python or run. Everything is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

_OPEN = re.compile(r"([ \t]*)(?:>[ \t]?)?(?:[-*+]|\d{1,3}[.)])?[ \t]*(```+|~~~+)[ \t]*(.*)")
_GLUED_OPEN = re.compile(r".*?(```+)[ \t]*(\w[\w.+#-]*)[ \t]*")  # Solution: ```python
_CLOSE = re.compile(r"[ \t>]*(```+|~~~+)[ \t]*")
_GLUED_CLOSE = re.compile(r"(.*[^`\s].*?)(```+)[ \t]*")  # print(x)```
_QUOTED = re.compile(r"^[ \t]*>[ \t]?")
_NAME = re.compile(r"[{.]*\s*([A-Za-z+#]+[\d.]*)?(.*)", re.DOTALL)
_PYTHON = re.compile(r"(?:[ci]?python|py|pypy)[\d.]*", re.IGNORECASE)
_GLUED_NAME = re.compile(
    r"(?:python3?|py3?)[ \t]*((?:import|from|def|class|print|while|for|if|#|@|"
    r"[A-Za-z_]\w*(?:\s*,\s*\w+)*\s=\s).*)",
    re.IGNORECASE,
)
_TOKEN = re.compile(
    r"""\#.* | \"\"\" | ''' | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' """, re.VERBOSE | re.DOTALL
)
# A program that replaces standard input, or names a variable "input", does not read it.
_READS = re.compile(
    r"\b(?:raw_)?input\s*\(|[=(,]\s*(?:raw_)?input\s*(?:,|;|$)|\bstdin\b(?!\s*=)"
    r"|\bopen\(\s*0\b|\bos\.read\(\s*0\b|\bfileinput\b",
    re.MULTILINE,
)
_WRITES = re.compile(r"\bprint\b|\bstdout\b|\bos\.write\(\s*1\b")


@dataclass(frozen=True, slots=True)
class Block:
    """A closed block. ``language`` is as written; empty if the fence names none."""

    language: str
    code: str

    @property
    def is_python(self) -> bool:
        """Whether the fence names Python."""
        return bool(_PYTHON.fullmatch(self.language))

    def defines(self, function: str) -> bool:
        """Whether it defines ``function``, at the top or in a class."""
        name = re.escape(function)
        return bool(
            re.search(
                rf"^[ \t]*(?:(?:async[ \t]+)?def[ \t]+{name}\b|{name}[ \t]*=)", self.code, re.M
            )
        )


def program(text: str, function: str | None = None) -> str | None:
    """The code of the block that answers; ``None`` if no block can be Python.

    With a ``function`` it is the last block that defines it. Otherwise it is the last that reads
    standard input and prints; else the last in Python that does either, then the last without a
    named language: text after a solution may be its output, or an example of its use.
    """
    found = [block for block in blocks(text) if block.is_python or not block.language]
    named = [block for block in found if block.is_python]
    tiers: list[Sequence[Block]] = []
    if function is not None:
        tiers = [[block for block in found if block.defines(function)], named, found]
    else:
        tiers = [[block for block in found if _reads(block) and _writes(block)]]
        for some in (named, found):
            tiers += [[block for block in some if _reads(block) or _writes(block)]]
        tiers += [named, found]
    return next((tier[-1].code for tier in tiers if tier), None)


def blocks(text: str) -> list[Block]:
    """The closed, non-blank blocks in order.

    A fence inside a triple-quoted string closes nothing. If such a string never ends, the
    first fence closes the block.
    """
    lines = text.replace("\r\n", "\n").split("\n")
    found: list[Block] = []
    at, strings = 0, True
    while at < len(lines):
        opened = _opening(lines[at])
        if opened is None:
            at += 1
            continue
        block, following, in_string = _read(lines, at, opened, strings=strings)
        if block is None and in_string:
            strings = False  # and read it again: once for the whole text
            continue
        if block is not None and block.code.strip():
            found.append(block)
        at = following
    return found


@dataclass(frozen=True, slots=True)
class _Fence:
    indent: str
    mark: str
    language: str
    first: str  # code on the fence's own line


def _opening(line: str) -> _Fence | None:
    if match := _OPEN.fullmatch(line):
        indent, mark, info = match.groups()
        if "`" in info and mark[0] == "`":
            return None  # a code span
        glued = _GLUED_NAME.fullmatch(info)
        if glued:
            return _Fence(indent, mark, "python", glued[1] + "\n")
        name = _NAME.match(info)
        return _Fence(indent, mark, (name and name[1]) or "", "")
    match = _GLUED_OPEN.fullmatch(line)
    if match and _PYTHON.fullmatch(match[2]):
        return _Fence("", match[1], match[2], "")
    return None


def _read(
    lines: Sequence[str], start: int, fence: _Fence, *, strings: bool
) -> tuple[Block | None, int, bool]:
    """(the block, the line after it, whether the text ended inside a string) from its fence on."""
    python = not fence.language or _PYTHON.fullmatch(fence.language)
    code: list[str] = [fence.first] if fence.first else []
    quoted = _QUOTED.match(lines[start]) is not None  # in a quotation: "> " before each line
    quote = ""
    for number in range(start + 1, len(lines)):
        line = lines[number]
        if not quote:
            closed = _closing(line, fence)
            if closed is not None:
                rest = [closed] if closed else []
                return _block(fence, [*code, *rest]), number + 1, False
            other = _opening(line)
            if other is not None and other.language and len(other.mark) >= len(fence.mark):
                return None, number, False  # never closed before the next begins
        line = _QUOTED.sub("", line) if quoted else line
        code.append(line + "\n")
        if python and strings:
            quote = _quote_after(line, quote)
    return None, len(lines), bool(quote)


def _closing(line: str, fence: _Fence) -> str | None:
    """The code before a closing fence on its line; ``None`` if the line closes nothing."""
    match = _CLOSE.fullmatch(line)
    if match:
        return "" if match[1].startswith(fence.mark) else None
    match = _GLUED_CLOSE.fullmatch(line)
    if match and match[2] == fence.mark and match[1].count("`") == 0:
        return match[1] + "\n"
    return None


def _block(fence: _Fence, code: list[str]) -> Block:
    # A block in a list is indented as a whole: as in Markdown, by as much as its fence.
    text = "".join(code)
    if fence.indent:
        text = re.sub(rf"^[ \t]{{0,{len(fence.indent)}}}", "", text, flags=re.M)
    return Block(fence.language, text)


def _quote_after(line: str, quote: str) -> str:
    """The three quotes that are open at the end of ``line``; ``quote`` are those before it."""
    at = 0
    while True:
        if quote:
            at = _end_of_string(line, quote, at)
            if at < 0:
                return quote
            quote = ""
        token = _TOKEN.search(line, at)
        if token is None:
            return ""
        at = token.end()
        if token.group() in ('"""', "'''"):
            quote = token.group()


def _end_of_string(line: str, quote: str, at: int) -> int:
    """The position after the next unescaped ``quote``; -1 if there is none."""
    for match in re.finditer(rf"\\.|{quote}", line[at:]):
        if match.group() == quote:
            return at + match.end()
    return -1


def _reads(block: Block) -> bool:
    return bool(_READS.search(block.code)) and not re.match(r"\s*>>>", block.code)


def _writes(block: Block) -> bool:
    return bool(_WRITES.search(block.code))
