"""Where brackets of cleaned text open and close."""

from __future__ import annotations

OPENERS = "([{⦃⟨⟪⌊⌈⧼"
_CLOSERS = ")]}⦄⟩⟫⌋⌉⧽"


def split(text: str, separators: str) -> list[str]:
    """``text`` cut at the characters ``separators`` that stand outside all brackets."""
    if not any(map(text.__contains__, separators)):
        return [text]
    parts, level, start = [], 0, 0
    quoted = False
    for position, character in enumerate(text):
        if character == '"':
            quoted = not quoted
        elif quoted:
            continue
        elif character in OPENERS:
            level += 1
        elif character in _CLOSERS:
            level -= 1
        elif level == 0 and character in separators:
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return parts


def closes_at_end(text: str) -> bool:
    """Whether the bracket that ``text`` begins with is closed by its last character."""
    level = 0
    for position, character in enumerate(text):
        if character in OPENERS:
            level += 1
        elif character in _CLOSERS:
            level -= 1
            if level <= 0:
                return position == len(text) - 1
    return False
