"""Stored runs over time: levels by checkpoint, and where they changed beyond noise.

Levels come from the runs' summaries. Whether two neighbours differ is tested on their samples,
paired by problem and clustered like the gate's checks, two-sided; over all tests of one suite and
profile, Holm's correction (stats/multiple.py) keeps the chance of any false mark at ``ALPHA``. A
slow drift, each step within the noise, is not marked: compare the first run with the last.

Runs are read one after another: at most two are in memory at a time, and of the others only the
points that are shown. Another tool's results are runs, too; the caller says how to open them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import numpy as np

from smallscale_ci.errors import SmallscaleError
from smallscale_ci.gate.metric import contrast
from smallscale_ci.gate.pairing import TaskPair, match_problems, pair_tasks
from smallscale_ci.records import Estimate, Metric, Scale, TaskSummary
from smallscale_ci.report.interface import TRENDS, Beside, Change, TrailPoint, Trend, TrendPoint
from smallscale_ci.report.stored import StoredRun, read
from smallscale_ci.run import comparable
from smallscale_ci.run.folder import RunFolder, is_run
from smallscale_ci.run.manifest import Manifest
from smallscale_ci.run.samples import Samples
from smallscale_ci.stats.contrast import Contrast
from smallscale_ci.stats.multiple import holm

ALPHA = 0.01
_EACH_SIDE = 0.025  # of the 95% intervals
_TRAIL = 20  # earlier runs that a report shows
_Place = tuple[int, str, Metric]  # key of a test: run in its series, task, metric


@dataclass(frozen=True, slots=True)
class History:
    """The trends of all series, and one sentence for each run left out of them."""

    trends: tuple[Trend, ...]
    left_out: tuple[str, ...]


def history(runs: Iterable[StoredRun], left_out: Sequence[str] = ()) -> History:
    """The trends of ``runs``, given oldest first, with changes marked."""
    ordered = sorted(runs, key=lambda one: one.series)  # stable: keeps time's order in a series
    trends: list[Trend] = []
    notes = list(left_out)
    for (suite, profile), group in groupby(ordered, key=lambda one: one.series):
        points, problems = _series(group)
        notes += problems
        trends += [Trend(suite, profile, task, tuple(of)) for task, of in points.items()]
    return History(tuple(trends), tuple(notes))


def trail(run: RunFolder) -> tuple[TrailPoint, ...]:
    """Levels of earlier runs of the same model and suite in ``run``'s folder, oldest first.

    Only manifests and summaries are read; runs that cannot be read are left out.
    """
    try:
        ours = run.read_manifest()
    except SmallscaleError:
        return ()
    earlier = []
    for path in run.path.absolute().parent.iterdir():
        try:
            if is_run(path) and _is_earlier(RunFolder(path).read_manifest(), ours):
                earlier.append(read(path))
        except SmallscaleError:
            continue
    earlier.sort(key=lambda one: one.at)
    return tuple(
        TrailPoint(one.run_id, task.task, task.accuracy.value, task.tokens.value)
        for one in earlier[-_TRAIL:]
        for task in one.summary().tasks
        if task.accuracy.n  # else no sample was judged
    )


def _is_earlier(one: Manifest, ours: Manifest) -> bool:
    """Whether ``one`` is of an earlier run of the same model, suite and profile."""
    wanted = (ours.checkpoint.name, ours.suite.hash, ours.profile)
    found = (one.checkpoint.name, one.suite.hash, one.profile)
    return found == wanted and one.created < ours.created


def side_by_side(runs: Sequence[StoredRun]) -> tuple[Beside, ...]:
    """Every task of every run, in that order, with 95% intervals of differences from the first.

    Runs that are not comparable with the first have only levels. Raises ``DataError`` and
    ``InvalidError`` for samples that cannot be read.
    """
    rows = []
    reference, first = runs[0].samples(), runs[0].manifest
    for one in runs:
        differing = _incomparable(first, one.manifest)
        found: dict[tuple[str, Metric], Contrast] = {}
        if one is not runs[0] and not differing:
            found = _differences(one.samples(), reference)
        rows += [
            Beside(
                run_id=one.run_id,
                model=one.model,
                task=task.task,
                levels=_levels(task),
                differences={
                    metric: _estimate(found[task.task, metric])
                    for metric in TRENDS
                    if (task.task, metric) in found
                },
                incomparable=differing,
            )
            for task in one.summary().tasks
        ]
    return tuple(rows)


def _differences(candidate: Samples, baseline: Samples) -> dict[tuple[str, Metric], Contrast]:
    """Paired differences of two runs by task and metric; tokens as a log ratio of means."""
    pairs = pair_tasks(candidate, baseline, match_problems(candidate, baseline), ())
    found = {}
    for pair in pairs:
        for metric in TRENDS:
            change = _contrast(pair, metric)
            if change is not None:
                found[pair.task, metric] = change
    return found


def _contrast(pair: TaskPair, metric: Metric) -> Contrast | None:
    if not len(pair.problem_ids):
        return None
    candidate, baseline = (side.means[metric] for side in (pair.candidate, pair.baseline))
    if np.isnan(candidate).any() or np.isnan(baseline).any():
        return None  # a side does not record it
    if metric.scale is Scale.LENGTH and not (candidate.any() and baseline.any()):
        return None  # a ratio of means needs tokens on both sides
    return contrast(metric, candidate, baseline, pair.cluster)


def _series(runs: Iterable[StoredRun]) -> tuple[dict[str, list[TrendPoint]], list[str]]:
    """The points of each task of one series, and what could not be tested."""
    points: dict[str, dict[int, TrendPoint]] = {}  # task → number of the run in the series
    tests: dict[_Place, tuple[float, float]] = {}
    problems = []
    before: Samples | None = None
    manifest: Manifest | None = None
    for place, one in enumerate(runs):
        earlier, manifest = manifest, one.manifest
        differing = () if earlier is None else _incomparable(earlier, manifest)
        for level in one.summary().tasks:
            point = TrendPoint(
                one.run_id, one.model, one.at, _levels(level), {}, differing, level.lengths
            )
            points.setdefault(level.task, {})[place] = point
        try:
            samples = one.samples()
        except SmallscaleError as error:
            problems.append(f"{error.message} Changes around this run are not marked.")
            before = None
            continue
        if before is not None and not differing:
            tests |= _tests(place, samples, before)
        before = samples
    changes = _beyond_noise(tests)
    marked = {
        task: [_marked(point, task, place, changes) for place, point in of.items()]
        for task, of in points.items()
    }
    return marked, problems


def _marked(
    point: TrendPoint, task: str, place: int, changes: Mapping[_Place, Change]
) -> TrendPoint:
    found = {m: changes[place, task, m] for m in TRENDS if (place, task, m) in changes}
    return replace(point, changes=found) if found else point


def _tests(place: int, samples: Samples, before: Samples) -> dict[_Place, tuple[float, float]]:
    """Difference from the run before and two-sided p-value, by task and metric."""
    found = {}
    for (task, metric), change in _differences(samples, before).items():
        p_value = 2 * min(change.p_less(0.0), change.p_greater(0.0))
        found[place, task, metric] = (change.value, min(p_value, 1.0))
    return found


def _beyond_noise(tests: Mapping[_Place, tuple[float, float]]) -> dict[_Place, Change]:
    adjusted = holm([p_value for _, p_value in tests.values()])
    return {
        key: Change(value, p_value, worse=value * key[2].worse > 0)
        for (key, (value, _)), p_value in zip(tests.items(), adjusted, strict=True)
        if p_value <= ALPHA
    }


def _incomparable(before: Manifest, now: Manifest) -> tuple[str, ...]:
    return tuple(d.key for d in comparable.differences(before, now, ()) if not d.allowed)


def _levels(task: TaskSummary) -> dict[Metric, Estimate]:
    """Levels of one task: unknown (NaN), not zero, if no sample was judged."""
    more = (m for m, one in task.levels.items() if one.n and not m.core)
    levels = {m: task.levels[m] for m in (*TRENDS, *more)}
    nan = math.nan
    return {
        metric: one if one.n else replace(one, value=nan, low=nan, high=nan)
        for metric, one in levels.items()
    }


def _estimate(contrast: Contrast) -> Estimate:
    low, high = contrast.interval(_EACH_SIDE)
    return Estimate(contrast.value, low, high, contrast.n, contrast.clusters, contrast.method)
