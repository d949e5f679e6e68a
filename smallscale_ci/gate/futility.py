"""Whether more samples could still decide an undecided run."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import special

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.gate.schedule import Schedule, information, levels
from smallscale_ci.records import Check
from smallscale_ci.run.samples import Samples

_LUCK = 1.0  # standard errors by which the rest may be better than what was seen
_CHANCE = 0.02  # below which a verdict is out of reach
_ENOUGH = 20  # problems with two samples needed to see whether epochs repeat each other


def out_of_reach(
    checks: Sequence[Check],
    policy: GatePolicy,
    look: int,
    schedule: Schedule,
    baseline_epochs: float,
) -> bool:
    """Whether PASS and REGRESSED both have hardly any chance left at the last look.

    ``look`` counts from 1. The chance is that the last look decides if the true effect is a
    standard error beyond the one seen (conditional power: Lan and Wittes 1988, Biometrics 44,
    579-585). The boundaries do not rely on stopping, so continuing anyway keeps the levels.
    """
    if look >= schedule.looks:
        return False
    ends = schedule.ends
    pass_last, fail_last = levels(policy.alpha_pass, policy.alpha_fail, ends, baseline_epochs)[-1]
    seen, whole = (information(end, end % 1, baseline_epochs) for end in (ends[look - 1], ends[-1]))
    share = seen / whole
    gated = [check for check in checks if check.gated]
    pass_chances = [_chance(check.pass_p, pass_last, share) for check in gated if not check.guard]
    fail_chances = [_chance(check.adjusted_p, fail_last, share) for check in gated]
    return min(pass_chances, default=0.0) < _CHANCE and max(fail_chances, default=0.0) < _CHANCE


def repeats_itself(candidate: Samples) -> bool:
    """Whether a problem's second sample repeats its first, as it does without randomness."""
    good = ~candidate.errored
    order = np.argsort(candidate.problem[good], kind="stable")
    problem = candidate.problem[good][order]
    same = problem[1:] == problem[:-1]
    pairs = int(same.sum())
    if pairs < _ENOUGH:
        return False
    for values in (candidate.outcome[good][order], candidate.tokens[good][order]):
        if np.any(values[1:][same] != values[:-1][same]):
            return False
    return bool(np.ptp(candidate.tokens[good]) > 0)


def _chance(p_value: float, last: float, share: float) -> float:
    """Chance that the p-value is at most ``last`` at the end, ``share`` of the information seen."""
    z = float(np.clip(-special.ndtri(p_value), -8.0, 8.0))
    root = math.sqrt(share)
    mean = z * root + (z + _LUCK) / root * (1 - share)
    bound = -float(special.ndtri(last))
    return float(special.ndtr((mean - bound) / math.sqrt(1 - share)))
