"""Why a judge ruled as it did: what ``judge --explain`` shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from smallscale_ci.config.seams import JUDGES, imported
from smallscale_ci.config.settings import Service
from smallscale_ci.judges.code import program_of
from smallscale_ci.judges.continuation import own_part
from smallscale_ci.judges.extract import candidates
from smallscale_ci.judges.interface import Judge, JudgeSpec, Ruling
from smallscale_ci.judges.outcome import outcome
from smallscale_ci.judges.registry import judge_for
from smallscale_ci.records import FinishReason, Problem
from smallscale_ci.worker.thinking import answer_part

Steps = list[tuple[str, str]]


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
    """Judge ``text`` in this process and explain how: extraction, normal forms, deciding rule.

    ``finish`` is why the generation ended: an answer that was cut off is TRUNCATED.

    All values are model text or made from it: escape them before they reach a terminal.
    """
    ruling = _judge(spec, service).judge(problem, text, spec)
    rest = answer_part(text)
    answer = None if rest is None else own_part(rest, problem.question)
    steps = [("gold", " | ".join(problem.golds))]
    if answer is None:
        steps.append(("after thinking", "nothing: thinking was not finished"))
    else:
        steps.append(("after thinking", f"{len(answer)} of {len(text)} characters"))
    if answer != rest:
        steps.append(("another question follows", "what it answers to that is left out"))
    shown = imported(JUDGES[spec.name].steps) if JUDGES[spec.name].steps else found
    steps += shown(problem, answer or "", spec, ruling)
    decided, reason = outcome(ruling, finish)
    steps += [("decided by", reason), ("outcome", decided.value)]
    return Explanation(ruling, tuple(steps))


def found(problem: Problem, answer: str, spec: JudgeSpec, ruling: Ruling) -> Steps:
    """For any judge: what each rule finds in ``answer``, which is empty if there is none."""
    del problem, ruling
    return _found(answer, [(one.rule, one.text) for one in candidates(answer, spec.extract)])


def _found(answer: str, finds: Steps) -> Steps:
    steps = [(f"found by '{rule}'", text) for rule, text in finds]
    return steps if steps or not answer else [("found", "nothing")]


def _judge(spec: JudgeSpec, service: Service | None) -> Judge:
    if not JUDGES[spec.name].asks or service is None:
        return judge_for(spec.name)
    from smallscale_ci.judges.service import Client

    return cast("Judge", imported(JUDGES[spec.name].judge)(Client(service)))


def program(problem: Problem, answer: str, spec: JudgeSpec, ruling: Ruling) -> Steps:
    """For a judge that runs programs: the program it ran."""
    del spec, ruling
    return [("program", program_of(problem, answer) or "no complete code block")] if answer else []


def forms(problem: Problem, answer: str, spec: JudgeSpec, ruling: Ruling) -> Steps:
    """For mathematics: also the normal forms that were compared."""
    steps = found(problem, answer, spec, ruling)
    return (
        steps if ruling.extracted is None else steps + _math_forms(problem.gold, ruling.extracted)
    )


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


def options(problem: Problem, answer: str, spec: JudgeSpec, ruling: Ruling) -> Steps:
    """For multiple choice: what each of its rules finds, and the options with their letters."""
    del ruling
    from smallscale_ci.judges.mcq import find
    from smallscale_ci.judges.options import options_of

    offered = options_of(problem)
    finds = [(rule, find(answer, rule, offered)[0]) for rule in spec.extract] if answer else []
    pairs = zip(offered.labels, offered.texts, strict=True)
    return [
        *_found(answer, [(rule, text) for rule, text in finds if text is not None]),
        *(("option", f"{label}. {text}") for label, text in pairs if text),
    ]
