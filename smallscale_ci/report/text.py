"""The wording of all reports: the sentences and choices that every renderer shares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from smallscale_ci.records import Check, Flip, Outcome, Scale, Verdict, VerdictKind
from smallscale_ci.report import wording
from smallscale_ci.report.escape import one_line
from smallscale_ci.report.formats import change, count, counts, level, margin, number, signed, unit
from smallscale_ci.report.interface import Answer, ReportData

WORST_FLIPS = 10
_NAMED_CHECKS = 3  # most checks named in a sentence; the table has all of them


def check_name(check: Check) -> str:
    """``gsm8k accuracy``."""
    return f"{check.task} {check.metric.value}"


def short_name(check: Check, limit: int) -> str:
    """The name in at most ``limit`` characters: the task is shortened, the metric is not."""
    return f"{one_line(check.task, limit - len(check.metric.value) - 1)} {check.metric.value}"


def check_sentence(check: Check) -> str:
    """The result of one check: how much, from what to what, against which margin."""
    metric = check.metric
    moved = change(metric, check.estimate.value)
    levels = f"from {level(metric, check.baseline)} to {level(metric, check.candidate)}"
    if not math.isfinite(moved):
        return f"{check_name(check)} could not be compared ({levels})"
    size = signed(moved).lstrip("+−")
    if size == "0.0":
        return f"{check_name(check)} is unchanged at {level(metric, check.candidate)}"
    word = "rose" if moved > 0 else "fell"
    limit = f"; margin {margin(check)}" if check.gated else ""
    return f"{check_name(check)} {word} by {size}{unit(metric)}, {levels}{limit}"


def headline(data: ReportData) -> str:
    """The verdict in one sentence that starts with its kind."""
    verdict = data.verdict
    if verdict is None:
        return _without_verdict(data)
    against = data.baseline_name or "the baseline"
    if verdict.kind is VerdictKind.INVALID:
        why = wording.reasons(verdict)[0] if verdict.reasons else "The two runs cannot be compared."
        return f"INVALID: no conclusion about {data.model} against {against}. {why}"
    counted = [check for check in verdict.checks if counts(check)]
    if verdict.kind is VerdictKind.PASS:
        if verdict.reproduced_exactly:
            return f"PASS: {data.model} reproduces {against} exactly, sample by sample."
        suite = f" on {data.suite}" if data.suite else ""  # files of samples have none
        return (
            f"PASS: {data.model} holds {against}{suite}: "
            f"{count(len(counted), 'check')} within the margins."
        )
    if verdict.kind is VerdictKind.REGRESSED:
        worse = [check_sentence(c).split(", from")[0] for c in counted if c.kind is verdict.kind]
        return f"REGRESSED: {data.model} is worse than {against}: {_named(worse, '; ')}."
    undecided = [check_name(c) for c in counted if c.kind is verdict.kind]
    return (
        f"INCONCLUSIVE: {data.model} against {against}: {len(undecided)} of "
        f"{count(len(counted), 'check')} undecided after look {verdict.look} of {verdict.of}: "
        f"{_named(undecided, ', ')}."
    )


def _without_verdict(data: ReportData) -> str:
    planned, done = data.candidate.planned, sum(data.candidate.outcomes.values())
    if data.status == "interrupted":
        return f"INTERRUPTED: {done:,} of {count(planned, 'sample')} done, nothing compared."
    return f"NO VERDICT: {data.model} on {data.suite} has no baseline to be compared with."


def details(data: ReportData) -> tuple[str, ...]:
    """What headline and table do not say: reasons, then advice for an undecided verdict."""
    verdict = data.verdict
    if verdict is None or verdict.kind is VerdictKind.PASS:
        return ()
    if verdict.kind is VerdictKind.INVALID:
        return wording.reasons(verdict)[1:]
    if verdict.kind is VerdictKind.REGRESSED:
        return wording.reasons(verdict)
    advised = (check for check in verdict.checks if check.advice and counts(check))
    advice = (f"{check_name(check)}: {wording.advice(check)}" for check in advised)
    return (*wording.reasons(verdict), *advice)


def two_levels(data: ReportData) -> str:
    """Why checks and task table show two levels of the baseline; empty if they do not."""
    verdict, baseline = data.verdict, data.baseline
    tasks = {task.task: task for task in baseline.tasks} if baseline else {}
    for check in verdict.checks if verdict else ():
        whole = tasks[check.task].levels.get(check.metric) if check.task in tasks else None
        if whole is None or not whole.n:
            continue
        if level(check.metric, check.baseline) != level(check.metric, whole.value):
            return (
                "The checks have the baseline's levels over the samples that were compared, this "
                "table over all of its samples."
            )
    return ""


def look(verdict: Verdict) -> str:
    """Which policy decided, and after how many looks at the data."""
    return f"Policy {verdict.policy}, look {verdict.look} of {verdict.of}."


def accounting(data: ReportData) -> str:
    """The candidate's planned samples by outcome; any without an outcome are missing."""
    planned, outcomes, unpaired = _accounts(data)
    missing = planned - sum(outcomes.values())
    numbers = [(o.value.lower(), outcomes.get(o.value, 0)) for o in Outcome]
    shown = ", ".join(f"{n:,} {word}" for word, n in [*numbers, ("missing", missing)] if n)
    line = f"{count(planned, 'sample')} planned: {shown or 'none judged'}."
    return f"{line} {count(unpaired, 'problem')} on one side only." if unpaired else line


