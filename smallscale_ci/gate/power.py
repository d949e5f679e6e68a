"""What a suite, a policy and a budget of epochs can detect, before any GPU is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.errors import UsageError
from smallscale_ci.gate.drawn import Trial
from smallscale_ci.gate.holdable import limits, margins_held, stored_epochs
from smallscale_ci.gate.simulate import (
    LOSSES,
    Share,
    gated_metrics,
    looks_of,
    make_pools,
    share,
    simulate,
)
from smallscale_ci.gate.trial import Kind
from smallscale_ci.records import Holdable, Limit, Metric, VerdictKind
from smallscale_ci.run.samples import Samples

OFTEN = 0.5  # share of unchanged models that must pass
_POWER = 0.8  # the chance of REGRESSED that "detectable" means


@dataclass(frozen=True, slots=True)
class Detection:
    """The chances of a model worse by ``loss`` margins in ``metric``, in one random task."""

    metric: Metric
    loss: float
    regressed: Share
    passed: Share
    epochs: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Chances of each verdict, what is detectable, and what a run will cost."""

    policy: str
    tasks: tuple[str, ...]
    problems: int
    max_epochs: int
    baseline_epochs: int
    trials: int
    passed: Share  # of an unchanged model
    regressed: Share
    inconclusive: Share
    epochs: float  # expected for an unchanged model
    tokens: float | None  # expected for an unchanged model; None if the baseline records none
    gpu_hours: float | None  # the same; None if the baseline's throughput is unknown
    detections: tuple[Detection, ...]
    detectable: dict[str, float | None]  # metric → loss, in margins, that is found 8 times in 10
    holdable: tuple[Holdable, ...]
    limits: tuple[Limit, ...]  # margins and clusters that cannot PASS

    @property
    def can_pass(self) -> bool:
        """Whether an unchanged model passes in half of the runs or more."""
        return self.passed.high >= OFTEN


def plan(
    baseline: Samples,
    policy: GatePolicy,
    *,
    trials: int = 200,
    seed: int = 0,
    losses: Sequence[float] = LOSSES,
    baseline_epochs: int | None = None,
    gpu_seconds_per_token: float | None = None,
    repeats: Mapping[str, int] | None = None,
    say: Callable[[int, int], None] = lambda *_: None,
) -> Plan:
    """Estimate what ``policy`` can detect on the problems of ``baseline``.

    Candidates are simulated from the baseline's own samples, within problems, and judged by the
    gate itself. ``baseline_epochs`` is how many the baseline will have (``None``: as many as now);
    ``gpu_seconds_per_token`` comes from its manifest, ``repeats`` from the suite: how many samples
    of a problem an epoch holds, by task (1 if it is not named). ``say`` receives how many trials
    are done, and of how many. Raises ``UsageError`` for fewer than one trial and ``DataError`` for
    a baseline with a single epoch, which says nothing about noise.
    """
    if trials < 1:
        raise UsageError("A plan needs at least one trial.")
    pools = make_pools([baseline], repeats)
    epochs = baseline_epochs or stored_epochs(pools)
    metrics = gated_metrics(pools, policy)
    kinds = [Kind(None, 0.0), *(Kind(metric, loss) for metric in metrics for loss in losses)]
    unchanged, *worse = simulate(pools, policy, kinds, trials, seed, epochs, say)
    detections = tuple(
        _detection(made, kind.metric, kind.loss)
        for made, kind in zip(worse, kinds[1:], strict=True)
        if kind.metric is not None
    )
    mean_epochs = float(np.mean([trial.epochs for trial in unchanged]))
    tokens = None
    if Metric.TOKENS not in baseline.unknown:
        tokens = float(np.mean([trial.tokens for trial in unchanged]))
    most = looks_of(policy)
    held = margins_held(pools, policy, epochs, (1, most))
    holdable = tuple(one for one in held if one.metric not in baseline.unknown)
    return Plan(
        policy=policy.name,
        tasks=tuple(pool.task for pool in pools),
        problems=sum(len(pool.count) for pool in pools),
        max_epochs=most,
        baseline_epochs=epochs,
        trials=trials,
        passed=_share(unchanged, VerdictKind.PASS),
        regressed=_share(unchanged, VerdictKind.REGRESSED),
        inconclusive=_share(unchanged, VerdictKind.INCONCLUSIVE),
        epochs=mean_epochs,
        tokens=tokens,
        gpu_hours=gpu_seconds_per_token * tokens / 3600
        if gpu_seconds_per_token and tokens
        else None,
        detections=detections,
        detectable={m.value: _detectable(detections, m) for m in metrics},
        holdable=holdable,
        limits=limits(holdable, {pool.task: pool.cluster for pool in pools}),
    )


def _share(trials: Sequence[Trial], kind: VerdictKind) -> Share:
    return share(sum(trial.kind is kind for trial in trials), len(trials))


def _detection(trials: Sequence[Trial], metric: Metric, loss: float) -> Detection:
    return Detection(
        metric=metric,
        loss=loss,
        regressed=_share(trials, VerdictKind.REGRESSED),
        passed=_share(trials, VerdictKind.PASS),
        epochs=float(np.mean([trial.epochs for trial in trials])),
    )


def _detectable(detections: Sequence[Detection], metric: Metric) -> float | None:
    """Loss in margins at which REGRESSED has chance 0.8, between the losses simulated."""
    before, chance = 0.0, 0.0
    for detection in (d for d in detections if d.metric is metric):
        now = detection.regressed.value
        if now >= _POWER:
            slope = (_POWER - chance) / max(now - chance, 1e-9)
            return before + slope * (detection.loss - before)
        before, chance = detection.loss, now
    return None
