"""The verdict in sentences on which someone without statistics can act."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, assert_never

from smallscale_ci.records import Check, Metric, Outcome, Reason, ReasonKind, Verdict, VerdictKind
from smallscale_ci.records.measured import Agreed, Corrected, Measured
from smallscale_ci.report.formats import change, count, figures, level, rate, unit


def reasons(verdict: Verdict) -> tuple[str, ...]:
    """The reasons for the verdict, the most important first."""
    return tuple(sentence(reason, verdict) for reason in verdict.reasons)


def notes(verdict: Verdict) -> tuple[str, ...]:
    """The notes beside the verdict, which do not decide it."""
    return tuple(sentence(note, verdict) for note in verdict.notes)


def sentence(reason: Reason, verdict: Verdict) -> str:  # noqa: PLR0911, PLR0912 - a table
    """The sentence for a reason or note of ``verdict``.

    Raises ``LookupError`` if it names a check or difference that ``verdict`` does not have.
    """
    task, number, names = reason.task, reason.count, ", ".join(reason.names)
    match reason.kind:
        case ReasonKind.CHECK:
            return _check(_named(reason, verdict))
        case ReasonKind.NOT_GATED:
            return f"{_change(_named(reason, verdict))}; the policy does not gate this."
        case ReasonKind.BETTER:
            return f"{_change(_named(reason, verdict))}: better than the baseline."
        case ReasonKind.REAL_BUT_SMALL:
            return f"{_change(_named(reason, verdict))}: a real change, but within the margin."
        case ReasonKind.SHARED_DRAWS:
            return (
                f"{rate(reason.share)} of the samples repeat the baseline's draws (same outcome, "
                "same length): each sample is compared with its twin, so the baseline's levels are "
                "those of these epochs alone."
            )
        case ReasonKind.REPRODUCED:
            counted = any(check.metric is Metric.TOKENS for check in verdict.checks)
            same = "in outcome and in tokens" if counted else "in outcome"
            return f"Every sample reproduces the baseline exactly, {same}."
        case ReasonKind.INCOMPARABLE:
            differing = {d.key: d for d in verdict.differences}[reason.names[0]]
            return (
                f"The runs are not comparable: {differing.key} is {differing.candidate} here and "
                f"{differing.baseline} in the baseline."
            )
        case ReasonKind.NOT_IN_CANDIDATE:
            return f"The candidate has no samples of task {task}."
        case ReasonKind.NOT_IN_BASELINE:
            return f"The baseline has no samples of task {task}."
        case ReasonKind.TOO_FEW_JUDGED:
            return _too_few(reason, verdict)
        case ReasonKind.TASK_LACKS:
            return f"{task} lacks {number:,} of {count(reason.of, 'sample')}, ERRORED or missing."
        case ReasonKind.BASELINE_ERRORED:
            return (
                f"The baseline's {task} has {number:,} ERRORED of {count(reason.of, 'sample')}: "
                "record it again."
            )
        case ReasonKind.UNPAIRED:
            return (
                f"{task}: {number:,} of {count(reason.of, 'problem')} are on one side only: the "
                "runs do not hold the same problems."
            )
        case ReasonKind.NOTHING_PAIRED:
            return f"{task} has no problem that was judged on both sides."
        case ReasonKind.UNKNOWN_METRIC:
            return (
                f"The policy {verdict.policy} gates {reason.metric}, and {_silent(reason.names)}: "
                "use a policy without that margin (accuracy, for one)."
            )
        case ReasonKind.NOTHING_GATED:
            return f"The policy {verdict.policy} gates nothing: give at least one metric a margin."
        case ReasonKind.ALLOWED:
            return f"Allowed by the policy to differ: {names}."
        case ReasonKind.ERRORED:
            return (
                f"{count(number, 'sample')} ERRORED: left out of the levels, counted as the worse "
                "outcome before anything passes."
            )
        case ReasonKind.MISSING:
            return f"{count(number, 'planned sample')} missing."
        case ReasonKind.ONE_SIDED:
            return f"{count(number, 'problem')} on one side only, left out of comparisons."
        case ReasonKind.UNJUDGED:
            return f"{count(number, 'problem')} ERRORED throughout on one side, left out."
        case ReasonKind.UNKNOWN_TASKS:
            return f"The policy has margins for tasks that are not here: {names}."
        case ReasonKind.UNKNOWN_THINKING:
            return unknown_thinking(reason.names)
        case ReasonKind.MORE_FLIPS:
            return (
                f"{count(number, 'problem')} flipped: the {reason.of:,} largest changes are listed."
            )
        case ReasonKind.NOT_GENERATED:
            return "Nothing was generated."
        case ReasonKind.STATED:
            return reason.text
        case unknown:
            assert_never(unknown)


def spoken(value: dict[str, Any], verdict: Verdict) -> dict[str, Any]:
    """``value``, the JSON of ``verdict``, with a sentence beside each reason, note and advice."""
    said = {"reasons": reasons(verdict), "notes": notes(verdict)}
    advised = [advice(check) for check in verdict.checks]
    return {
        **value,
        **{
            key: [{**v, "sentence": s} for v, s in zip(value[key], texts, strict=True)]
            for key, texts in said.items()
        },
        "checks": [
            {**c, "advice": {**c["advice"], "sentence": text}} if c["advice"] else c
            for c, text in zip(value["checks"], advised, strict=True)
        ],
    }


def advice(check: Check) -> str:
    """What would have made an undecided check conclusive; empty for other checks."""
    given = check.advice
    if given is None:
        return ""
    if check.lost_decide:
        if check.lost == 1:
            return (
                "It would pass if the sample that ERRORED or is missing were like the others: find "
                "out why it failed, and generate it again."
            )
        return (
            f"It would pass if the {check.lost:,} samples that ERRORED or are missing were like "
            "the others: find out why they failed, and generate them again."
        )
    if given.clusters:
        even = check.estimate.clusters >= given.clusters
        more = "more of similar size" if even else f"{given.clusters} clusters or more"
        return (
            f"The {check.estimate.n:,} problems are in "
            f"{count(check.estimate.clusters, 'cluster')}: more of the same clusters hardly help, "
            f"{more} do."
        )
    parts = []
    if given.margin:
        parts.append(f"A margin of {_size(check.metric, given.margin, up=True)} would pass.")
    if given.problems:
        parts.append(
            f"An unchanged model passes this margin 9 times in 10 with about {given.problems:,} "
            f"problems like these (now {check.estimate.n:,})."
        )
    if given.looks:
        parts.append(f"{count(given.looks, 'more look')} may decide it.")
    return " ".join(parts) or "More epochs may decide it."


def _silent(sides: tuple[str, ...]) -> str:
    if len(sides) > 1:
        return "neither side records it"
    return f"the {' '.join(sides)} does not record it"


def _named(reason: Reason, verdict: Verdict) -> Check:
    for check in verdict.checks:
        if (check.task, check.metric) == (reason.task, reason.metric):
            return check
    raise KeyError(f"a check of {reason.metric} in {reason.task}")


def _check(check: Check) -> str:
    match check.kind:
        case VerdictKind.PASS:
            return _held(check)
        case VerdictKind.REGRESSED:
            return _worse(check)
        case VerdictKind.INCONCLUSIVE | VerdictKind.INVALID:
            return _undecided(check)
        case unknown:
            assert_never(unknown)


def _too_few(reason: Reason, verdict: Verdict) -> str:
    accounts = verdict.accounting
    errored = accounts.outcomes.get(Outcome.ERRORED, 0)
    share = accounts.judged / max(accounts.planned, 1)
    return (
        f"Only {accounts.judged:,} of {count(accounts.planned, 'planned sample')} were judged "
        f"({rate(share)}; the policy asks for {rate(reason.share)}): "
        f"{errored:,} ERRORED, {max(accounts.missing, 0):,} missing."
    )


def _worse(check: Check) -> str:
    margin = _size(check.metric, check.margin)
    phrase = check.metric.risen if check.estimate.value > 0 else check.metric.fallen
    happened = phrase.format(f"{_amount(check)}{unit(check.metric)}")
    before, after = (level(check.metric, v) for v in (check.baseline, check.candidate))
    if check.tolerated:
        margin = f"{margin}, tolerated {_size(check.metric, check.tolerated)}"
    return f"{check.task} {happened} (from {before} to {after}; margin {margin})."


def measured(found: Measured) -> str:
    """How often a judge errs on a labelled sample, and how a suite states that."""
    return (
        f"The judge calls {found.right:,} of {found.right_of:,} right answers right "
        f"({rate(found.sensitivity)}) and {found.wrong:,} of {found.wrong_of:,} wrong ones wrong "
        f"({rate(found.specificity)}). In a suite's judge: measured: {{right: [{found.right}, "
        f"{found.right_of}], wrong: [{found.wrong}, {found.wrong_of}]}}"
    )


def corrected(errors: Corrected) -> str:
    """An accuracy corrected for the errors of its judge."""
    low, high = (rate(end).removesuffix("%") for end in (errors.low, errors.high))
    return (
        f"{rate(errors.corrected)} [{low}, {high}] corrected for the judge's errors; its "
        f"verdicts, which the gate compares as they are, show {rate(errors.kept)} of a true "
        "difference"
    )


def agreed(found: Agreed) -> str:
    """How often a model and a rule judge agreed."""
    if found.agree is None:
        return "No sample was decided by both judges."
    kappa = "undefined (all alike)" if found.kappa is None else f"{found.kappa:.2f}"
    return (
        f"The model and the rule judge agree on {rate(found.agree)} of {found.samples:,} samples: "
        f"Cohen's κ {kappa}."
    )


def unknown_thinking(marks: Iterable[str]) -> str:
    """Marks that look like thinking in an unknown format."""
    return (
        f"Completions hold {', '.join(sorted(marks))}, which looks like thinking in a format that "
        "is not known. Where a text begins with it, it counts as thinking; elsewhere, answers "
        "inside it count as answers."
    )


def _undecided(check: Check) -> str:
    reached = _size(check.metric, round(check.reach, 3))
    margin = _size(check.metric, check.margin)
    if reached == margin:  # both round to the same value, as in the table
        reached = f"just over {margin}"
    what = "change" if check.band else "loss" if check.metric.worse < 0 else "rise"
    worst = f"{count(check.lost, 'lost sample')} at {'its' if check.lost == 1 else 'their'} worst"
    lost = f", {worst}" if check.lost_decide else ""
    call = "too little data to call it" if check.seems_worse else "too close to call"
    few = check.jumps
    grew = f", {count(few, 'problem')} grew far more than all others" if few else ""
    return (
        f"{_change(check)}: {call}, a {what} of {reached} cannot be excluded"
        f"{lost}{grew} (margin {margin})."
    )


def _held(check: Check) -> str:
    if check.identical:
        return f"{check.task} {check.metric.value} is reproduced exactly."
    return f"{_change(check)}: within the margin of {_size(check.metric, check.margin)}."


def _change(check: Check) -> str:
    """``math accuracy went from 41.3% to 40.1% (−1.2 pp)``."""
    before, after = (level(check.metric, v) for v in (check.baseline, check.candidate))
    sign = "+" if check.estimate.value > 0 else "−"
    amount = _amount(check)
    if amount == "0.0":
        return f"{check.task} {check.metric.value} is unchanged at {after}"
    return (
        f"{check.task} {check.metric.value} went from {before} to {after} ({sign}{amount}"
        f"{unit(check.metric)})"
    )


def _amount(check: Check) -> str:
    return f"{abs(change(check.metric, check.estimate.value)):.1f}"


def _size(metric: Metric, value: float, *, up: bool = False) -> str:
    """A margin or a loss: ``2 pp``, ``5%``; ``up`` rounds up so that it remains a bound."""
    if not math.isfinite(value):
        return "any size"
    shown = math.ceil(1000 * value - 1e-6) / 10 if up else 100 * value
    return f"{figures(shown, 3)}{unit(metric)}"
