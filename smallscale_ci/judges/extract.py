"""Finds the answer in a model's text. All functions are linear in the length of the text."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from smallscale_ci.judges.mathematics.normal import without_entities
from smallscale_ci.judges.stated import stated

_SPECIAL_TOKEN = re.compile(
    r"<\|[\w ]{1,40}\|>|</?s>|<(?:eos|end_of_turn|pad)>|<｜[^｜>]{1,40}｜>"
    r"|<co>|</co(?::[^<>\n]{0,80})?>"  # citations of Cohere's models
)

_BRACES = re.compile(r"\\{1,4}(?P<box>boxed|fbox)(?![a-zA-Z])\s*(\{)?|\\.|[{}]", re.DOTALL)
_BARE_BOX_END = re.compile(r"[\s$]|\\\]|\\\)|$")
_UNCLOSED_BOX_END = re.compile(r"\$|\\\]|\\\)|\n")
_GLUE = re.compile(
    r"(?:[\s$,;}]|and|or|&|\\text\{|\\(?:quad|qquad|[,;! ])"
    r"|\b(?:for|in)\s(?:part\s|case\s)?\(?[a-z0-9]\)?(?![a-z0-9]))*"
)
_GLUE_WORD = re.compile(r"[,;]|and|or")
_NAME = re.compile(r"(?<![a-zA-Z\\])([a-zA-Z](?:_\{?\w\}?)?)\s{0,2}=\s{0,2}\$?\s?$")
_BETWEEN = re.compile(r"\b(?:and|or)\b")
_TAKEN_BACK = re.compile(
    r"[.!?]\s|\b(?:wait|no|not|actually|instead|rather|check|hence|so|then|therefore|thus)\b",
    re.IGNORECASE,
)
_SAYS = re.compile(r"\b(?:is|are|was|were|but|if|wrong|otherwise|while)\b", re.IGNORECASE)
_REFUSED = re.compile(
    r"\b(?:wrong|incorrect|false|extraneous|invalid|impossible|reject\w*|discard\w*|excluded?|but|if"
    r"|otherwise|while|unless|would)\b|n['’]t\b",
    re.IGNORECASE,
)
# A box that its own sentence denies: "is not \\boxed{3}", "\\boxed{3} is wrong".
_DENIED_BEFORE = re.compile(
    r"\b(?:not|never|rather\sthan|isn['’]t|wasn['’]t)(?:\s(?:the|equal\sto))?[\s$(\\*]*$"
)
_DENIED_BEHIND = re.compile(
    r"[\s$)\\*\]]*(?:is|was|would\sbe|cannot\sbe|can['’]t\sbe)\s(?:\w+ly\s|thus\s|therefore\s)?(?:wrong|incorrect|not\s(?:correct|right|the)"
    r"|extraneous|invalid|rejected)"
    r"|[\s$)\\*\]]*(?:isn|wasn)['’]t\s(?:correct|right|the)",
)
_TAG = re.compile(
    r"<(/?)(b|i|u|em|strong|span|font|mark|p|br|div|h[1-6]|li|[uo]l|center|t[rdh]|table|su[bp])"
    r"(?:\s[^<>]{0,200})?/?>",
    re.IGNORECASE,
)
_INLINE = frozenset({"b", "i", "u", "em", "strong", "span", "font", "mark"})

_LAST_NUMBER = re.compile(
    r"""(?:(?<![\w)\]}])[-−])?\\?\$?(?:
        \\[dt]?frac\{\d{1,40}\}\{\d{1,40}\}
      | (?:\d{1,3}(?:(?:,|\{,\}|,\\!)\d{3})+|\d+)(?:\.\d+)?(?:[eE][-+]?\d+)?(?:\s?/\s?\d+)?
      | \.\d+
    )(?:\s?\\?%)?""",
    re.VERBOSE,
)


_Span = tuple[int, int, int, int]  # of a box: start, start and end of its content, end


class Found(NamedTuple):
    """A possible answer and the rule that found it."""

    text: str
    rule: str
    named: str | None = None  # of several boxes in one sentence: a = 1, b = 2


def candidates(text: str, rules: Sequence[str]) -> Iterator[Found]:
    """Possible answers in ``text``, best first: the last match of each rule in order.

    ``rules`` are "boxed", "stated" and "last-number"; others are ignored, for the judge that knows
    them. ``text`` is the result of ``thinking.answer_part``.
    """
    if "<" in text:
        text = _without_tags(_SPECIAL_TOKEN.sub(" ", text))
    text = without_entities(text)
    for rule in rules:
        if rule == "boxed":
            spans = _meant(text)
            if len(spans) == 1:
                yield Found(text[spans[0][1] : spans[0][2]].strip(), rule)
            elif spans:
                yield Found(_joined(text, spans), rule, _named(text, spans) or _listed(text, spans))
            continue
        finder = _FINDERS.get(rule)
        found = finder(text) if finder else None
        if found is not None:
            yield Found(found, rule)


def _without_tags(text: str) -> str:
    """Without HTML around words; what begins a block begins a line."""
    if "</" not in text and "<br" not in text:
        return text
    return _TAG.sub(_plain_tag, text)


def _plain_tag(tag: re.Match[str]) -> str:
    name = tag[2].lower()
    if name in ("sup", "sub"):
        return "}" if tag[1] else "^{" if name == "sup" else "_{"
    return "" if name in _INLINE else "\n"


def boxed(text: str) -> str | None:
    r"""The content of the last non-empty ``\boxed{…}``.

    Boxes joined by nothing but commas, "and" or "or" are one answer with several parts. A box
    whose brace is missing ends with its formula or line; at the end of the text it is cut off
    and does not count.
    """
    spans = _meant(text)
    return _joined(text, spans) if spans else None


def _joined(text: str, spans: list[_Span]) -> str:
    """The last box with those that belong to it."""
    parts = {text[spans[-1][1] : spans[-1][2]].strip(): True}  # from last to first
    start = spans[-1][0]
    for begin, inner, end, after in reversed(spans[:-1]):
        glue = text[after:start]
        name = _name_before(text, start)
        if name is not None and name[1] == (_name_before(text, begin) or [None, None])[1]:
            glue = text[after : name.start()]  # x = … or x = …
            if not _is_glue(glue) and not _goes_on(glue):
                break
        elif not _is_glue(glue):
            break
        parts[text[inner:end].strip()] = True
        start = begin
    return ", ".join(reversed(parts))


def _named(text: str, spans: list[_Span]) -> str | None:
    """``a = 1, b = 2`` where the last boxes have several names, else ``None``."""
    parts: dict[str, str] = {}  # by name, from last to first
    start = -1
    for begin, inner, end, after in reversed(spans):
        name = _name_before(text, begin)
        if name is None or name[1] in parts:
            break
        glue = text[after:start] if start >= 0 else ","
        if not _is_glue(glue) and not _goes_on_to_name(glue):
            break
        parts[name[1]] = f"{name[1]} = {text[inner:end].strip()}"
        start = name.start()
    return ", ".join(reversed(parts.values())) if len(parts) > 1 else None


def _listed(text: str, spans: list[_Span]) -> str | None:
    """``3, 7`` of "the first is 3 and the second 7", where one sentence has several boxes."""
    parts: list[str] = []  # from last to first
    start = -1
    for begin, inner, end, after in reversed(spans):
        glue = text[after:start] if start >= 0 else " and "
        if not _goes_on(glue, most=80) or _REFUSED.search(glue):
            break
        parts.append(text[inner:end].strip())
        start = begin
    return ", ".join(reversed(parts)) if len(parts) > 1 else None


def _name_before(text: str, begin: int) -> re.Match[str] | None:
    """The name in ``x = `` before a box."""
    return _NAME.search(text, max(0, begin - 20), begin)


def _goes_on(glue: str, most: int = 200) -> bool:
    """Whether the sentence goes on to another value of the same name."""
    short = len(glue) <= most and "\n\n" not in glue
    return short and bool(_BETWEEN.search(glue)) and not _TAKEN_BACK.search(glue)


def _goes_on_to_name(glue: str) -> bool:
    """Whether no more than a word or two names the next: ``and intercept b =``."""
    if len(glue) > 40 or "\n\n" in glue or not _GLUE_WORD.search(glue):
        return False
    return not _TAKEN_BACK.search(glue) and not _SAYS.search(glue)


def _is_glue(text: str) -> bool:
    short = len(text) <= 40 and "\n\n" not in text
    return short and bool(_GLUE.fullmatch(text) and _GLUE_WORD.search(text))


def _meant(text: str) -> list[_Span]:
    """The boxes without those that are denied."""
    return [
        span
        for span in _box_spans(text)
        if not _DENIED_BEHIND.match(text, span[3])
        and not _DENIED_BEFORE.search(text, max(0, span[0] - 30), span[0])
    ]


def _box_spans(text: str) -> list[_Span]:
    """The spans of the outermost non-empty boxes."""
    first = text.find("\\boxed")
    if "\\fbox" in text:
        first = min(at for at in (first, text.index("\\fbox")) if at >= 0)
    if first < 0:
        return []
    spans: list[_Span] = []
    open_braces: list[tuple[int, int] | None] = []  # a box: (its start, start of content)
    for token in _BRACES.finditer(text, max(0, first - 3)):  # backslashes may be doubled
        word = token.group()
        if word == "{":
            open_braces.append(None)
        elif word == "}":
            box = open_braces.pop() if open_braces else None
            if box is not None:
                _keep(spans, text, (box[0], box[1], token.start(), token.end()))
        elif token.group(2):
            open_braces.append((token.start(), token.end()))
        elif token["box"]:
            end = _BARE_BOX_END.search(text, token.end(), token.end() + 200)
            stop = end.start() if end else token.end()
            bare = text[token.end() : stop].rstrip(".,;")
            if not any(open_braces):
                stop = token.end() + len(bare)
                _keep(spans, text, (token.start(), token.end(), stop, stop))
    unclosed = next((box for box in reversed(open_braces) if box is not None), None)
    if unclosed is not None and (not spans or spans[-1][0] < unclosed[0]):
        end = _UNCLOSED_BOX_END.search(text, unclosed[1])
        if end:
            _keep(spans, text, (unclosed[0], unclosed[1], end.start(), end.start()))
    return spans


def _keep(spans: list[_Span], text: str, span: _Span) -> None:
    """Add ``span`` unless it is empty; boxes inside it are part of its content."""
    while spans and spans[-1][0] > span[0]:
        spans.pop()
    if text[span[1] : span[2]].strip():
        spans.append(span)


def last_number(text: str) -> str | None:
    """The last number in the text, with its sign, currency and percent sign."""
    last = None
    for last in _LAST_NUMBER.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    return last.group() if last else None


_FINDERS = {"stated": stated, "last-number": last_number}
