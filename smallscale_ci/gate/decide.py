"""The gate: two runs and a policy in, a verdict out. Pure.

DESIGN section 7 defines the verdict; ``docs/gate.md`` explains the choices and shows the error
rates measured. In short: every gated (task, metric) is one check. It passes when a loss as large
as the margin is excluded at level ``alpha_pass``; it has regressed when it does not pass and is
worse than the baseline at level ``alpha_fail`` after Holm over all gated checks. The run passes
when all its checks do, and has regressed when one has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.errors import UsageError
from smallscale_ci.gate import reasons
from smallscale_ci.gate.checks import make_checks, overall
from smallscale_ci.gate.flips import Flips, find_flips, grown
from smallscale_ci.gate.futility import out_of_reach, repeats_itself
from smallscale_ci.gate.pairing import TaskPair, agrees, common_samples, match_problems, pair_tasks
from smallscale_ci.gate.problem_means import Codes
from smallscale_ci.gate.schedule import Schedule
from smallscale_ci.gate.shared import ENOUGH, shared_draws, with_shared
from smallscale_ci.records import Accounting, Difference, Reason, ReasonKind, Verdict, VerdictKind
from smallscale_ci.run.samples import Samples


def decide(
    candidate: Samples,
    baseline: Samples,
    policy: GatePolicy,
    *,
    look: int = 1,
    of: int = 1,
    schedule: Schedule | None = None,
    differences: Sequence[Difference] = (),
    planned: int | None = None,
    task_order: Sequence[str] = (),
) -> Verdict:
    """Judge ``candidate`` against ``baseline`` at look ``look`` of ``of``.

    ``schedule`` says after how many epochs the looks are; ``None``: after each of ``of`` epochs.
    ``candidate`` holds all samples so far; ``planned`` is how many there should be by now (every
    problem of the baseline as often as the most sampled one, if ``None``). ``task_order`` is the
    order of reports. ``differences`` are the manifest keys that differ. Raises ``UsageError`` if
    ``look`` is not in 1…``of``.
    """
    schedule = schedule or Schedule.every_epoch(of)
    of = schedule.looks
    usual = schedule == Schedule.every_epoch(of)
    if not 1 <= look <= of:
        raise UsageError(
            f"There is no look {look} of {of}.", "Looks count from 1 to the number planned."
        )
    marked = tuple(replace(d, allowed=d.allowed or d.key in policy.allow) for d in differences)
    match = match_problems(candidate, baseline)
    rows = common_samples(candidate, baseline, match)
    reproduced = agrees(candidate, baseline, rows)
    share = shared_draws(candidate, baseline, rows)
    epochs = len(baseline) * schedule.ends[look - 1] / max(len(candidate), 1)
    twins = not reproduced and share >= ENOUGH
    if reproduced or twins:  # compare only with the samples that were drawn again
        baseline = baseline.select(np.isin(np.arange(len(baseline)), rows))
    complete = planned == len(candidate)
    partial = complete and schedule.ends[look - 1] < 1
    pairs = pair_tasks(candidate, baseline, match, task_order, complete=complete, partial=partial)
    pairs = with_shared(pairs, share) if twins else pairs
    accounting = _account(candidate, baseline, pairs, planned)
    verdict = Verdict(
        kind=VerdictKind.INVALID,
        look=look,
        of=of,
        reasons=reasons.obstacles(candidate, baseline, pairs, accounting, policy, marked),
        checks=(),
        accounting=accounting,
        differences=marked,
        policy=policy.name,
        reproduced_exactly=reproduced,
        notes=reasons.notes(pairs, accounting, policy, marked, reproduced, share if twins else 0.0),
        ends=() if usual else schedule.ends,
    )
    if verdict.reasons:
        return verdict
    checks = make_checks(pairs, policy, look, schedule, reproduced=reproduced)
    kind = overall(checks)
    is_open = look < of and kind is VerdictKind.INCONCLUSIVE
    futile = is_open and (
        repeats_itself(candidate) or out_of_reach(checks, policy, look, schedule, epochs)
    )
    checks = reasons.advised(checks, of - look, futile=futile)
    flips = find_flips(pairs, _matched(candidate, baseline, rows, match, task_order, pairs))
    seen = [*reasons.check_notes(checks, policy), *_unlisted(flips)]
    return replace(
        verdict,
        kind=kind,
        reasons=reasons.deciding(kind, checks),
        checks=checks,
        flips=flips.listed,
        flipped=flips.number,
        flips_by_chance=flips.by_chance,
        grown=grown(pairs, checks),
        notes=(*verdict.notes, *seen),
    )


def _unlisted(flips: Flips) -> tuple[Reason, ...]:
    """A note on the flips that are too many to list."""
    listed, number = len(flips.listed), sum(flips.number)
    return (Reason(ReasonKind.MORE_FLIPS, count=number, of=listed),) if number > listed else ()


def _matched(
    candidate: Samples,
    baseline: Samples,
    rows: Codes,
    match: Codes,
    task_order: Sequence[str],
    pairs: Sequence[TaskPair],
) -> tuple[TaskPair, ...] | None:
    """The tasks, with only those of the baseline's samples that the candidate has, too.

    ``None`` if the baseline has no others, or if a task would be empty: other tools' baselines may
    number their samples differently.
    """
    if len(baseline) <= len(candidate):
        return None
    common = baseline.select(np.isin(np.arange(len(baseline)), rows))
    if not len(common):
        return None
    made = {p.task: p for p in pair_tasks(candidate, common, match, task_order, partial=True)}
    empty = any(pair.task not in made or not len(made[pair.task].cluster) for pair in pairs)
    return None if empty else tuple(made[pair.task] for pair in pairs)


def refuse(
    policy: GatePolicy, differences: Sequence[Difference], *, planned: int, of: int
) -> Verdict | None:
    """INVALID, known before anything is generated, or ``None`` if the runs are comparable."""
    marked = tuple(replace(d, allowed=d.allowed or d.key in policy.allow) for d in differences)
    obstacles = reasons.not_comparable(marked)
    if not obstacles:
        return None
    refused = unusable(policy, obstacles, look=1, of=of)
    return replace(
        refused,
        accounting=Accounting(planned, 0, {}),
        differences=marked,
        notes=(Reason(ReasonKind.NOT_GENERATED),),
    )


def unusable(policy: GatePolicy, obstacles: Sequence[Reason], *, look: int, of: int) -> Verdict:
    """INVALID for ``obstacles`` that left nothing to count."""
    return Verdict(
        kind=VerdictKind.INVALID,
        look=look,
        of=of,
        reasons=tuple(obstacles),
        checks=(),
        accounting=Accounting(0, 0, {}),
        differences=(),
        policy=policy.name,
        reproduced_exactly=False,
    )


def _account(
    candidate: Samples, baseline: Samples, pairs: Sequence[TaskPair], planned: int | None
) -> Accounting:
    counts = candidate.outcome_counts()
    if planned is None:
        shared = {pair.task for pair in pairs}
        extra = [code for code, task in enumerate(candidate.tasks) if task not in shared]
        outside = int(np.isin(candidate.problem_task[candidate.problem], extra).sum())
        planned = outside + sum(pair.problems * pair.candidate_epochs for pair in pairs)
    one_sided = sum(
        int((side.problem_task == side.tasks.index(task)).sum())
        for side, other in ((candidate, baseline), (baseline, candidate))
        for task in side.tasks
        if task not in other.tasks
    )
    return Accounting(
        planned=planned,
        judged=len(candidate) - counts["ERRORED"],
        outcomes=counts,
        unpaired=one_sided + sum(pair.unpaired for pair in pairs),
    )
