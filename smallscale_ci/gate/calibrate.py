"""How honest the gate is: its error rates on pseudo-runs drawn from real, stored ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smallscale_ci.config.models import GatePolicy
from smallscale_ci.errors import UsageError
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
from smallscale_ci.gate.trial import Pool
from smallscale_ci.records import Metric, VerdictKind
from smallscale_ci.run.samples import Samples

ENOUGH = 200  # trials before a level is called broken
_CONCENTRATED = (1.0, 2.0)  # margins, in few problems


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the gate decided about one kind of pseudo-candidate.

    ``metric`` is what was made worse, by ``loss`` margins in one random task for each trial
    (in all of them where the mean is gated); ``None`` and 0 for the unchanged model.
    """

    metric: Metric | None
    loss: float
    trials: int
    passed: Share
    regressed: Share
    inconclusive: Share
    epochs: float  # mean number of looks
    holds: bool  # the level that is promised here is kept, as far as these trials can tell
    concentrated: bool = False  # the loss is in few problems, not spread evenly


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
    say: Callable[[Metric | None, float, int, int, bool], None] = lambda *_: None,
) -> Calibration:
    """Measure false alarms, misses and inconclusive verdicts of ``policy`` on ``runs``.

    ``runs`` are stored runs of one unchanged model over the same problems; all their epochs count.
    ``repeats`` is how many samples of a problem an epoch of the suite holds, by task.
    Two promises are checked: an unchanged model is REGRESSED in at most ``alpha_fail`` of the
    trials, and one that is worse by exactly a margin PASSes in at most ``alpha_pass``. Neither is
    called broken before the interval of its share excludes it, nor with fewer than 200 trials.
    Losses are spread evenly, and concentrated in few problems, where levels are hardest to keep.
    ``say`` is as for ``plan``, and told whether the loss is in few problems. Raises ``DataError``
    for runs without enough samples and ``UsageError`` for fewer than one trial.
    """
    if trials < 1 or baseline_epochs < 1:
        raise UsageError("Calibration needs at least one trial and one baseline epoch.")
    pools = make_pools(runs, repeats)
    kinds: list[tuple[Metric | None, float, bool]] = [(None, 0.0, False)]
    for metric in gated_metrics(pools, policy):
        kinds += [(metric, loss, False) for loss in losses]
        kinds += [(metric, loss, True) for loss in losses if loss in _CONCENTRATED]
    scenarios = []
    for place, (metric_, loss, concentrated) in enumerate(kinds, 1):
        say(metric_, loss, place, len(kinds), concentrated)
        scenarios.append(
            _scenario(pools, policy, metric_, loss, trials, seed, baseline_epochs, concentrated)
        )
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


def _scenario(
    pools: Sequence[Pool],
    policy: GatePolicy,
    metric: Metric | None,
    loss: float,
    trials: int,
    seed: int,
    baseline_epochs: int,
    concentrated: bool,
) -> Scenario:
    done = simulate(
        pools, policy, metric, loss, trials, seed, baseline_epochs, concentrated=concentrated
    )
    passed, regressed, inconclusive = (
        share(sum(trial.kind is kind for trial in done), trials)
        for kind in (VerdictKind.PASS, VerdictKind.REGRESSED, VerdictKind.INCONCLUSIVE)
    )
    false_alarms = metric is None and regressed.low > policy.alpha_fail
    possible = loss >= 1 and bool(can_lose(pools, policy, metric, loss))
    misses = possible and passed.low > policy.alpha_pass
    return Scenario(
        metric=metric,
        loss=loss,
        trials=trials,
        passed=passed,
        regressed=regressed,
        inconclusive=inconclusive,
        epochs=float(np.mean([trial.epochs for trial in done])),
        holds=trials < ENOUGH or not (false_alarms or misses),
        concentrated=concentrated,
    )
