"""Multiple choice: whether the option that an answer names is the right one."""

from __future__ import annotations

from smallscale_ci.judges.claims import claim, lone_line
from smallscale_ci.judges.continuation import own_answer
from smallscale_ci.judges.extract import candidates
from smallscale_ci.judges.interface import JudgeSpec, Ruling
from smallscale_ci.judges.options import Named, Options, by_text, named, options_of
from smallscale_ci.judges.spelling import LONGEST
from smallscale_ci.records import Outcome, Problem


class McqJudge:
    """CORRECT when the answer names the gold option, by its letter or by its text."""

    name = "mcq"
    version = 10

    def judge(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling:
        """See ``interface.Judge``.

        Rules: "boxed", "stated", "letter" (a label at the start of the first or last line).
        """
        options = options_of(problem)
        golds = {
            _gold_index(gold, options, texts_first=bool(problem.choices)) for gold in problem.golds
        }
        golds.discard(None)
        if not golds:
            return Ruling(
                Outcome.ERRORED, None, f"the gold {problem.gold!r} names none of the options"
            )
        answer = own_answer(text, problem.question)
        if answer is None:
            return Ruling(Outcome.UNPARSED, None, "thinking was not finished")
        seen: str | None = None
        for rule in spec.extract:
            found, where = find(answer, rule, options)
            seen = seen or found
            if where is not None:
                return _ruling(where, golds, options, rule, found or "")
        reason = "the answer names no option" if seen else "no answer found"
        return Ruling(Outcome.UNPARSED, seen, reason)

    def quick(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling | None:
        """Every ruling of this judge is quick."""
        return self.judge(problem, text, spec)


def find(answer: str, rule: str, options: Options) -> tuple[str | None, Named | None]:
    """The text that a rule finds, and the option that it names."""
    if rule in ("stated", "letter"):
        found = claim(answer, options) if rule == "stated" else lone_line(answer, options)
        return (found.text, found.named) if found else (None, None)
    text = next((one.text for one in candidates(answer, (rule,))), None)
    return text, named(text, options) if text is not None else None


def _gold_index(gold: str, options: Options, *, texts_first: bool) -> int | None:
    """The option that a gold names, by text before label if the data list options.

    In a question's own lines the printed label goes first, which may be a digit.
    """
    by_label = options.index(gold.strip().strip("()."))
    text = by_text(gold, options)
    first, second = (text, by_label) if texts_first else (by_label, text)
    return second if first is None else first


def _ruling(where: Named, golds: set[int | None], options: Options, rule: str, text: str) -> Ruling:
    extracted = options.labels[where.place] if where.place is not None else text[:LONGEST]
    outcome = Outcome.CORRECT if where.place in golds else Outcome.WRONG
    return Ruling(outcome, extracted, f"{rule}: {where.how}")