def all_fine(data: ReportData) -> bool:
    """Whether every planned sample was simply right or wrong, so there is nothing to report."""
    planned, outcomes, unpaired = _accounts(data)
    simple = sum(outcomes.get(o.value, 0) for o in (Outcome.CORRECT, Outcome.WRONG))
    return simple == planned and not unpaired


def _accounts(data: ReportData) -> tuple[int, Mapping[str, int], int]:
    """(planned samples, samples by outcome, problems on one side only)."""
    if data.verdict is None:
        return data.candidate.planned, data.candidate.outcomes, 0
    counted = data.verdict.accounting
    return counted.planned, counted.outcomes, counted.unpaired


def facts(data: ReportData) -> dict[str, str]:
    """The run's identity, its provenance and its metrics."""
    run = {
        "run": data.run_id,
        "model": data.model,
        "suite": data.suite,
        "profile": data.profile,
        "baseline": data.baseline_name or ("" if data.status == "interrupted" else "none"),
        "run folder": data.run_folder,
    }
    metrics = {name: number(value) for name, value in data.metrics.items()}
    return {key: value for key, value in (run | {**data.provenance} | metrics).items() if value}


def _only_grew(verdict: Verdict) -> bool:
    """Whether only lengths regressed, and the problems are known."""
    regressed = {c.metric.scale for c in verdict.checks if c.kind is VerdictKind.REGRESSED}
    return bool(verdict.grown) and regressed == {Scale.LENGTH}


def worst_flips(verdict: Verdict) -> tuple[Flip, ...]:
    """The problems that lost most accuracy, then those that grew most; empty after a PASS.

    If only a length regressed, only those that grew most. Sampling alone flips some problems
    in every run, so after a PASS their number is enough.
    """
    if verdict.kind is VerdictKind.PASS:
        return ()
    if _only_grew(verdict):
        return verdict.grown[:WORST_FLIPS]
    lost = [flip for flip in verdict.flips if flip.candidate < flip.baseline]
    lost.sort(
        key=lambda f: (
            f.candidate - f.baseline,
            f.baseline_tokens - f.candidate_tokens,
            f.task,
            f.problem_id,
        )
    )
    return tuple(lost[:WORST_FLIPS])


def flip_count(verdict: Verdict) -> str:
    """How many problems flipped in each direction."""
    lost = sum(flip.candidate < flip.baseline for flip in verdict.flips)
    gained = len(verdict.flips) - lost
    if verdict.flipped is not None:  # more than are listed
        lost, gained = verdict.flipped
    chance = ""
    if verdict.flips_by_chance is not None:
        chance = f" (chance alone gives about {verdict.flips_by_chance:,.0f} each way)"
    said = f"{count(lost, 'problem')} went from right to wrong, {gained:,} from wrong to right"
    grew = " Listed are the problems that grew most." if _only_grew(verdict) else ""
    return f"{said}{chance}.{grew}"


def loop_count(data: ReportData) -> str:
    """How many loops are quoted."""
    quoted = count(len(data.loops), "completion")
    return f"{quoted} ended in a loop at the token limit. What each repeats is quoted once."


def shown_answer(answers: Iterable[Answer]) -> Answer | None:
    """The answer that explains a loss: the first that is not correct, else the first."""
    answers = tuple(answers)
    wrong = (answer for answer in answers if answer.outcome is not Outcome.CORRECT)
    return next(wrong, answers[0] if answers else None)


def answer_words(answer: Answer | None) -> str:
    """The answer in a few words, with the judge's reason if it was not right."""
    if answer is None:
        return "not stored"
    given = answer.extracted if answer.extracted is not None else "no answer"
    if answer.outcome is Outcome.CORRECT:
        return given
    reason = f": {answer.reason}" if answer.reason else ""
    return f"{given} ({answer.outcome.value}{reason})"


def _named(names: list[str], separator: str) -> str:
    rest = len(names) - _NAMED_CHECKS
    shown = separator.join(names[:_NAMED_CHECKS])
    return f"{shown}{separator}and {rest} more" if rest > 0 else shown
