"""Whether training problems are in the evaluation: equal, contained or nearly equal texts.

Texts are compared as words, numbers and operators, ignoring case, punctuation and mark-up. Nearly
equal means that at least ``threshold`` of the word triples of both are shared (Jaccard index); or,
since one changed word changes three triples, of the words, if the same numbers and operators appear
in the same order. Candidates come from an index of each text's rarest triples and words (the prefix
filter of Chaudhuri et al., ICDE 2006), which finds all of them without comparing every pair.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from smallscale_ci.errors import DataError
from smallscale_ci.records import Problem

THRESHOLD = 0.8
_WIDTH = 3  # words of a shingle
_LONG = 8  # fewest words of a text that is looked for inside others
_FEW_NUMBERS = 20  # fewest words that identify a text with less than two numbers
_SHOWN = 5  # leaks named in an error
_EXCERPT = 100  # characters
_MARKUP = re.compile(r"\\(?:left|right|displaystyle|mathrm|text|[,;!: ])|[${}]")
_WORDS = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+|[-+*/^=<>%]")
_OPERATORS = str.maketrans({"−": "-", "–": "-", "×": "*", "·": "*", "÷": "/"})
_MULTIPLY = re.compile(r"\\(?:times|cdot)")

_FIGURE = re.compile(r"[\d\W]")  # first characters of numbers and operators

Shingle = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Leak:
    """A training problem that resembles an evaluation problem."""

    problem: Problem
    suite: str  # of the evaluation problem
    resembles: Problem
    kind: Literal["exact", "contains", "near"]
    similarity: float  # share of common word triples, or words

    def sentence(self) -> str:
        """Both problems by name, with the start of their texts."""
        how = {"exact": "is", "contains": "contains"}.get(
            self.kind, f"is to {100 * self.similarity:.0f}% like"
        )
        return (
            f"{self.problem.task}/{self.problem.id} ({_excerpt(self.problem)}) {how} "
            f"{self.suite}/{self.resembles.task}/{self.resembles.id} ({_excerpt(self.resembles)})"
        )


def words(text: str) -> tuple[str, ...]:
    """``text`` in its compared form: lower-case words, whole numbers and operators."""
    plain = unicodedata.normalize("NFKC", _MULTIPLY.sub(" * ", text).translate(_OPERATORS))
    return tuple(_WORDS.findall(_MARKUP.sub(" ", plain).casefold()))


def similarity(one: Sequence[str], other: Sequence[str]) -> float:
    """The share in common, 0 to 1: of word triples or of words, whichever is more."""
    return max(_jaccard(view(one), view(other)) for view in (_shingles, _bag))


def find_leaks(
    training: Iterable[Problem],
    evaluation: Mapping[str, Iterable[Problem]],
    threshold: float = THRESHOLD,
) -> tuple[Leak, ...]:
    """The training problems that are in an evaluation suite, each with its closest match.

    For multiple choice, the right option is part of the text if both problems have options:
    "Which of these is true?" alone says nothing. ``evaluation`` maps suite names to problems.
    """
    theirs = [(suite, problem) for suite, problems in evaluation.items() for problem in problems]
    plain = _Index([words(problem.question) for _, problem in theirs], threshold)
    answered = _Index([_with_answer(problem) for _, problem in theirs], threshold)
    found = []
    for problem in training:
        best: Leak | None = None
        for index, text in ((plain, words(problem.question)), (answered, _with_answer(problem))):
            for at, kind, near in index.matches(text):
                suite, other = theirs[at]
                both = bool(problem.choices and other.choices)
                if both is (index is answered) and (best is None or near > best.similarity):
                    best = Leak(problem, suite, other, kind, near)
        if best is not None:
            found.append(best)
    return tuple(found)


def refuse(leaks: Sequence[Leak]) -> DataError:
    """The error that names the leaks; the first few in full."""
    named = "\n".join(f"  {leak.sentence()}" for leak in leaks[:_SHOWN])
    more = f"\n  and {len(leaks) - _SHOWN} more" if len(leaks) > _SHOWN else ""
    count = f"{len(leaks)} training problem{'s are' if len(leaks) > 1 else ' is'}"
    return DataError(
        f"{count} in the evaluation:\n{named}{more}",
        "A model that has trained on them cannot be judged by them. Train on other problems, or "
        "leave these out: --set pairs.leaks=drop.",
    )


class _Index:
    """Texts by their rarest word triples, and by their rarest words."""

    def __init__(self, texts: Sequence[tuple[str, ...]], threshold: float) -> None:
        self._texts, self._threshold = texts, threshold
        self._views = [_View(view, texts, threshold) for view in (_shingles, _bag)]

    def matches(
        self, text: tuple[str, ...]
    ) -> Iterator[tuple[int, Literal["exact", "contains", "near"], float]]:
        """Positions of texts that ``text`` equals, contains or resembles, with the similarity."""
        own = [(view, view.of(text)) for view in self._views]
        places = {at for view, parts in own for at in view.candidates(parts)}
        for at in sorted(places):
            near = max(_jaccard(parts, view.parts[at]) for view, parts in own)
            if text == self._texts[at]:
                yield at, "exact", 1.0
            elif len(self._texts[at]) >= _LONG and _contains(text, self._texts[at]):
                yield at, "contains", near
            elif near >= self._threshold:
                yield at, "near", near


class _View:
    """Texts as sets of parts, indexed by each text's rarest ones."""

    def __init__(
        self,
        of: Callable[[Sequence[str]], frozenset[Shingle]],
        texts: Sequence[tuple[str, ...]],
        threshold: float,
    ) -> None:
        self.of, self.parts = of, [of(text) for text in texts]
        count = Counter(part for parts in self.parts for part in parts)
        self._places: defaultdict[Shingle, list[int]] = defaultdict(list)
        for at, parts in enumerate(self.parts):
            # Of n parts, threshold · n must be shared: one of the n − that + 1 rarest is.
            rarest = sorted(parts, key=lambda part: (count[part], part))
            for part in rarest[: len(rarest) - math.ceil(threshold * len(rarest)) + 1]:
                self._places[part].append(at)

    def candidates(self, parts: frozenset[Shingle]) -> Iterator[int]:
        """Positions of the texts that may be nearly equal to one of ``parts``."""
        for part in parts:
            yield from self._places.get(part, ())


