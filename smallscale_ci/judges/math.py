"""Mathematics: whether an extracted answer means the same as the gold answer."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from smallscale_ci.judges.continuation import own_answer
from smallscale_ci.judges.deadline import uncharged
from smallscale_ci.judges.extract import candidates
from smallscale_ci.judges.interface import JudgeSpec, Ruling
from smallscale_ci.judges.mathematics.equal import equal
from smallscale_ci.judges.mathematics.forms import Form, Relation
from smallscale_ci.judges.mathematics.normal import clean, squeeze
from smallscale_ci.judges.mathematics.quantity import Opaque, Scalar
from smallscale_ci.judges.mathematics.reader import read
from smallscale_ci.judges.mathematics.readings import (
    as_choices,
    other_junction,
    with_glued_unit,
    with_gold_letter,
    with_other_commas,
    with_spelt_number,
)
from smallscale_ci.judges.mathematics.values import NeedsAlgebra, left_standing
from smallscale_ci.records import Outcome, Problem

_CALCULUS = re.compile(r"\\(?:int|sum|prod|lim|gcd|lcm|max|min|det)(?![a-zA-Z])")
_GOES_ON = re.compile(r"([-+]?\d*\.\d+)(?:\.{3}|…|\\[lc]?dots)")
LONGEST = 2000  # characters of an answer; a longer one is wrong unless it equals the gold's text


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether gold and answer mean the same, and the rule that decided."""

    same: bool
    rule: str


class MathJudge:
    """CORRECT when the extracted answer and the gold answer mean the same thing."""

    name = "math"
    version = 9

    def judge(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling:
        """See ``interface.Judge``. Rules: "boxed", "stated", "last-number"."""
        return _rule(problem, text, spec, deep=True)

    def quick(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling | None:
        """Decides what needs no algebra: texts, rational numbers, structures of these."""
        try:
            return _rule(problem, text, spec, deep=False)
        except NeedsAlgebra:
            return None


def _rule(problem: Problem, text: str, spec: JudgeSpec, *, deep: bool) -> Ruling:
    answer = own_answer(text, problem.question)
    if answer is None:
        return Ruling(Outcome.UNPARSED, None, "thinking was not finished")
    found = next(candidates(answer, spec.extract), None)
    if found is None:
        return Ruling(Outcome.UNPARSED, None, "no answer found")
    texts = (found.text, found.named) if found.named else (found.text,)
    decision = Decision(False, "no gold")
    for gold, said in product(problem.golds, texts):  # any gold is right
        decision = decide(gold, said, deep=deep)
        if decision.same:
            break
    outcome = Outcome.CORRECT if decision.same else Outcome.WRONG
    return Ruling(outcome, found.text[:LONGEST], f"{found.rule}: {decision.rule}")


def decide(gold: str, answer: str, *, deep: bool = True) -> Decision:  # noqa: PLR0911, PLR0912 - rule by rule
    """Whether ``answer`` means ``gold``. Raises ``NeedsAlgebra`` unless ``deep``."""
    if squeeze(gold) == squeeze(answer):
        return Decision(True, "same text")
    if max(len(answer), len(gold)) > LONGEST:
        return Decision(False, f"longer than {LONGEST} characters")
    gold_text, gold_form = _gold(gold)
    answer_text = clean(answer)
    if squeeze(gold_text) == squeeze(answer_text):
        return Decision(True, "same normal form")
    answer_form = read(answer_text)
    if left_standing(gold_form, answer_form):
        return Decision(False, "left to be worked out: a fraction to reduce, or a product")
    if other_junction(gold_text, gold_form, answer_text):
        return Decision(False, "and is not or")
    if equal(gold_form, answer_form, deep=deep):
        return Decision(True, f"same {_kind(gold_form)}")
    if with_other_commas(gold, gold_form, answer_text, deep=deep):
        return Decision(True, "same, commas read another way")
    if with_gold_letter(gold, gold_form, answer, deep=deep):
        return Decision(True, "same for all whole numbers")
    if with_glued_unit(gold_form, answer_text, deep=deep) or with_spelt_number(
        gold_form, answer_text, deep=deep
    ):
        return Decision(True, "same, with a unit")
    if as_choices(gold_text, gold_form, answer_text, answer_form, deep=deep):
        return Decision(True, "same choice")
    choice = len(gold_text) == 1 and gold_text.upper() in "ABCDE"
    words = choice or not isinstance(gold_form, Scalar | Relation)  # R is not r
    if words and squeeze(gold_text).casefold() == squeeze(answer_text).casefold():
        return Decision(True, "same normal form up to case")
    if _cut_short(gold) == _cut_short(answer):  # 0.333… for 0.333
        return Decision(True, "same digits")
    if isinstance(gold_form, Opaque) or isinstance(answer_form, Opaque):
        return _by_library(gold, answer, deep=deep)
    asked, found = _kind(gold_form), _kind(answer_form)
    return Decision(False, f"another {asked}" if found == asked else f"{found} instead of {asked}")


def _cut_short(text: str) -> str:
    text = squeeze(text).strip("$")
    match = _GOES_ON.fullmatch(text)
    return match[1] if match else text


@lru_cache(maxsize=4096)
def _gold(gold: str) -> tuple[str, Form]:
    text = clean(gold)
    return text, read(text)


def _by_library(gold: str, answer: str, *, deep: bool) -> Decision:
    """Ask ``math-verify`` about what our own reader does not handle: integrals, sums, limits."""
    if not (_CALCULUS.search(gold) or _CALCULUS.search(answer)):
        return Decision(False, "one side cannot be read as mathematics")
    if not deep:
        raise NeedsAlgebra
    with uncharged():  # a second or two, for this and all later items
        from smallscale_ci.judges.mathematics.library import library_equal

    same = library_equal(gold, answer)
    said = "cannot read one side" if same is None else "equal" if same else "not equal"
    return Decision(bool(same), f"math-verify: {said}")


def _kind(form: Form) -> str:
    return type(form).__name__.lower()
