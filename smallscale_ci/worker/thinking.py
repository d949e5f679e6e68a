"""Where a model's thinking ends and its answer begins, in each of the known ``formats``.

Judges, worker and reports all use this module. It imports only the standard library, because it
is mounted into engine images with the rest of the worker. All functions are linear in the text.

A mark that is quoted (``"</think>"``, a code span) or mentioned ("the <think> tag") is text.
Outside thinking, so is a mark inside a fenced code block.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .formats import ASIDES, FORMATS, HARMONY, Format
from .guessing import guess
from .marks import marks_in
from .quoting import Blocks, is_text

OPENED = "<|thinking: opened by the prompt|>"  # before a text whose prompt ended inside

_PHRASES = tuple(
    phrase.replace("\n", end) for row in FORMATS for phrase in row.begins for end in ("\n", "\r\n")
)
_NO_FORMAT, _UNKNOWN = Format("", (), (), ""), Format("unknown", (), (), "")
# After the end of nested thinking: a sentence that continues is not an answer yet.
_GOES_ON = re.compile(r"[ \t]*[a-zß-ÿ,;]")
_LAST = re.compile(  # the tokens that end a turn, at the end of a text
    r"(?:<\|close\|>(?:response|message)<\|sep\|>|<\|(?!end_of_box)[^|<>\n]{1,40}\|>"
    r"|\[\|\w{1,20}\|\]|</?s>|</longcat_s>|<(?:(?:seed:)?eos|sep|end_of_turn|pad|turn\|)>"
    r"|\[unused\d{1,3}\]|<｜[^｜<>\n]{1,40}｜>|\[END FINAL RESPONSE\]"
    r"|</(?i:response|output)>)\s{0,8}$"
)
_WRAPPED = re.compile(  # ERNIE 4.5, Granite 3.3; Reflection, Marco-o1; Inkling
    r"\s{0,8}(?:<(?i:response|output)>|(?:<\|message_model\|>)?<\|content_text\|>)"
)
_SPECIAL = re.compile(
    r"(?:\s|<\|[^|<>\n]{1,40}\|>|\[\|\w{1,20}\|\]|</?s>|<(?:eos|end_of_turn|pad|turn\|)>"
    r"|<｜[^｜<>\n]{1,40}｜>|</?(?i:response|output|conclusion|solution|answer)>)*"
)
_USER = re.compile(  # the role that Qwen's template also uses for tool results
    r"(?:<\|(?:im_start|start_header_id|start)\|>user\b|<(?:start_of_turn|\|turn)>user\b|<\|user\|>)"
    r"(?!\s{0,8}<tool_response>)"
)
_ECHO = re.compile(r"\s*(?:<[^<>\n]{1,40}>\s*){0,2}(?:system|user)\b")  # of the prompt
# Harmony: a header is "<|start|>role to=… <|channel|>name to=… <|constrain|>json<|message|>"; with
# its special tokens stripped "assistantname". Muse Glimmer names a recipient in place of a channel.
_HEADER = re.compile(
    (
        r"(?:<\|start\|>[^<&\n]{0,80}|assistant[ ]?(?:to=[^\s<&]{1,80})?)?<\|channel\|>\s?"
        r"(?P<channel>(?i:analysis|commentary|final)|\w*)"
        r"(?:[^<&\n]{0,120}(?:<\|constrain\|>[^<&\n]{0,40})?<\|message\|>)?"
        r"|<\|start\|>(?P<role>[a-z]*)[^<&\n]{0,80}<\|message\|>"
        r"|(?:<\|start\|>assistant\s?)?to=(?P<recipient>[\w.]{1,80})<\|message\|>"
        r"|(?:<\|start\|>)?assistant(?P<bare>analysis|commentary|final)"
        r"|<\|(?P<end>start|end|return|call|eom|eot)\|>"
    )
    .replace(r"<\|", r"(?:<|&lt;)\|")
    .replace(r"\|>", r"\|(?:>|&gt;)")
)
_APART = re.compile(  # the same with spaces instead of the special tokens
    r"(?:(?<=\n)|(?<=[.!?})\]]\s))assistant\s{1,2}(?P<bare>analysis|commentary|final)(?=\s)"
    rf"|{_HEADER.pattern.replace('(?P<bare>', '(?:')}"
)
_BARE_START = re.compile(
    r"\s*(?:analysis|commentary)(?=[^\W_]|[\\$(\"*#<]|\s+(?:[A-Z\d\\$(\"]|to=))"
    r"|\s*(?P<final>final(?:<\|message\|>|(?=[A-Z\d\\$*#])))"
)
_HINTS = ("|>", "tool", "TOOL", "function_call", "<function=", "reflect>", "｜")  # of asides
_ASIDE = re.compile(
    "(?s)"
    + "|".join(
        rf"{re.escape(opens)}.*?(?:{re.escape(closes)}|\Z)" if closes else rf"{re.escape(opens)}.*"
        for opens, closes in ASIDES
    )
    + r"|<(?P<tag>(?:\w{1,20}[:_])?(?:tool_calls?|TOOLCALL|function_calls?|tool_response"
    r"|use_mcp_tool|cot_budget_reflect))>.*?(?:</(?P=tag)>|\Z)|<function=.*?(?:</function>|\Z)"
)
_BOX = "<|begin_of_box|>"
_BARE_CHANNELS = ("assistantfinal", "assistantanalysis")
_CHANNEL_NAMES = ("analysis", "commentary", "final")
_HEADS = (*_CHANNEL_NAMES, *_PHRASES)
_THINKS, _THOUGHT = "<think>\n", "\n</think>\n"
_OTHER = re.compile(r"<[ \\/]{0,3}[tT]")  # may be another mark of the same format
_BEGIN_MARKS = ("<", "[", "&lt;", "assistant", "u003", "◁", "＜")
_ESCAPED = re.compile(  # for JSON, or for Markdown
    r"\\(?:u003c|<)\\?/?[\w:|]{0,12}(?:think|thought|reason)", re.IGNORECASE
)
_BLANKS = " \t\r\n\f\v\ufeff"  # a byte order mark is none to Python
_LONGEST_TOKEN = 48
_LONGEST_HEAD = 80  # characters in which the first word of a text is looked for


class Parts(NamedTuple):
    """A text split in two: ``text[start:end]`` is the answer; everything before is thinking.

    ``finished`` is false if thinking was started but not ended: then there is no answer, and
    ``start`` is the length of the text. ``name`` is the format's; empty without thinking.
    """

    start: int
    end: int
    finished: bool
    name: str


def answer_part(text: str) -> str | None:
    """The text after the end of thinking; ``None`` if thinking was started and never ended.

    Text without any thinking mark is all answer. Tool calls are not part of an answer and are
    removed. The box of GLM-4.5V's answers is treated like any ``<answer>``.
    """
    if _is_plain(text):
        return "" if text.isspace() else text
    parts = split(text)
    escapes = not parts.name and ("\\u003" in text or "\\<" in text)
    if escapes and _ESCAPED.search(text) is not None:
        for escaped in ("\\u003c", "\\u003e", "\\<", "\\>"):
            text = text.replace(escaped, "<" if escaped.endswith(("c", "<")) else ">")
        parts = split(text)
    if not parts.finished:
        return None
    answer = text[parts.start : parts.end]
    if "<" not in answer and "[TOOL_CALLS]" not in answer:
        return answer
    if not any(hint in answer for hint in _HINTS):
        return answer
    blocks = Blocks(answer)
    answer = _ASIDE.sub(
        lambda aside: aside[0] if is_text(answer, aside) or blocks.hold(aside, 0) else "\n", answer
    )
    return answer.replace(_BOX, "<answer>").replace("<|end_of_box|>", "</answer>")


def _is_plain(text: str) -> bool:
    """Whether ``text`` has nothing that could start a mark, a phrase or a channel."""
    for mark in _BEGIN_MARKS:
        if mark in text:
            return False
    return not text[:_LONGEST_HEAD].lstrip(_BLANKS).startswith(_HEADS)


def split(text: str) -> Parts:
    """Split ``text`` into thinking and answer.

    The answer is the non-blank text after the last end of thinking. A text that starts
    with ``OPENED`` starts inside thinking, of any format. What a model that fails to stop
    writes as the next user's turn is ignored.
    """
    if text.startswith(_THINKS) and (start := _usual_end(text)) is not None:
        return Parts(start, len(text), True, FORMATS[0].name)
    if ("|" in text and ("|>user" in text or "<|user|>" in text)) or "turn>user" in text:
        text = _first_turn(text)
    head = text[:_LONGEST_HEAD].lstrip(_BLANKS)
    if (
        head.startswith(_CHANNEL_NAMES)
        or ("|" in text and ("|channel|" in text or "to=self<|message|>" in text))
        or ("assistant" in text and any(mark in text for mark in _BARE_CHANNELS))
    ):
        found = _by_channel(text)
        if found is not None:
            return found
    if head.startswith(_PHRASES):
        return _by_phrase(text, head)
    found = _by_marks(text)
    if not (found.name and found.finished) and head[:1] in ("<", "[", "◁", "＜"):
        return _by_guess(text, known=found.name != "") or found
    return found


def _usual_end(text: str) -> int | None:
    """Where thinking ends in a text of the usual form; ``None``: examine it mark by mark.

    The usual form is thinking between marks on lines of their own, with nothing in it that may be
    another mark, and a plain answer.
    """
    at = text.find(_THOUGHT, len(_THINKS))
    if at < 0 or any(mark in text for mark in ("|", "assistant", "&lt;", "turn>user")):
        return None
    if _OTHER.search(text, len(_THINKS), at):
        return None
    answer = text[at + len(_THOUGHT) :]
    return at + len(_THOUGHT) - 1 if answer.strip() and _is_plain(answer) else None


def begins_inside(text: str) -> bool | None:
    """Whether ``text`` ends thinking that it did not start; ``None`` if it has no mark at all.

    If so, the prompt started it, and another text of the same model and prompt that was cut off
    before such a mark, is all thinking.
    """
    for match, (kind, closes) in marks_in(text, 0):
        if not is_text(text, match) and not (closes and kind.paired):
            return closes and text[: match.start()].strip() != ""
    return None


def _first_turn(text: str) -> str:
    """``text`` up to a user's turn after the model's; all of it if it starts with one."""
    turn = next((turn for turn in _USER.finditer(text) if not is_text(text, turn)), None)
    if turn is None or _SPECIAL.fullmatch(text, 0, turn.start()) or _ECHO.match(text):
        return text
    return text[: turn.start()]


def _by_channel(text: str) -> Parts | None:
    """The answer of a text in channels, which is the last "final"; ``None`` without channels."""
    apart = _is_apart(text)
    start = _BARE_START.match(text)
    seen = apart or start is not None
    answers = ended = start is not None and start["final"] is not None
    body = start.end() if start else 0
    kept: tuple[int, int] | None = None
    for header in (_APART if apart else _HEADER).finditer(text):
        if is_text(text, header):
            continue
        if answers:
            kept = _kept(text, body, header.start(), kept)
        body = header.end()
        if header["end"] is not None:
            answers = header["end"] == "end" and seen  # the text after it has no header
            continue
        seen = True
        to_tool = re.search(r"\bto=(?!user\b)", header.group()) is not None
        if header["recipient"] is not None:
            answers = header["recipient"] == "user"
        elif header["role"] is not None:
            answers = header["role"] == "assistant" and not to_tool
        else:
            name = header["channel"] or header["bare"] or ""
            answers = name.lower() == "final" and not to_tool
        ended = ended or answers
    if not seen:
        return None
    if answers:
        kept = _kept(text, body, len(text), kept)
    if kept is not None:
        return Parts(kept[0], kept[1], True, HARMONY)
    return Parts(len(text), len(text), ended, HARMONY)


def _is_apart(text: str) -> bool:
    """Whether ``text`` has channels whose names are separated by spaces ("assistant final …")."""
    begins = text[:_LONGEST_HEAD].lstrip().startswith(_CHANNEL_NAMES)
    return begins and any(match["bare"] is not None for match in _APART.finditer(text))


def _by_phrase(text: str, head: str) -> Parts:
    """The answer of a text that starts with a phrase instead of a mark."""
    row = next(
        row for row in FORMATS if row.begins and head.replace("\r", "").startswith(row.begins)
    )
    at, mark = max((text.rfind(mark), mark) for mark in row.closes)
    if at < 0:
        return Parts(len(text), len(text), False, row.name)
    start, end = _kept(text, at + len(mark), len(text), None) or (len(text), len(text))
    return Parts(start, end, True, row.name)


def _by_guess(text: str, *, known: bool) -> Parts | None:
    """The answer of a text that starts with an unknown mark, judged by its name.

    A ``known`` mark may also be ended by another one of the same name.
    """
    ends = guess(text, known=known)
    if ends is None:
        return None
    start, end = _kept(text, ends, len(text), None) or (len(text), len(text))
    return Parts(start, end, ends < len(text), _UNKNOWN.name)


def _by_marks(text: str) -> Parts:
    """The answer of a text whose thinking is between pairs of marks."""
    inside = text.startswith(OPENED)
    within: Format | None = None  # the format of the open thinking; None: any
    last = _UNKNOWN if inside else _NO_FORMAT  # the format of the last mark that counted
    depth = 1 if inside else 0
    start = len(OPENED) if inside else 0
    fresh = start  # where another opening mark of the same thinking may follow
    kept: tuple[int, int] | None = None
    blocks = Blocks(text)
    for match, (kind, closes) in marks_in(text, start):
        if inside and within is not None and kind is not within:
            continue
        if closes and not inside and kind.paired:
            continue
        if is_text(text, match) or (not inside and blocks.hold(match, start)):
            continue
        last = kind
        if closes:
            if not inside and depth == 0:
                kept = _kept(text, start, match.start(), kept) if within else None
            depth = max(0, depth - 1)
            inside, within, start = False, kind, match.end()
        elif inside:
            depth += text[fresh : match.start()].strip() != ""
            within, fresh = kind, match.end()
        else:
            kept = _kept(text, start, match.start(), kept) if depth == 0 else kept
            inside, within, depth, fresh = True, kind, 1, match.end()
            start = match.end()
    if not inside and not (depth and _GOES_ON.match(text, start)):
        kept = _kept(text, start, len(text), kept)
    if kept is not None:
        return Parts(kept[0], kept[1], True, last.name)
    return Parts(len(text), len(text), not inside and not depth, last.name)


def _kept(text: str, start: int, end: int, kept: tuple[int, int] | None) -> tuple[int, int] | None:
    """The span from ``start`` to ``end``, unless it holds nothing but special tokens.

    Special tokens at its end are left out: ``42.[|endofturn|]`` is ``42.``
    """
    head = text[start : min(end, start + _LONGEST_HEAD)].lstrip()
    marked = head[:1] in ("", "<", "[")  # otherwise it starts with words, like nearly all answers
    if marked:
        blank = _SPECIAL.match(text, start, end)
        if blank and blank.end() == end:
            return kept
    tail = max(start, end - _LONGEST_TOKEN)
    while text[tail:end].rstrip()[-1:] in (">", "]") and (last := _LAST.search(text, tail, end)):
        end = last.start()
        tail = max(start, end - _LONGEST_TOKEN)
    wrapped = _WRAPPED.match(text, start, end) if marked else None
    return (wrapped.end() if wrapped else start), end
