"""Trends over runs: words and sparklines for the terminal, and one self-contained page."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from smallscale_ci.records import Metric
from smallscale_ci.report import charts, formats, pages
from smallscale_ci.report.interface import TRENDS, Trend, TrendPoint

_BARS = "▁▂▃▄▅▆▇█"
_WIDTH = 60  # most values in a sparkline


def sparkline(values: Sequence[float]) -> str:
    """The last values as bars from their smallest to their largest; a space for unknown ones."""
    shown = values[-_WIDTH:]
    known = [value for value in shown if math.isfinite(value)]
    if not known:
        return ""
    least, reach = min(known), (max(known) - min(known)) or 1.0
    steps = len(_BARS) - 1
    return "".join(
        _BARS[round((value - least) / reach * steps)] if math.isfinite(value) else " "
        for value in shown
    )


def ends(metric: Metric, values: Sequence[float]) -> str:
    """The smallest and largest value in ``sparkline``."""
    known = [value for value in values[-_WIDTH:] if math.isfinite(value)]
    if not known:
        return formats.UNKNOWN
    return f"{formats.level(metric, min(known))} … {formats.level(metric, max(known))}"


def columns(trend: Trend) -> tuple[Metric, ...]:
    """The metrics that a table of ``trend`` shows."""
    return formats.columns([point.levels for point in trend.points], core=TRENDS, zeros=False)


def changed(point: TrendPoint) -> str:
    """The change from the run before in a few words; empty if it is noise."""
    words = [
        f"{'▼' if change.value < 0 else '▲'} {metric.value} "
        f"{formats.signed(formats.change(metric, change.value))}{formats.unit(metric)}"
        for metric, change in point.changes.items()
    ]
    if point.incomparable:
        words.append(f"≠ {', '.join(point.incomparable)}")
    return "; ".join(words)


def html(trends: Sequence[Trend]) -> str:
    """The page: a chart per metric and a table of the runs for every trend."""
    drawn = [
        (
            trend,
            # The SVG is made by an XML writer, which escapes every name in it.
            [(m.value, Markup(charts.trend(trend.points, m))) for m in TRENDS],  # noqa: S704
            columns(trend),
        )
        for trend in trends
    ]
    return pages.template("history.html").render(trends=drawn, changed=changed)
