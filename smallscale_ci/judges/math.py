"""Mathematics: whether an extracted answer means the same as the gold answer."""

from __future__ import annotations

from smallscale_ci.judges.extract import answer_part, candidates
from smallscale_ci.judges.interface import JudgeSpec, Ruling
from smallscale_ci.records import Outcome, Problem


class MathJudge:
    """CORRECT when the extracted answer and the gold answer denote the same thing."""

    name = "math"
    version = 1

    def judge(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling:
        """See ``interface.Judge``. Rules: "boxed", "stated", "last-number"."""
        quick = self.quick(problem, text, spec)
        if quick is not None:
            return quick
        found = next(candidates(answer_part(text) or "", spec.extract))
        import math_verify

        gold = math_verify.parse(f"\\boxed{{{problem.gold}}}", parsing_timeout=None)
        answer = math_verify.parse(f"\\boxed{{{found.text}}}", parsing_timeout=None)
        same = math_verify.verify(gold, answer, timeout_seconds=None)
        outcome = Outcome.CORRECT if same else Outcome.WRONG
        return Ruling(outcome, found.text, f"{found.rule}: algebra")

    def quick(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling | None:
        """Exact rules: no answer, the same text, or both plain numbers."""
        answer = answer_part(text)
        if answer is None:
            return Ruling(Outcome.UNPARSED, None, "thinking was not finished")
        found = next(candidates(answer, spec.extract), None)
        if found is None:
            return Ruling(Outcome.UNPARSED, None, "no answer found")
        if found.text.strip() == problem.gold.strip():
            return Ruling(Outcome.CORRECT, found.text, f"{found.rule}: same text")
        return None
