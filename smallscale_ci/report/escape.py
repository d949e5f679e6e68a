"""Model text is untrusted: one escape function for each place where it may appear.

Every function first removes what no place needs: control characters, ANSI sequences,
direction overrides and lone surrogates. ``clean`` alone is enough for what an XML, HTML or JSON
library escapes itself.
"""

from __future__ import annotations

import re

_ANSI = re.compile(
    r"\x1b\[[0-?]*[ -/]*[@-~]"  # CSI: colours, cursor
    r"|\x1b[\]PX^_].*?(?:\x07|\x1b\\|$)"  # OSC, DCS, SOS, PM, APC: titles, links, clipboard
    r"|\x1b.?",
    re.DOTALL,
)
_CONTROLS = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")
# Not characters of their own: they would make the output impossible to encode or parse.
_NO_CHARACTERS = re.compile("[\ud800-\udfff\ufffe\uffff]")
_UNPRINTABLE = re.compile(f"{_CONTROLS.pattern}|{_NO_CHARACTERS.pattern}")
_MARKDOWN = re.compile(r"[\\`*_\[\]<>#!|~&@$]")
_NO_BREAK = "\u200b"  # zero-width space: breaks up mentions and links


def clean(text: str) -> str:
    """``text`` with tabs and newlines as its only control characters."""
    text = _ANSI.sub("", text.replace("\r\n", "\n"))
    return _NO_CHARACTERS.sub("\ufffd", _CONTROLS.sub("", text))


def one_line(text: str, limit: int | None = None) -> str:
    """Cleaned ``text`` with every run of white space as one space, cut to ``limit`` characters."""
    text = " ".join(clean(text).split())
    return text if limit is None or len(text) <= limit else text[: limit - 1].rstrip() + "…"


def terminal(text: str) -> str:
    """Cleaned ``text`` for a terminal, without anything that a GitHub log would obey.

    The runner obeys a line that starts with ``::`` after white space, and ``##[`` anywhere. Lines
    may be wrapped after this, so ``::`` is replaced wherever it appears.
    """
    return clean(text).replace("::", "∷").replace("##[", "# #[")


def json_text(value: str) -> str:
    """Equivalent JSON in which everything that a terminal or GitHub log obeys is escaped.

    The replaced characters occur only inside JSON strings.
    """
    value = value.replace("##[", "##\\u005b")
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", value)


def markdown(text: str, limit: int | None = None) -> str:
    """``text`` as one line of literal GitHub Markdown, also for table cells.

    Character references never act as Markdown, but GitHub looks for mentions, issue numbers and
    bare links after they are resolved: a zero-width space keeps it from finding one.
    """
    text = one_line(text, limit)
    text = re.sub(r"([@#])(?=\w)", rf"\1{_NO_BREAK}", text)
    text = re.sub(r":(?=//)|www(?=\.)", lambda found: found[0] + _NO_BREAK, text, flags=re.I)
    return _MARKDOWN.sub(lambda found: f"&#{ord(found[0])};", text)


def markdown_code(text: str, limit: int | None = None) -> str:
    """``text`` as literal Markdown in a code font; a code span could not contain ``|``."""
    return f"<code>{markdown(text, limit)}</code>"


def command_data(text: str) -> str:
    """``text`` as the message of a GitHub workflow command."""
    return clean(text).replace("%", "%25").replace("\n", "%0A")


def command_property(text: str) -> str:
    """``text`` as the value of a property (title, file) of a GitHub workflow command."""
    return command_data(text).replace(":", "%3A").replace(",", "%2C")
