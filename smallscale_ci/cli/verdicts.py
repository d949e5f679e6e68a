"""Showing a verdict, and its exit code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from smallscale_ci.cli.program import runnable
from smallscale_ci.errors import (
    EXIT_INCONCLUSIVE,
    EXIT_INVALID,
    EXIT_OK,
    EXIT_REGRESSED,
    SmallscaleError,
)
from smallscale_ci.pipeline.compare import verdict_value
from smallscale_ci.records import Verdict, VerdictKind
from smallscale_ci.report import console, wording

if TYPE_CHECKING:
    from smallscale_ci.cli.command import Context
    from smallscale_ci.config.policy import GatePolicy
    from smallscale_ci.pipeline.compare import Evaluation


def exit_code(verdict: Verdict, policy: GatePolicy) -> int:
    """The one rule from verdict to exit code; INCONCLUSIVE is what the policy makes of it."""
    if verdict.kind is VerdictKind.INCONCLUSIVE:
        by_policy = {"extend": EXIT_INCONCLUSIVE, "fail": EXIT_REGRESSED, "warn": EXIT_OK}
        return by_policy[policy.on_inconclusive]
    return {
        VerdictKind.PASS: EXIT_OK,
        VerdictKind.REGRESSED: EXIT_REGRESSED,
        VerdictKind.INVALID: EXIT_INVALID,
    }[verdict.kind]


def refuse(context: Context, verdict: Verdict, error: SmallscaleError) -> int:
    """Report why no comparison was made; with --json, as a verdict."""
    from smallscale_ci.cli.github import tell_failure

    context.out.error(f"INVALID: {' '.join(wording.reasons(verdict))}", error.hint)
    tell_failure(context.out, error)
    if context.json:
        context.out.json({**verdict_value(verdict), "run": None})
    return EXIT_INVALID


def tell_monitor(context: Context, policy: GatePolicy) -> None:
    """Say that a policy's monitor has no effect if no candidate is made."""
    if policy.monitor is not None:
        context.out.say(
            f"monitor: of the policy {policy.name} applies only to candidates: no effect here"
        )


def show(
    context: Context,
    evaluation: Evaluation,
    policy: GatePolicy,
    more: Mapping[str, Any] | None = None,
) -> int:
    """Print the report (or the verdict as JSON, with ``more``) and return the exit code."""
    if context.json:
        context.out.json({**value(evaluation), **(more or {})})
    return tell(context, evaluation, policy)


def value(evaluation: Evaluation) -> dict[str, Any]:
    """The verdict and its run as JSON has them."""
    run = evaluation.run
    unstored = {"unstored": evaluation.unstored.message} if evaluation.unstored else {}
    verdict = verdict_value(evaluation.verdict)
    return {**verdict, "run": str(run.path) if run else None, **unstored}


def tell(context: Context, evaluation: Evaluation, policy: GatePolicy) -> int:
    """Print the report for people and return the exit code."""
    out = context.out
    if not context.json:
        steps = tuple(map(runnable, evaluation.report.next_steps))
        out.result(console.render(replace(evaluation.report, next_steps=steps), out.width))
    if evaluation.unstored is not None:
        error = evaluation.unstored
        out.error(f"The verdict is not stored: {error.message}", error.hint)
    if evaluation.verdict.kind is VerdictKind.INCONCLUSIVE and policy.on_inconclusive == "warn":
        out.error("INCONCLUSIVE, and the policy lets it pass (on_inconclusive: warn).", "")
    return exit_code(evaluation.verdict, policy)
