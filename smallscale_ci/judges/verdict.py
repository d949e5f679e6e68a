"""Whether a judging model said Yes or No."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from smallscale_ci.worker.thinking import answer_part

_WORDS = {"yes": True, "no": False}
_IN_JSON = {**_WORDS, "true": True, "false": False, "correct": True, "incorrect": False}
_KEYS = re.compile(
    r"(?:final_?)?(?:answer|verdict|judge?ment|decision|result|conclusion"
    r"|(?:is_?)?(?:correct|equivalent|equal|match(?:es)?|same|agrees?))",
    re.IGNORECASE,
)
_NOISE = re.compile(
    r"[✅✔✓☑❌✗✘✖\ufe0f*_`\"'“”‘’$\[\]]|(?<![^\n])(?:#{1,6}(?=\s)|[>(]\s*)|\\(?:text(?:bf|it|rm)?|mathrm|mathbf)(?![a-zA-Z])"
)
_PARTS = re.compile(  # a list of text parts with one part
    r"""\s*\[\s*\{[^{}]*["']text["']\s*:\s*["']([^"'{}]*)["'][^{}]*\}\s*\]\s*"""
)
_QUOTED = re.compile(r"[\"“'‘](yes|no)[\"”'’]", re.IGNORECASE)
_SENTENCES = re.compile(r"(?<=[.!])\s+")
_IN_PART = re.compile(r"yes,?\s(?:partially|partly|in\spart|mostly|almost)\b", re.IGNORECASE)
_BOX = re.compile(r"\\boxed\s*\{[\s{]*(yes|no)[\s.!}]*\}", re.IGNORECASE)
_TAG = re.compile(r"<(?:answer|verdict|judgment|judgement)>\s*(yes|no)[\s.!]*</", re.IGNORECASE)
_GRADE = re.compile(r"\s*[AB]\s*[:.)]\s*(in)?correct[\s.]*", re.IGNORECASE)  # of SimpleQA's grader
_STATED = re.compile(
    r"\b(?:(?:answer|verdict|judge?ment|decision|conclusion|result)\b[ \t]*(?:is[ \t]*)?[:=–—]?"
    r"|I\s(?:would\s)?say)\s*"
    r"(yes|no)\b(?!\s*(?:/|or\b|doubt\b|longer\b|one\b))",
    re.IGNORECASE,
)
# A sentence that starts with it or consists of it: "Yes, because …", "No." on its own line.
_SENTENCE = re.compile(
    r"(?:^|[.!?:\n]\s*|-\s+)(?:(?:therefore|thus|so|hence|overall),?\s+)?(yes|no)\b(?=\s*(?:[,.:;!–—)]|-\s|\n|$)"
    r"|\s+\(|\s+(?:because|since|as|it|they|the|both|this|that)\b)",
    re.IGNORECASE,
)
# A verdict in its own paragraph, and its explanation.
_RULED = re.compile(
    r"(?:(?:final\s+)?(?:verdict|answer|judge?ment)\s*:\s*)?(?:yes|no)[.!]?[ \t]*\n\s*"
    r"(?=(?:explanation|reason(?:ing)?|rationale|justification)\s*:)",
    re.IGNORECASE,
)
# A last word: "1/2 is 0.5, so yes.", "On second thought, no."
_LAST = re.compile(
    r"(?:[,;:.]|[→⇒]|[-=]>)\s+(?:so,?\s+|then\s+|therefore,?\s+)?(?:\w+ly,?\s+)?(yes|no)[.!]*\s*\Z",
    re.IGNORECASE,
)
# A last line that only says that they agree, or do not.
_AGREES = re.compile(
    r"""(?:(?:final\s+)?(?:verdict|judge?ment|decision|conclusion|result|grade)\s*:\s*)?
        (?:(?:the\s+(?:two\s+)?(?:(?:given|compared|candidate|submitted|proposed|predicted|final|models?|students?|users?|assistants?)\s+){0,2}
                (?:answers?|responses?|results?|solutions?|predictions?)
            |they|these|it|both)\s+(?:(?:is|are|do|does)(nt)?\s+)?)?
        (not\s+)?(?:mathematically\s+)?(?:(correct|right|equal|equivalent|(?:the\s+)?same|true|match(?:es)?|agrees?|equals)
            |incorrect|wrong|false|differ|different|unequal|mismatch)
        (?:(?:\s+(?:to|as|with))?\s+the\s+(?:reference|gold|correct)(?:\s+(?:answer|one))?)?[.!]*\s*""",
    re.IGNORECASE | re.VERBOSE,
)


def verdict(said: str) -> bool | None:
    """Whether a judge said Yes, after its own thinking.

    ``None`` if it said neither or both: a model that contradicts itself has not decided.
    """
    answer = answer_part(said)
    if answer is None:
        return None
    found = set(_in_json(answer)) or set(_in_text(answer))
    return found.pop() if len(found) == 1 else None


def _in_text(answer: str) -> Iterator[bool]:
    if len({word.lower() for word in _QUOTED.findall(answer)}) > 1:  # answers that are compared
        answer = _QUOTED.sub("it", answer)
    text = _NOISE.sub("", answer).strip()
    found = list(_said(text))
    sentences = _SENTENCES.split(text)
    for sentence in {sentences[0], sentences[-1]} if not found else ():
        found += _agreement(sentence)
    yield from found


def _agreement(sentence: str) -> Iterator[bool]:
    if match := _AGREES.fullmatch(sentence.strip()):
        yield bool(match[3]) != bool(match[1] or match[2])


def _said(text: str) -> Iterator[bool]:
    if _IN_PART.match(text):
        return
    if grade := _GRADE.fullmatch(text):
        yield grade[1] is None
        return
    if ruled := _RULED.match(text):  # an explanation may say yes or no about something else
        text = ruled[0].rstrip()
    for pattern in (_BOX, _TAG, _STATED, _SENTENCE, _LAST):
        yield from (_WORDS[match[1].lower()] for match in pattern.finditer(text))
    yield from _agreement(text.rpartition("\n")[2])


def _in_json(answer: str) -> Iterator[bool]:
    """The verdict in an object or string of JSON, if the answer is one, in a fence or not."""
    text = re.sub(r"^\s*```\w*\s*|\s*```\s*$", "", answer)
    if parts := _PARTS.fullmatch(text):
        yield from _in_text(parts[1])
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return
    try:
        value = json.loads(text[start : end + 1])
    except (ValueError, RecursionError):
        return
    for key, one in value.items() if isinstance(value, dict) else ():
        if _KEYS.fullmatch(key) and (known := _known(one)) is not None:
            yield known


def _known(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return _IN_JSON.get(value.strip(" .!").lower()) if isinstance(value, str) else None
