"""The problems of the HTML report, compressed for its script to unpack and show.

Reasoning models' answers are long. Texts that do not fit the page are cut in the middle, first for
problems in which nothing changed.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from smallscale_ci.records import Outcome
from smallscale_ci.report.escape import clean
from smallscale_ci.report.interface import Answer, Excerpt, ReportData

MAX_PROBLEMS = 5000
_MAX_ANSWERS = 16  # answers per side of a problem
# Characters of one text, tried in this order.
_LIMITS = (100_000, 30_000, 10_000, 4000, 2000, 1000, 500, 250, 120, 60, 30)
_FAVOUR = 4  # problems in which something changed may keep this many times more
_BEST_RATIO = 1 / 6  # least share of text after compression: what would not fit is not tried
_QUESTION = 4  # questions may keep this many times more than answers
_OUTCOMES = tuple(Outcome)


@dataclass(frozen=True, slots=True)
class Packed:
    """``blob`` (base64 of zlib of JSON), the numbers of problems in it and not, and any cut."""

    blob: str
    shown: int
    left_out: int
    cut: bool


def pack(data: ReportData, budget: int) -> Packed:
    """The problems of ``data`` in at most ``budget`` characters.

    The JSON is a list of ``[task, id, question, prompt, gold, candidate, baseline]``, prompt
    empty if it is the question; the last two are lists of answers ``[outcome, tokens,
    extracted, reason, text]``, outcome an index into ``Outcome``, tokens and text ``null`` where
    they are not known.
    """
    eventful = {name for name, excerpt in data.excerpts.items() if _eventful(excerpt)}
    # Sorting is stable: within both classes, problems keep the suite's order.
    ranked = sorted(data.excerpts, key=lambda name: name not in eventful)[:MAX_PROBLEMS]
    ratio = _BEST_RATIO
    limits: dict[str, int] = {}
    for limit in _LIMITS:
        limits = {name: limit * (_FAVOUR if name in eventful else 1) for name in ranked}
        size = _size(data, limits)
        if size * ratio <= budget:
            blob = _blob(data, limits)
            if len(blob) <= budget:
                return _packed(data, limits, blob)
            # Shorter texts compress a little better or worse: only clear failures are not tried.
            ratio = max(ratio, 0.8 * len(blob) / max(size, 1))
    # Only the number of problems is left to cut.
    while len(blob := _blob(data, limits)) > budget and limits:
        limits = dict(list(limits.items())[: len(limits) * 4 // 5])
    return _packed(data, limits, blob)


def _packed(data: ReportData, limits: Mapping[str, int], blob: str) -> Packed:
    cut = any(len(words) > limit for words, limit in _limited(data, limits))
    return Packed(blob, len(limits), len(data.excerpts) - len(limits), cut)


def _blob(data: ReportData, limits: Mapping[str, int]) -> str:
    """The problems named in ``limits``, in the suite's order."""
    shown = ((name, excerpt) for name, excerpt in data.excerpts.items() if name in limits)
    rows = [_row(name, excerpt, limits[name]) for name, excerpt in shown]
    words = json.dumps(rows, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(words.encode())).decode()


def _row(name: str, excerpt: Excerpt, limit: int) -> list[object]:
    sides = (excerpt.candidate, excerpt.baseline)
    words = (excerpt.task, name, excerpt.question, _prompt(excerpt), excerpt.gold)
    answers = [[_answer(answer, limit) for answer in side[:_MAX_ANSWERS]] for side in sides]
    return [*(_shortened(word, _QUESTION * limit) for word in words), *answers]


def _prompt(excerpt: Excerpt) -> str:
    return "" if excerpt.prompt == excerpt.question else excerpt.prompt


def _answer(answer: Answer, limit: int) -> list[object]:
    extracted, text = answer.extracted, answer.text
    return [
        _OUTCOMES.index(answer.outcome),
        answer.tokens,
        None if extracted is None else _shortened(extracted, limit),
        _shortened(answer.reason, limit),
        None if text is None else _shortened(text, limit),
    ]


def _shortened(text: str, limit: int) -> str:
    """Cleaned ``text``, cut in the middle: the end of an answer says most, then its start."""
    left_out = f"\n[… {len(text) - limit:,} characters left out …]\n"
    if len(text) <= limit + len(left_out):
        return clean(text)
    head = limit // 3
    return clean(text[:head]) + left_out + clean(text[head - limit :])


def _eventful(excerpt: Excerpt) -> bool:
    """Whether the problem flipped, or any of the candidate's samples was truncated or failed."""
    bad = {Outcome.TRUNCATED, Outcome.ERRORED}
    if any(answer.outcome in bad for answer in excerpt.candidate):
        return True
    before, after = (_accuracy(side) for side in (excerpt.baseline, excerpt.candidate))
    return before is not None and after is not None and (before - 0.5) * (after - 0.5) < 0


def _accuracy(answers: Sequence[Answer]) -> float | None:
    judged = [answer for answer in answers if answer.outcome is not Outcome.ERRORED]
    right = sum(answer.outcome is Outcome.CORRECT for answer in judged)
    return right / len(judged) if judged else None


def _size(data: ReportData, limits: Mapping[str, int]) -> int:
    return sum(min(len(words), limit) for words, limit in _limited(data, limits))


def _limited(data: ReportData, limits: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Every long text of the problems named in ``limits``, with its limit."""
    for name, limit in limits.items():
        excerpt = data.excerpts[name]
        yield excerpt.question, _QUESTION * limit
        yield _prompt(excerpt), _QUESTION * limit
        for answer in (*excerpt.candidate, *excerpt.baseline):
            yield answer.text or "", limit
