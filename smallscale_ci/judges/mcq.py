"""Multiple choice: which option a boxed or stated answer names."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from smallscale_ci.judges.extract import candidates
from smallscale_ci.judges.interface import JudgeSpec, Ruling
from smallscale_ci.records import Outcome, Problem
from smallscale_ci.worker.thinking import answer_part

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_OPTION_LINE = re.compile(r"^[ \t]*\(?([A-Z]|\d{1,2})[.):][ \t]+(\S.*)$", re.MULTILINE)
_WRAPPER = re.compile(
    r"\\(?:text(?:bf|it|rm|sf)?|math(?:bf|it|rm|sf)|boldsymbol|bm|bf|rm|mbox|boxed|fbox"
    r"|operatorname|displaystyle)(?![a-zA-Z])"
)
_GAP = re.compile(r"\\[ ;:]|\\q?quad(?![a-zA-Z])|~")
_NOISE = re.compile(r"\\[,!]|[$*{}`\"“”]|\\[()\[\]]")
_LEAD = re.compile(
    r"^(?:the\s+)?(?:correct\s+)?(?:option|choice|answer)\s*(?:is\s*)?:?\s*", re.IGNORECASE
)
_INSTEAD = re.compile(r",? (?:and )?not \W?[A-Z]\W{0,2}$")
_LONE = re.compile(r"[(\[]?\s*([A-Za-z]|\d{1,2})\s*[)\]]?\s*[.:,]?")
_LABELLED = re.compile(
    r"(?:[(\[]\s*([A-Z]|\d{1,2})\s*[)\]]|([A-Z]|\d{1,2})\s*(?:[).:]|\s[-–—]))\s*\S"
)
_SEVERAL = re.compile(r"[(\[]?[A-Z][)\]]?(?:\s*(?:,|and|or|&|/)\s*[(\[]?[A-Z][)\]]?)+\.?")
_WORD = re.compile(r"\w+(?:[.,]\d+)*|[^\w\s]")
_ARTICLES = frozenset({"a", "an", "the", ".", ",", ";", "'", "’"})
_LONGEST = 2000  # characters of an answer that are looked at


@dataclass(frozen=True, slots=True)
class Options:
    """The options of a question: labels as they are printed, and texts."""

    labels: tuple[str, ...]
    texts: tuple[str, ...]

    def index(self, label: str) -> int | None:
        """Which option ``label`` names: a label as printed, or a letter for its place."""
        label = label.upper()
        if label in self.labels:
            return self.labels.index(label)
        if label in _LETTERS and not self.labels[0].isalpha():
            place = _LETTERS.index(label)
            return place if place < len(self.labels) else None
        return None


class McqJudge:
    """CORRECT when the answer names the gold option, by its letter or by its text."""

    name = "mcq"
    version = 4

    def judge(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling:
        """See ``interface.Judge``. Rules: "boxed", "stated", "letter" (a letter standing alone)."""
        options = options_of(problem)
        golds = {
            _gold_index(gold, options, texts_first=bool(problem.choices)) for gold in problem.golds
        }
        golds.discard(None)
        if not golds:
            return Ruling(
                Outcome.ERRORED, None, f"the gold {problem.gold!r} names none of the options"
            )
        answer = answer_part(text)
        if answer is None:
            return Ruling(Outcome.UNPARSED, None, "thinking was not finished")
        seen: str | None = None
        for found in _found(answer, spec.extract):
            seen = seen or found[0]
            choice, how = _choice(found[0], options)
            if how:
                return _ruling(choice, golds, options, f"{found[1]}: {how}", found[0])
        reason = "the answer names no option" if seen else "no answer found"
        return Ruling(Outcome.UNPARSED, seen, reason)

    def quick(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling | None:
        """Every ruling of this judge is quick."""
        return self.judge(problem, text, spec)


def options_of(problem: Problem) -> Options:
    """The options of ``problem``: its ``choices``, or the lines ``A. …`` of its question.

    Of several runs of such lines in the question the last counts. With no options in sight the
    letters A to J are taken as labels without text.
    """
    if problem.choices:
        return Options(tuple(_LETTERS[: len(problem.choices)]), problem.choices)
    run: list[tuple[str, str]] = []
    for label, text in _OPTION_LINE.findall(problem.question):
        if label in ("A", "1"):
            run = [(label, text)]
        elif run and label == _next_label(run[-1][0]):
            run.append((label, text))
    if len(run) < 2:
        return Options(tuple(_LETTERS[:10]), ("",) * 10)
    return Options(tuple(label for label, _ in run), tuple(text.strip() for _, text in run))


def _next_label(label: str) -> str:
    return str(int(label) + 1) if label.isdigit() else chr(ord(label) + 1)


def has_options(question: str) -> bool:
    """Whether the options are lines of ``question``."""
    return bool(options_of(Problem("", "", question, "")).texts[0])


def _gold_index(gold: str, options: Options, *, texts_first: bool) -> int | None:
    """The option that a gold names: its text goes before its label where the data list options.

    In a question's own lines the printed label goes first, which may be a digit.
    """
    by_label = options.index(gold.strip().strip("()."))
    by_text = _by_text(gold, options)
    first, second = (by_text, by_label) if texts_first else (by_label, by_text)
    return second if first is None else first


def _found(answer: str, rules: tuple[str, ...]) -> list[tuple[str, str]]:
    """(text, rule) of the possible answers, in the order of ``rules``."""
    finds: list[tuple[str, str]] = []
    for rule in rules:
        if rule == "letter":
            lines = [line.strip() for line in answer.strip().splitlines() if line.strip()]
            ends = [lines[-1], lines[0]] if lines else []
            finds += [(line, rule) for line in ends if _LONE.fullmatch(_plain(line))]
            finds += [(line, rule) for line in ends if _LABELLED.match(_plain(line))]
        else:
            finds += [(found.text, found.rule) for found in candidates(answer, (rule,))]
    return finds


def _plain(text: str) -> str:
    """``text`` without LaTeX wrappers, emphasis and a leading "option"."""
    text = unicodedata.normalize("NFKC", text[:_LONGEST])  # Ｂ
    text = _bare(text).strip().strip("'‘’")
    return _INSTEAD.sub("", _LEAD.sub("", text)).strip()


def _bare(text: str) -> str:
    """``text`` without LaTeX wrappers and emphasis."""
    return _NOISE.sub("", _WRAPPER.sub("", _GAP.sub(" ", text)))


def _choice(text: str, options: Options) -> tuple[int | None, str]:
    """The option that ``text`` names and how, ("" where it names none)."""
    plain = _plain(text)
    if lone := _LONE.fullmatch(plain):
        index = options.index(lone.group(1))
        if index is not None:
            return index, "by its label"
    index = _by_text(text, options)
    if index is not None:
        return index, "by its text"
    if lone and lone.group(1).isalpha():
        return None, f"{lone.group(1)} is none of the options"
    if _SEVERAL.fullmatch(plain) or (plain.isupper() and set(plain) <= set(options.labels)):
        return None, "several options"
    if labelled := _LABELLED.match(plain):
        index = options.index(labelled.group(1) or labelled.group(2))
        if index is not None:
            return index, "by its label"
    return _by_leading_label(plain, options)


def _by_leading_label(plain: str, options: Options) -> tuple[int | None, str]:
    """``C planetary days …``, ``C (…)``: a label without a mark counts before its own text only."""
    label, _, rest = plain.partition(" ")
    label = label.rstrip(",")
    index = options.index(label) if label.isupper() or label.isdigit() else None
    texts = (rest, rest.removeprefix("(").removesuffix(")"))
    if index is not None and any(_by_text(text, options) == index for text in texts):
        return index, "by its label and text"
    return None, ""


def _by_text(text: str, options: Options) -> int | None:
    """The only option whose text is ``text``, up to articles and punctuation, and up to case.

    Case matters where it tells options apart (alleles ``Rr`` and ``RR``).
    """
    for fold in (str, str.casefold):
        words = _words(fold(text))
        same = [
            index for index, option in enumerate(options.texts) if _words(fold(option)) == words
        ]
        if words and len(same) == 1:
            return same[0]
    return None


def _words(text: str) -> tuple[str, ...]:
    tokens = _WORD.findall(_bare(text[:_LONGEST]))
    if len(tokens) > 2 and tokens[0] in ("A", "a") and tokens[1] in (".", ","):
        return tuple(tokens)  # a label, not an article
    kept = tuple(token for token in tokens if token.lower() not in _ARTICLES)
    return kept or tuple(token for token in tokens if token.isalnum())


def _ruling(
    choice: int | None, golds: set[int | None], options: Options, reason: str, text: str
) -> Ruling:
    extracted = options.labels[choice] if choice is not None else text[:_LONGEST]
    outcome = Outcome.CORRECT if choice in golds else Outcome.WRONG
    return Ruling(outcome, extracted, reason)