def _jaccard(one: frozenset[Shingle], other: frozenset[Shingle]) -> float:
    return len(one & other) / max(len(one | other), 1)


def _shingles(text: Sequence[str]) -> frozenset[Shingle]:
    if len(text) <= _WIDTH:
        return frozenset([tuple(text)] if text else [])
    return frozenset(tuple(text[at : at + _WIDTH]) for at in range(len(text) - _WIDTH + 1))


def _bag(text: Sequence[str]) -> frozenset[Shingle]:
    """Words, numbered by occurrence; words of texts with other numbers are different ones.

    Empty for a short text, in which another word makes another problem.
    """
    figures = [word for word in text if _FIGURE.match(word)]
    numbers = sum(word[0].isdigit() for word in figures)
    if len(text) < (_LONG if numbers > 1 else _FEW_NUMBERS):
        return frozenset()
    before: Counter[str] = Counter()
    same, found = " ".join(figures), set()
    for word in text:
        found.add((same, word, before[word]))
        before[word] += 1
    return frozenset(found)


def _contains(text: Sequence[str], part: Sequence[str]) -> bool:
    return f" {' '.join(part)} " in f" {' '.join(text)} "


def _with_answer(problem: Problem) -> tuple[str, ...]:
    """The words of the question and of the right option."""
    place = "ABCDEFGHIJKLMNOPQRSTUVWXYZ".find(problem.gold) if len(problem.gold) == 1 else -1
    right = problem.choices[place] if 0 <= place < len(problem.choices) else problem.gold
    return words(f"{problem.question} {right}")


def _excerpt(problem: Problem) -> str:
    text = " ".join(problem.question.split())
    return f"“{text[:_EXCERPT]}{'…' if len(text) > _EXCERPT else ''}”"
