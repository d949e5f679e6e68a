"""What a suite, a policy and a budget of epochs can resolve, before any GPU is used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from smallscale_ci.config.models import GatePolicy
from smallscale_ci.errors import DataError, UsageError
from smallscale_ci.gate.checks import look_levels
from smallscale_ci.gate.metric import margin_of
from smallscale_ci.gate.simulate import (
    LOSSES,
    Pool,
    Share,
    Trial,
    gated_metrics,
    looks_of,
    make_pools,
    share,
    simulate,
)
from smallscale_ci.records import Metric, Scale, VerdictKind
from smallscale_ci.run.manifest import Manifest
from smallscale_ci.run.samples import Samples
from smallscale_ci.stats.contrast import FEW, Vector
from smallscale_ci.stats.paired import effective_count
from smallscale_ci.worker.engines.registry import ENGINES

_POWER = 0.8  # the chance of REGRESSED that "detectable" means
_SMALL = 2.5e9  # bytes of weights: about a billion parameters
_HOLDS = 0.95  # the chance to pass that "holds a margin" means


@dataclass(frozen=True, slots=True)
class Detection:
    """What happens to a model worse by ``loss`` margins in ``metric``, in one task by lot."""

    metric: Metric
    loss: float
    regressed: Share
    passed: Share
    epochs: float


@dataclass(frozen=True, slots=True)
class Holdable:
    """The margin of one task and metric that an unchanged model holds at the full budget."""

    task: str
    metric: Metric
    margin: float | None  # the policy's; None: not gated
    holds: float  # smallest margin that an unchanged model passes 95 times in 100


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
    tokens: float  # expected for an unchanged model
    gpu_hours: float | None  # the same; None where the baseline's throughput is unknown
    detections: tuple[Detection, ...]
    detectable: dict[str, float | None]  # metric → loss in margins found 8 times in 10
    holdable: tuple[Holdable, ...]
    warnings: tuple[str, ...]


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
) -> Plan:
    """Work out what ``policy`` can resolve on the problems of ``baseline``.

    Candidates are simulated from the baseline's own samples, within problems, and judged by the
    gate itself. ``baseline_epochs`` is what the baseline will have (what it has, if ``None``);
    ``gpu_seconds_per_token`` comes from its manifest, ``repeats`` from the suite: how many samples
    of a problem an epoch holds, by task (1 where it is not named). Raises ``UsageError`` for fewer
    than one trial and ``DataError`` for a baseline with a single epoch, which says nothing about
    noise.
    """
    if trials < 1:
        raise UsageError("A plan needs at least one trial.")
    pools = make_pools([baseline], repeats)
    epochs = baseline_epochs or _epochs(pools)
    unchanged = simulate(pools, policy, None, 0.0, trials, seed, epochs)
    metrics = gated_metrics(pools, policy)
    detections = tuple(
        _detection(simulate(pools, policy, metric, loss, trials, seed, epochs), metric, loss)
        for metric in metrics
        for loss in losses
    )
    mean_epochs = float(np.mean([trial.looks for trial in unchanged]))
    tokens = mean_epochs * sum(
        p.repeats * float(_means(p.grids[Metric.TOKENS], p).sum()) for p in pools
    )
    most = looks_of(policy)
    holdable = tuple(
        _holdable(pool, policy, epochs, (most, most), metric) for pool in pools for metric in Metric
    )
    passed, inconclusive = (
        _share(unchanged, kind) for kind in (VerdictKind.PASS, VerdictKind.INCONCLUSIVE)
    )
    return Plan(
        policy=policy.name,
        tasks=tuple(pool.task for pool in pools),
        problems=sum(len(pool.count) for pool in pools),
        max_epochs=most,
        baseline_epochs=epochs,
        trials=trials,
        passed=passed,
        regressed=_share(unchanged, VerdictKind.REGRESSED),
        inconclusive=inconclusive,
        epochs=mean_epochs,
        tokens=tokens,
        gpu_hours=gpu_seconds_per_token * tokens / 3600 if gpu_seconds_per_token else None,
        detections=detections,
        detectable={m.value: _detectable(detections, m) for m in metrics},
        holdable=holdable,
        warnings=_warnings(passed, inconclusive, holdable, metrics, policy),
    )


def too_fine(
    baseline: Samples,
    policy: GatePolicy,
    budget: tuple[int, int] | None = None,
    repeats: Mapping[str, int] | None = None,
) -> tuple[str, ...]:
    """Margins that the suite cannot hold at the full budget, a sentence each; takes no time.

    ``budget`` is the epochs before the first look and at most, the policy's if ``None``;
    ``repeats`` is as in ``plan``. Empty where the baseline has a single epoch, which says nothing
    about noise.
    """
    try:
        pools = make_pools([baseline], repeats)
    except DataError:
        return ()
    if policy.gated != "tasks":
        return ()
    epochs, (first, most) = _epochs(pools), budget or (1, looks_of(policy))
    looks = most - first + 1
    return _finer(
        _holdable(pool, policy, epochs, (looks, most), metric)
        for pool in pools
        for metric in Metric
    )


def idle_gpu(manifest: Manifest) -> str:
    """What to change after a run of a small model with a GPU of its own; empty for other runs."""
    is_small = 0 < manifest.checkpoint.weights_bytes < _SMALL
    alone, kind = manifest.runtime.ranks == 1, ENGINES.get(manifest.engine.name)
    if kind is None or not (kind.shared and alone and manifest.machine.has_gpu and is_small):
        return ""
    return (
        "The baseline ran one process on its GPU. A model of this size is faster with several: "
        f"--profile {kind.shared} runs four."
    )


def _epochs(pools: Sequence[Pool]) -> int:
    """Epochs of the suite that are stored, on average over the tasks."""
    return max(round(float(np.mean([pool.count.mean() / pool.repeats for pool in pools]))), 1)


def _finer(holdable: Iterable[Holdable]) -> tuple[str, ...]:
    return tuple(
        f"{h.task} {h.metric.value}: the margin of {100 * h.margin:.3g} % is finer than this "
        f"suite can hold; about {100 * h.holds:.2g} % is."
        for h in holdable
        if h.margin is not None and h.margin < h.holds
    )


def _share(trials: Sequence[Trial], kind: VerdictKind) -> Share:
    return share(sum(trial.kind is kind for trial in trials), len(trials))


def _detection(trials: Sequence[Trial], metric: Metric, loss: float) -> Detection:
    return Detection(
        metric=metric,
        loss=loss,
        regressed=_share(trials, VerdictKind.REGRESSED),
        passed=_share(trials, VerdictKind.PASS),
        epochs=float(np.mean([trial.looks for trial in trials])),
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


def _means(values: Vector, pool: Pool) -> Vector:
    return np.asarray(values.sum(1) / pool.count)


def _holdable(
    pool: Pool, policy: GatePolicy, baseline_epochs: int, budget: tuple[int, int], metric: Metric
) -> Holdable:
    """The margin from the noise within problems: (z of the level + z of the chance) · error."""
    values = pool.grids[metric]
    of, epochs = budget
    level, _ = look_levels(
        policy.alpha_pass, policy.alpha_fail, of, of, float(epochs), float(baseline_epochs)
    )
    means = _means(values, pool)
    used = np.arange(values.shape[1])[None, :] < pool.count[:, None]
    squares = (np.where(used, values - means[:, None], 0.0) ** 2).sum(1)
    within = squares / np.maximum(pool.count - 1, 1)
    samples = (1 / epochs + 1 / baseline_epochs) / pool.repeats
    variance = float(within.sum()) / len(within) ** 2 * samples
    quantiles = -float(special.ndtri(level)) + float(special.ndtri(_HOLDS))
    held = quantiles * math.sqrt(variance)
    if metric.scale is Scale.LENGTH:
        held = math.expm1(held / max(float(means.mean()), 1e-9))
    elif effective_count(np.sqrt(within)) < FEW:
        # With next to no changes the bound is that of the bounded test: (1 − m)^n = level.
        held = max(held, 1 - level ** (1 / (int(pool.cluster.max()) + 1)))
    return Holdable(pool.task, metric, margin_of(policy, pool.task, metric), held)


def _warnings(
    passed: Share,
    inconclusive: Share,
    holdable: Sequence[Holdable],
    metrics: Sequence[Metric],
    policy: GatePolicy,
) -> tuple[str, ...]:
    found = []
    if not metrics:
        found.append(f"The policy {policy.name} gates nothing.")
    if passed.high < 0.5:
        found.append(
            f"An unchanged model would pass only {100 * passed.value:.0f} times in 100: "
            "widen the margins, add problems or allow more epochs."
        )
    elif inconclusive.value > 0.1:
        found.append(
            f"{100 * inconclusive.value:.0f} of 100 runs of an unchanged model end undecided."
        )
    if policy.gated == "tasks":
        found += _finer(holdable)
    return tuple(found)
