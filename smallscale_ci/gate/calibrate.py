"""The gate's error rates, measured on pseudo-runs drawn from stored ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.errors import UsageError
from smallscale_ci.gate.drawn import Trial
from smallscale_ci.gate.simulate import (
    LOSSES,
    Share,
    can_lose,
    gated_metrics,
    looks_of,
    make_pools,
    share,
    simulate,
)
from smallscale_ci.gate.trial import Kind
from smallscale_ci.records import Metric, VerdictKind
from smallscale_ci.run.samples import Samples

ENOUGH = 200  # trials before a level may be reported as not kept
_CORNERS = (1.0, 2.0)  # margins, in few problems and with ERRORED samples


@dataclass(frozen=True, slots=True)
class Scenario:
    """The gate's decisions about one kind of pseudo-candidate.

    ``metric`` was made worse by ``loss`` margins in one random task of each trial
    (in all tasks if the mean is gated); ``None`` and 0 for the unchanged model.
    """

    metric: Metric | None
    loss: float
    trials: int
    passed: Share
    regressed: Share
    inconclusive: Share
    epochs: float  # mean number of looks
    holds: bool  # whether the promised level is kept, as far as these trials can tell
    concentrated: bool = False  # the loss is in few problems, not spread evenly
    errored: bool = False  # the worst samples are ERRORED, as many as the policy allows


@dataclass(frozen=True, slots=True)
class Calibration:
    """The gate's own error rates on stored runs."""

    policy: str
    problems: int
    stored_epochs: int  # samples that every problem has
    baseline_epochs: int
    scenarios: tuple[Scenario, ...]  # the unchanged model first
    holds: bool
    alpha_pass: float
    alpha_fail: float
    looks: int


def calibrate(
    runs: Sequence[Samples],
    policy: GatePolicy,
    *,
    trials: int = 500,
    seed: int = 0,
    losses: Sequence[float] = LOSSES,
    baseline_epochs: int = 8,
    repeats: Mapping[str, int] | None = None,
    say: Callable[[int, int], None] = lambda *_: None,
) -> Calibration:
    """Measure false alarms, misses and inconclusive verdicts of ``policy`` on ``runs``.

    ``runs`` are stored runs of one unchanged model over the same problems; all their epochs count.
    ``repeats`` is how many samples of a problem an epoch of the suite holds, by task.
    Two promises are checked: an unchanged model is REGRESSED in at most ``alpha_fail`` of the
    trials, and one that is worse by exactly a margin PASSes in at most ``alpha_pass``. Neither is
    reported as broken unless the interval of its share excludes it and there are 200 trials.
    Losses are spread evenly, concentrated in few problems, and hidden behind ERRORED samples: the
    wrong, longest or truncated ones, as many as the policy allows. ``say`` is as in ``plan``.
    Raises ``DataError`` for runs without enough samples and ``UsageError`` for fewer than one
    trial.
    """
    if trials < 1 or baseline_epochs < 1:
        raise UsageError("Calibration needs at least one trial and one baseline epoch.")
    pools = make_pools(runs, repeats)
    kinds = [Kind(None, 0.0)]
    for metric in gated_metrics(pools, policy):
        few = [loss for loss in losses if loss in _CORNERS]
        kinds += [Kind(metric, loss) for loss in losses]
        kinds += [Kind(metric, loss, concentrated=True) for loss in few]
        kinds += [Kind(metric, loss, errored=True) for loss in (0.0, *few)]
    done = simulate(pools, policy, kinds, trials, seed, baseline_epochs, say)
    possible = [bool(can_lose(pools, policy, kind.metric, kind.loss)) for kind in kinds]
    scenarios = [_scenario(*one, policy) for one in zip(done, kinds, possible, strict=True)]
    return Calibration(
        policy=policy.name,
        problems=sum(len(pool.count) for pool in pools),
        stored_epochs=min(pool.epochs for pool in pools),
        baseline_epochs=baseline_epochs,
        scenarios=tuple(scenarios),
        holds=all(scenario.holds for scenario in scenarios),
        alpha_pass=policy.alpha_pass,
        alpha_fail=policy.alpha_fail,
        looks=looks_of(policy),
    )


def _scenario(done: Sequence[Trial], kind: Kind, possible: bool, policy: GatePolicy) -> Scenario:
    trials = len(done)
    passed, regressed, inconclusive = (
        share(sum(trial.kind is verdict for trial in done), trials)
        for verdict in (VerdictKind.PASS, VerdictKind.REGRESSED, VerdictKind.INCONCLUSIVE)
    )
    false_alarms = kind.loss == 0 and regressed.low > policy.alpha_fail
    misses = kind.loss >= 1 and possible and passed.low > policy.alpha_pass
    return Scenario(
        metric=kind.metric,
        loss=kind.loss,
        trials=trials,
        passed=passed,
        regressed=regressed,
        inconclusive=inconclusive,
        epochs=float(np.mean([trial.epochs for trial in done])),
        holds=trials < ENOUGH or not (false_alarms or misses),
        concentrated=kind.concentrated,
        errored=kind.errored,
    )
