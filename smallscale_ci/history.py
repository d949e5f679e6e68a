"""Stored runs in the order of time: levels by checkpoint, and where they changed beyond noise.

Levels come from the runs' summaries. Whether two neighbours differ is tested on their samples,
paired by problem and clustered like the gate's checks, two-sided; over all tests of one suite and
profile Holm's correction (stats/multiple.py) keeps the chance of any false mark at ``ALPHA``. A
slow drift, each step within the noise, is not marked: compare the first run with the last.

At most two runs' samples are in memory at a time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from smallscale_ci import provenance
from smallscale_ci.errors import InvalidError, SmallscaleError
from smallscale_ci.pairing import TaskPair, match_problems, pair_tasks
from smallscale_ci.records import Estimate, Metric, Summary, TaskSummary
from smallscale_ci.report.interface import Beside, Change, TrailPoint, Trend, TrendPoint
from smallscale_ci.report.records_json import summary_from_json
from smallscale_ci.runfolder import COMPLETE, RunFolder, is_run, open_run, read_json
from smallscale_ci.samples import Samples
from smallscale_ci.stats.contrast import Contrast
from smallscale_ci.stats.multiple import holm
from smallscale_ci.stats.paired import paired_difference
from smallscale_ci.stats.tokens import paired_log_ratio

ALPHA = 0.01
METRICS = (Metric.ACCURACY, Metric.TOKENS)
_EACH_SIDE = 0.025  # of the 95 % intervals
_TRAIL = 20  # earlier runs that a report shows
_Place = tuple[int, str, Metric]  # of a test: run in its series, task, metric


@dataclass(frozen=True, eq=False)
class StoredRun:
    """A complete run as far as its history needs it."""

    run: RunFolder
    manifest: dict[str, Any]
    summary: Summary

    @property
    def at(self) -> str:
        """When it began, ISO time."""
        return str(self.manifest["created"])

    @property
    def model(self) -> str:
        """Name of the checkpoint."""
        return str(self.manifest["checkpoint"]["name"])

    @property
    def series(self) -> tuple[str, str]:
        """(suite, profile): runs of one series are one trend."""
        return str(self.manifest["suite"]["name"]), str(self.manifest["profile"])


@dataclass(frozen=True, slots=True)
class History:
    """The trends of all series, and one sentence for each run that is not in them."""

    trends: tuple[Trend, ...]
    left_out: tuple[str, ...]


def read(path: Path) -> StoredRun:
    """The run in ``path``.

    Raises ``InvalidError`` for one that is not complete or of another schema, ``UsageError`` and
    ``DataError`` for one that cannot be read.
    """
    run = open_run(path)
    manifest = run.read_manifest()
    if manifest.get("status") != COMPLETE:
        raise InvalidError(
            f"the run {path} is {manifest.get('status')}, not complete.",
            f"Finish it: smallscale eval --resume {path}",
        )
    value = read_json(run.summary)
    value.pop("made_from", None)
    try:
        stored = StoredRun(run, manifest, summary_from_json(value))
        stored.at, stored.model, stored.series, str(manifest["run_id"])  # all there?
    except (KeyError, TypeError) as error:
        raise InvalidError(f"{run.manifest} lacks {error}.", "Run the evaluation again.") from error
    return stored


def find(paths: Iterable[Path]) -> tuple[list[StoredRun], tuple[str, ...]]:
    """All complete runs in ``paths``, which are runs or folders of runs, oldest first.

    Also says of every run that is left out why.
    """
    folders: list[Path] = []
    for path in paths:
        inside = [] if is_run(path) or not path.is_dir() else sorted(path.iterdir())
        folders += [one for one in inside if is_run(one)] if inside else [path]
    found, left_out = [], []
    for folder in dict.fromkeys(folders):
        try:
            found.append(read(folder))
        except SmallscaleError as error:
            left_out.append(error.message)
    return sorted(found, key=lambda one: (one.at, one.run.path.name)), tuple(left_out)


def history(runs: Sequence[StoredRun], left_out: Sequence[str] = ()) -> History:
    """The trends of ``runs``, which come oldest first, with changes marked."""
    ordered = sorted(runs, key=lambda one: one.series)  # stable: time stays within a series
    trends: list[Trend] = []
    notes = list(left_out)
    for (suite, profile), group in groupby(ordered, key=lambda one: one.series):
        series = list(group)
        changes, problems = _changes(series)
        notes += problems
        tasks = dict.fromkeys(task.task for one in series for task in one.summary.tasks)
        trends += [
            Trend(suite, profile, task, tuple(_points(series, task, changes))) for task in tasks
        ]
    return History(tuple(trends), tuple(notes))


def trail(run: RunFolder) -> tuple[TrailPoint, ...]:
    """Levels of earlier runs of the same model and suite beside ``run``, oldest first.

    Only manifests and summaries are read; what cannot be read is left out.
    """
    try:
        manifest = run.read_manifest()
        wanted = (manifest["checkpoint"]["name"], manifest["suite"]["hash"], manifest["profile"])
        created = str(manifest["created"])
    except (SmallscaleError, KeyError, TypeError):
        return ()
    earlier = []
    for path in run.path.absolute().parent.iterdir():
        try:
            value = RunFolder(path).read_manifest() if is_run(path) else {}
            found = (value["checkpoint"]["name"], value["suite"]["hash"], value["profile"])
            if found == wanted and str(value["created"]) < created:
                earlier.append(read(path))
        except (SmallscaleError, KeyError, TypeError):
            continue
    earlier.sort(key=lambda one: one.at)
    return tuple(
        TrailPoint(one.manifest["run_id"], task.task, task.accuracy.value, task.tokens.value)
        for one in earlier[-_TRAIL:]
        for task in one.summary.tasks
    )


def side_by_side(runs: Sequence[StoredRun]) -> tuple[Beside, ...]:
    """Every task of every run, in that order, with 95 % intervals of the differences to the first.

    Runs that are not comparable with the first have levels alone. Raises ``DataError`` and
    ``InvalidError`` for samples that cannot be read.
    """
    rows = []
    reference = runs[0].run.read_samples()
    for one in runs:
        differing = _incomparable(runs[0], one)
        found: dict[tuple[str, Metric], Contrast] = {}
        if one is not runs[0] and not differing:
            found = _differences(one.run.read_samples(), reference)
        rows += [
            Beside(
                run_id=str(one.manifest["run_id"]),
                model=one.model,
                task=task.task,
                levels=_levels(task),
                differences={
                    metric: _estimate(found[task.task, metric])
                    for metric in METRICS
                    if (task.task, metric) in found
                },
                incomparable=differing,
            )
            for task in one.summary.tasks
        ]
    return tuple(rows)


def _differences(candidate: Samples, baseline: Samples) -> dict[tuple[str, Metric], Contrast]:
    """Paired differences of two runs by task and metric; tokens as a log ratio of means."""
    pairs = pair_tasks(candidate, baseline, match_problems(candidate, baseline), ())
    found = {}
    for pair in pairs:
        for metric in METRICS:
            contrast = _contrast(pair, metric)
            if contrast is not None:
                found[pair.task, metric] = contrast
    return found


def _contrast(pair: TaskPair, metric: Metric) -> Contrast | None:
    if not len(pair.problem_ids):
        return None
    candidate, baseline = pair.candidate.of(metric), pair.baseline.of(metric)
    if metric is Metric.ACCURACY:
        return paired_difference(candidate, baseline, pair.cluster)
    if not candidate.any() or not baseline.any():
        return None  # a ratio of means needs tokens on both sides
    return paired_log_ratio(candidate, baseline, pair.cluster)


def _changes(series: Sequence[StoredRun]) -> tuple[dict[_Place, Change], list[str]]:
    """What changed from each run to the next beyond noise, and what could not be tested."""
    tests: dict[_Place, tuple[float, float]] = {}
    problems = []
    before: tuple[StoredRun, Samples] | None = None
    for place, one in enumerate(series):
        try:
            samples = one.run.read_samples()
        except SmallscaleError as error:
            problems.append(f"{error.message} Changes around this run are not marked.")
            before = None
            continue
        if before is not None and not _incomparable(before[0], one):
            for (task, metric), contrast in _differences(samples, before[1]).items():
                p_value = 2 * min(contrast.p_less(0.0), contrast.p_greater(0.0))
                tests[place, task, metric] = (contrast.value, min(p_value, 1.0))
        before = (one, samples)
    adjusted = holm([p_value for _, p_value in tests.values()])
    return {
        key: Change(value, p_value, worse=(value < 0) == (key[2] is Metric.ACCURACY))
        for (key, (value, _)), p_value in zip(tests.items(), adjusted, strict=True)
        if p_value <= ALPHA
    }, problems


def _incomparable(before: StoredRun, one: StoredRun) -> tuple[str, ...]:
    return tuple(item.key for item in provenance.differences(before.manifest, one.manifest, ()))


def _points(
    series: Sequence[StoredRun], task: str, changes: dict[_Place, Change]
) -> Iterable[TrendPoint]:
    for place, one in enumerate(series):
        level = next((level for level in one.summary.tasks if level.task == task), None)
        if level is None:
            continue
        point = TrendPoint(
            run_id=str(one.manifest["run_id"]),
            model=one.model,
            at=one.at,
            levels=_levels(level),
        )
        if place:
            found = {m: changes[place, task, m] for m in METRICS if (place, task, m) in changes}
            differing = _incomparable(series[place - 1], one)
            point = replace(point, changes=found, incomparable=differing)
        yield point


def _levels(task: TaskSummary) -> dict[Metric, Estimate]:
    return {Metric.ACCURACY: task.accuracy, Metric.TOKENS: task.tokens}


def _estimate(contrast: Contrast) -> Estimate:
    low, high = contrast.interval(_EACH_SIDE)
    return Estimate(contrast.value, low, high, contrast.n, contrast.clusters, contrast.method)
