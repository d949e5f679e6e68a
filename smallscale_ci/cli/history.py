"""``history``, and the table of ``report --compare``: several stored runs at once."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smallscale_ci.cli import options, targets, tools
from smallscale_ci.cli.command import Context, command
from smallscale_ci.cli.option import option
from smallscale_ci.cli.program import program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smallscale_ci.errors import UsageError
    from smallscale_ci.report.interface import Trend
    from smallscale_ci.report.stored import StoredRun

_GIVE = "Give complete runs, or the folder they are in."


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    command(app, "history", "smallscale history --suite smoke --html history.html")(history)


def history(
    context: Context,
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="RUNS",
            help="Runs, folders of runs, or other tools' results (docs/interop.md).",
            show_default="the folder of --runs",
        ),
    ] = None,
    suite: Annotated[
        str,
        option("--suite", "-s", help="Only this suite.", show_default="all"),
    ] = "",
    model: Annotated[str, option("--model", help="Only this model.", show_default="all")] = "",
    html: Annotated[
        Path | None,
        option("--html", help="Write a page with charts.", show_default=False),
    ] = None,
    last: Annotated[
        int | None,
        option(
            "--last",
            min=1,
            help="Only the newest N runs of each suite and profile.",
            show_default="all",
        ),
    ] = None,
    *,
    read: tools.Read,
    runs: options.Runs = None,
) -> None:
    """Show accuracy and tokens over stored runs.

    A change from the previous run is marked only if it exceeds noise: paired by problem, with
    Holm's correction over all runs of a suite and profile at 1%.
    """
    from smallscale_ci.report import stored
    from smallscale_ci.report import trends as render
    from smallscale_ci.report.history import history as trends_of
    from smallscale_ci.run.records_json import plain

    targets.refuse_file(html, "--html")
    places = paths or [context.settings(runs=runs).runs]
    found, left_out = _found(context, paths or (), runs, places, read)
    chosen = [one for one in found if suite in {"", one.series[0]} and model in {"", one.model}]
    if found and not chosen:
        raise _no_such(found, suite, model, places)
    result = trends_of(chosen if last is None else stored.last(chosen, last), left_out)
    for note in result.left_out:
        context.out.say(f"left out: {note}")
    if html is not None:
        targets.write_file(html, "--html", render.html(result.trends))
        context.out.say(f"written: {html}")
    if context.json:
        trends = [plain(asdict(trend)) for trend in result.trends]
        context.out.json({"trends": trends, "left_out": list(result.left_out)})
        return
    if not result.trends:
        where = ", ".join(map(str, places))
        context.out.result(f"No complete run in {where} yet. Make one: {program()} eval smollm2")
    for trend in result.trends:
        _show(context, trend, places)


def _found(
    context: Context,
    named: Sequence[Path],
    runs: Path | None,
    places: Sequence[Path],
    read: tools.Read,
) -> tuple[list[StoredRun], tuple[str, ...]]:
    """The complete runs in ``places``, and why others are left out.

    Raises ``UsageError`` if a place that was ``named`` does not exist, and ``InvalidError`` if it
    holds no complete run, or if all are left out.
    """
    from smallscale_ci.errors import InvalidError, UsageError
    from smallscale_ci.pipeline import sides
    from smallscale_ci.report import stored

    if named:
        context.refuse(("runs",), "the runs are named")
        # . and .. have no name that a sentence could hold
        named = places = [one if one.name not in {"", ".."} else one.resolve() for one in named]
    asked = [runs] if runs and "runs" in context.given else []  # a variable's is made by a run
    for place in named or asked:
        if not place.exists():
            raise UsageError(f"{place} does not exist.", _GIVE)
    others = sides.stored(read.wanted()) if named else None
    if not any(sides.is_foreign(one) for place in named for one in stored.inside(place, others)):
        read.refuse(context, "none are named")
    used = [place for place in places if named or (place.is_dir() and any(place.iterdir()))]
    found, left_out = stored.find(used, others)
    if not found and (named or left_out):
        where = ", ".join(map(str, places))
        raise InvalidError(" ".join((f"No complete run in {where}.", *left_out[:3])), _GIVE)
    return found, left_out


def _no_such(
    found: Sequence[StoredRun], suite: str, model: str, places: Sequence[Path]
) -> UsageError:
    """The error for a suite, a model or both of which there is no run."""
    from smallscale_ci.errors import UsageError

    known = {"suite": {one.series[0] for one in found}, "model": {one.model for one in found}}
    asked = {"suite": suite, "model": model}
    words = " and ".join(f"{what} '{name}'" for what, name in asked.items() if name)
    listed = (f"{what} {', '.join(sorted(names))}" for what, names in known.items())
    where = ", ".join(map(str, places))
    return UsageError(f"No complete run of {words} in {where}.", f"Known: {'; '.join(listed)}.")


def _typed(places: Sequence[Path], run_id: str) -> str:
    """The run as commands take it: its folder, if that is one of ``places`` or in one."""
    here = [place if place.name == run_id else place / run_id for place in places]
    found = next((path for path in here if path.exists()), None)
    if found is None:
        return run_id
    return str(found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found)


def _show(context: Context, trend: Trend, places: Sequence[Path]) -> None:
    from smallscale_ci.report.formats import level_interval
    from smallscale_ci.report.interface import TRENDS
    from smallscale_ci.report.trends import changed, columns, ends, sparkline

    context.out.result(f"{trend.suite} · {trend.profile} · {trend.task}")
    metrics = columns(trend)
    rows = [
        (
            _typed(places, point.run_id),
            *(level_interval(metric, point.levels.get(metric)) for metric in metrics),
            changed(point),
        )
        for point in trend.points
    ]
    context.out.table(("run", *(metric.heading for metric in metrics), "changed"), rows)
    for metric in TRENDS if len(trend.points) > 1 else ():
        values = [point.levels[metric].value for point in trend.points]
        context.out.result(f"{metric.value:<9} {sparkline(values)}  {ends(metric, values)}")
    context.out.result("")


def beside(context: Context, paths: Sequence[Path]) -> None:
    """Show several runs side by side, each compared with the first."""
    from smallscale_ci.errors import UsageError
    from smallscale_ci.pipeline import sides
    from smallscale_ci.report import stored
    from smallscale_ci.report.formats import change, level_interval, signed, unit
    from smallscale_ci.report.history import side_by_side
    from smallscale_ci.report.interface import TRENDS
    from smallscale_ci.run.records_json import plain

    if len(paths) < 2:
        raise UsageError("--compare needs two runs or more.", "smallscale report --compare A B C")
    others = sides.stored(tools.wanted(verdicts=True))
    rows = side_by_side([stored.read(path, others) for path in paths])
    if context.json:
        context.out.json([plain(asdict(row)) for row in rows])
        return
    for task in dict.fromkeys(row.task for row in rows):
        context.out.result(f"{task}, differences to {rows[0].run_id} with 95% intervals")
        lines = []
        for row in (row for row in rows if row.task == task):
            names = (row.run_id, f"({row.model})")
            for name, metric in zip((*names, *[""] * len(TRENDS)), TRENDS, strict=False):
                shown = f"≠ {', '.join(row.incomparable)}" if row.incomparable else ""
                if estimate := row.differences.get(metric):
                    ends = (estimate.value, estimate.low, estimate.high)
                    value, low, high = (signed(change(metric, end)) for end in ends)
                    shown = f"{value}{unit(metric)} [{low}, {high}]"
                levels = level_interval(metric, row.levels[metric])
                lines.append((name, metric.value, levels, shown))
        context.out.table(("run", "metric", "level", "difference"), lines)
        context.out.result("")
