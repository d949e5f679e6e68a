"""Why a judge ruled as it did: what ``judge --explain`` shows."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smallscale_ci.config.settings import Service
from smallscale_ci.judges.code import program_of
from smallscale_ci.judges.extract import candidates
from smallscale_ci.judges.interface import Judge, JudgeSpec, Ruling
from smallscale_ci.judges.outcome import outcome
from smallscale_ci.judges.registry import judge_for
from smallscale_ci.records import FinishReason, Problem
from smallscale_ci.worker.thinking import answer_part


@dataclass(frozen=True, slots=True)
class Explanation:
    """A ruling and the steps that led to it, as (what, value) in the order they were taken."""

    ruling: Ruling
    steps: tuple[tuple[str, str], ...]


def explain(
    problem: Problem,
    text: str,
    spec: JudgeSpec,
    service: Service | None = None,
    finish: FinishReason = FinishReason.STOP,
) -> Explanation:
    """Judge ``text`` in this process and say how: extraction, normal forms, deciding rule.

    ``finish`` is why its generation ended: an answer that was cut off is TRUNCATED.

    All values are model text or made from it: escape them before they reach a terminal.
    """
    ruling = _judge(spec, service).judge(problem, text, spec)
    answer = answer_part(text)
    steps = [("gold", " | ".join(problem.golds))]
    if answer is None:
        steps.append(("after thinking", "nothing: thinking was not finished"))
    else:
        steps.append(("after thinking", f"{len(answer)} of {len(text)} characters"))
        if spec.name == "code":
            steps.append(("program", program_of(problem, answer) or "no complete code block"))
            spec = replace(spec, extract=())
        finds = _finds(problem, answer, spec)
        steps += [(f"found by '{rule}'", found) for rule, found in finds]
        if not finds and spec.name != "code":
            steps.append(("found", "nothing"))
    if spec.name == "math" and ruling.extracted is not None:
        steps += _math_forms(problem.gold, ruling.extracted)
    if spec.name == "mcq":
        steps += _options(problem)
    decided, reason = outcome(ruling, finish)
    steps += [("decided by", reason), ("outcome", decided.value)]
    return Explanation(ruling, tuple(steps))


def _finds(problem: Problem, answer: str, spec: JudgeSpec) -> list[tuple[str, str]]:
    """(rule, text) of what each rule finds."""
    if spec.name != "mcq":
        return [(found.rule, found.text) for found in candidates(answer, spec.extract)]
    from smallscale_ci.judges.mcq import find
    from smallscale_ci.judges.options import options_of

    found = [(rule, find(answer, rule, options_of(problem))[0]) for rule in spec.extract]
    return [(rule, text) for rule, text in found if text is not None]


def _judge(spec: JudgeSpec, service: Service | None) -> Judge:
    if spec.name != "llm" or service is None:
        return judge_for(spec.name)
    from smallscale_ci.judges.llm import LlmJudge
    from smallscale_ci.judges.service import Client

    return LlmJudge(Client(service))


def _math_forms(gold: str, answer: str) -> list[tuple[str, str]]:
    from smallscale_ci.judges.math import LONGEST
    from smallscale_ci.judges.mathematics.normal import clean
    from smallscale_ci.judges.mathematics.reader import read
    from smallscale_ci.judges.mathematics.words import in_words

    steps = []
    for side, text in (("gold", gold[:LONGEST]), ("answer", answer)):
        normal = clean(text)
        steps += [
            (f"{side}, normal form", normal),
            (f"{side}, read as", _shown(in_words(read(normal)))),
        ]
    return steps


def _shown(text: str) -> str:
    return text if len(text) <= 500 else text[:500] + "…"


def _options(problem: Problem) -> list[tuple[str, str]]:
    from smallscale_ci.judges.options import options_of

    options = options_of(problem)
    pairs = zip(options.labels, options.texts, strict=True)
    return [("option", f"{label}. {text}") for label, text in pairs if text]
