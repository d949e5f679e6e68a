"""The gate: two runs and a policy in, a verdict out. Pure.

DESIGN section 7 defines the verdict; ``docs/gate.md`` explains the choices and shows the error
rates measured. In short: every gated (task, metric) is one check. It passes when a loss as large
as the margin is excluded at level ``alpha_pass``; it has regressed when it does not pass and is
worse than the baseline at level ``alpha_fail`` after Holm over all gated checks. The run passes
when all its checks do, and has regressed when one has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from smallscale_ci.config.models import GatePolicy
from smallscale_ci.errors import UsageError
from smallscale_ci.gate import wording
from smallscale_ci.gate.checks import make_checks, overall
from smallscale_ci.gate.metric import margin_of
from smallscale_ci.gate.pairing import (
    TaskPair,
    agrees,
    common_samples,
    match_problems,
    pair_tasks,
)
from smallscale_ci.records import (
    Accounting,
    Difference,
    Flip,
    Metric,
    Verdict,
    VerdictKind,
)
from smallscale_ci.run.samples import Samples

_MOST_FLIPS = 5_000  # listed


def decide(
    candidate: Samples,
    baseline: Samples,
    policy: GatePolicy,
    *,
    look: int = 1,
    of: int = 1,
    differences: Sequence[Difference] = (),
    planned: int | None = None,
    task_order: Sequence[str] = (),
) -> Verdict:
    """Judge ``candidate`` against ``baseline`` at look ``look`` of ``of``.

    ``candidate`` holds all samples so far; ``planned`` is how many there should be by now (every
    problem of the baseline as often as the most sampled one, if ``None``). ``differences`` are
    the manifest keys that differ. Raises ``UsageError`` for an impossible look.
    """
    if not 1 <= look <= of:
        raise UsageError(
            f"There is no look {look} of {of}.", "Looks count from 1 to the number planned."
        )
    marked = tuple(replace(d, allowed=d.allowed or d.key in policy.allow) for d in differences)
    match = match_problems(candidate, baseline)
    rows = common_samples(candidate, baseline, match)
    reproduced = agrees(candidate, baseline, rows)
    if reproduced:  # compare with the very samples that were reproduced, not with all epochs
        baseline = baseline.select(np.isin(np.arange(len(baseline)), rows))
    complete = planned == len(candidate)
    pairs = pair_tasks(candidate, baseline, match, task_order, complete=complete)
    accounting = _account(candidate, baseline, pairs, planned)
    verdict = Verdict(
        kind=VerdictKind.INVALID,
        look=look,
        of=of,
        reasons=_obstacles(candidate, baseline, pairs, accounting, policy, marked),
        checks=(),
        accounting=accounting,
        differences=marked,
        policy=policy.name,
        reproduced_exactly=reproduced,
        notes=wording.notes(pairs, accounting, policy, marked, reproduced),
    )
    if verdict.reasons:
        return verdict
    checks = make_checks(pairs, policy, look, of, reproduced=reproduced)
    kind = overall(checks)
    flips, flipped = _flips(pairs)
    return replace(
        verdict,
        kind=kind,
        reasons=wording.reasons(kind, checks),
        checks=checks,
        flips=flips,
        flipped=flipped,
        notes=verdict.notes
        + wording.check_notes(checks, policy)
        + wording.flip_notes(sum(flipped), len(flips)),
    )


def refuse(
    policy: GatePolicy, differences: Sequence[Difference], *, planned: int, of: int
) -> Verdict | None:
    """INVALID, known before anything is generated, or ``None`` where nothing stands against it."""
    marked = tuple(replace(d, allowed=d.allowed or d.key in policy.allow) for d in differences)
    reasons = wording.not_comparable(marked)
    if not reasons:
        return None
    refused = unusable(policy, reasons, look=1, of=of)
    return replace(
        refused,
        accounting=Accounting(planned, 0, {}),
        differences=marked,
        notes=("Nothing was generated.",),
    )


def unusable(policy: GatePolicy, reasons: Sequence[str], *, look: int, of: int) -> Verdict:
    """INVALID for ``reasons`` that left nothing to count."""
    return Verdict(
        kind=VerdictKind.INVALID,
        look=look,
        of=of,
        reasons=tuple(reasons),
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


def _obstacles(
    candidate: Samples,
    baseline: Samples,
    pairs: Sequence[TaskPair],
    accounting: Accounting,
    policy: GatePolicy,
    differences: Sequence[Difference],
) -> tuple[str, ...]:
    """Why no verdict is possible, as sentences; empty when one is."""
    found = wording.not_comparable(differences)
    found += wording.one_sided_tasks(candidate.tasks, baseline.tasks)
    lost = 1 - policy.min_judged
    if accounting.planned - accounting.judged > _allowance(lost, accounting.planned):
        found.append(wording.too_few_judged(accounting, policy))
    for pair in pairs:
        # A small task may lose one sample where the share allows any, or it could never pass.
        if pair.unpaired > _allowance(lost, pair.problems):
            found.append(wording.too_many_unpaired(pair))
        missing = pair.lost - pair.absent * pair.candidate_epochs  # absent ones are unpaired
        expected = pair.candidate_judged + missing
        if missing > _allowance(lost, expected):
            found.append(wording.task_judged(pair, missing, expected))
        errored = pair.baseline_samples - pair.baseline_judged
        if errored > _allowance(lost, pair.baseline_samples):
            found.append(wording.baseline_judged(pair, errored))
        if not len(pair.problem_ids):
            found.append(wording.nothing_paired(pair.task))
    for metric in sorted(candidate.unknown | baseline.unknown):
        if any(margin_of(policy, pair.task, metric) is not None for pair in pairs):
            sides = [
                s
                for s, of in (("candidate", candidate), ("baseline", baseline))
                if metric in of.unknown
            ]
            found.append(wording.unknown_metric(metric, sides, policy))
    if pairs and not any(margin_of(policy, p.task, metric) for p in pairs for metric in Metric):
        found.append(wording.nothing_gated(policy))
    return tuple(dict.fromkeys(found))


def _allowance(share: float, total: int) -> int:
    return math.ceil(share * total - 1e-9)


def _flips(pairs: Sequence[TaskPair]) -> tuple[tuple[Flip, ...], tuple[int, int]]:
    """Problems whose majority changed, the largest changes first, losses before gains.

    The second value is how many there are in each direction: not all are listed.
    """
    flips: list[Flip] = []
    lost = gained = 0
    for pair in pairs:
        before, after = (side.means[Metric.ACCURACY] for side in (pair.baseline, pair.candidate))
        lengths = [side.means[Metric.TOKENS] for side in (pair.baseline, pair.candidate)]
        changed = np.flatnonzero((before - 0.5) * (after - 0.5) < 0)
        lost += int((after < before)[changed].sum())
        gained += int((after > before)[changed].sum())
        order = np.lexsort((after[changed] - before[changed], -np.abs(after - before)[changed]))
        flips += [
            Flip(
                task=pair.task,
                problem_id=str(pair.problem_ids[i]),
                baseline=float(before[i]),
                candidate=float(after[i]),
                baseline_tokens=float(lengths[0][i]),
                candidate_tokens=float(lengths[1][i]),
            )
            for i in changed[order][:_MOST_FLIPS]
        ]
    flips.sort(key=lambda f: (-abs(f.candidate - f.baseline), f.candidate > f.baseline))
    return tuple(flips[:_MOST_FLIPS]), (lost, gained)
