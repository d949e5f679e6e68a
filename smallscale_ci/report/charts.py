"""The charts of the HTML report: what each of them shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pygal.style import Style

from smallscale_ci.records import Check, Estimate, Metric, Scale, TaskSummary
from smallscale_ci.report import formats, text
from smallscale_ci.report.interface import TrendPoint
from smallscale_ci.report.svg import Chart

_REACH = 8  # most margins shown on either side of no change
_BINS = 24
_BUDGETS = 40  # points of a curve
_NAME = 34  # characters of a row's name


def forest(checks: Sequence[Check]) -> str:
    """Each gated check's interval in margins: 0 is no change, 1 the margin, right is worse."""
    rows = [check for check in checks if check.gated]
    rows = [check for check in rows if all(map(math.isfinite, formats.used_margin(check)))]
    if not rows:
        return ""
    top = len(rows)
    ends = [end for check in rows for end in formats.used_margin(check)]
    left = -min(max(1, math.ceil(-min(ends))), _REACH)
    right = min(max(2, math.ceil(max(ends))), _REACH)
    chart = Chart(
        {
            "height": 70 + 26 * top,
            "width": 520,
            "style": Style(label_font_size=14),  # width reserved for the names
            "range": (0.4, top + 0.6),
            "xrange": (left, right),
            "y_labels": [
                {"label": text.short_name(check, _NAME), "value": top - row}
                for row, check in enumerate(rows)
            ],
            "x_labels": [*range(left, right + 1)],
            "x_value_formatter": formats.number,
            "x_title": "loss in margins",
        }
    )
    chart.line("zero", [(0, 0.4), (0, top + 0.6)])
    chart.line("limit", [(1, 0.4), (1, top + 0.6)])
    for row, check in enumerate(rows):
        y = top - row
        low, value, high = (min(max(x, left), right) for x in formats.used_margin(check))
        chart.line(f"interval {check.kind.value}", [(low, y), (high, y)])
        label = f"{text.check_name(check)}: {formats.difference(check)}, {check.kind.value}"
        beyond = " beyond" if value != formats.used_margin(check)[1] else ""
        chart.dots(f"point {check.kind.value}{beyond}", [(value, y, label)])
    return chart.svg("Differences of all checks with their intervals, in margins")


def distribution(
    baseline: Sequence[int], candidate: Sequence[int], sides: str = "baseline and candidate"
) -> str:
    """Share of samples by completion tokens: both sides as outlines over the same bins."""
    longest = max((*baseline, *candidate), default=0)
    if not longest or not candidate:
        return ""
    width = max(1, math.ceil((longest + 1) / _BINS))
    chart = Chart(
        {
            "include_x_axis": True,
            "x_labels": _ticks(longest),
            "x_value_formatter": formats.number,
            "y_title": "% of samples",
            "x_title": "completion tokens",
        }
    )
    for name, counts in (("baseline", baseline), ("candidate", candidate)):
        if counts:
            chart.line(f"area {name}", _outline(counts, width))
    return chart.svg(f"Distribution of completion tokens, {sides}")


def under_budget(
    baseline: Sequence[tuple[int, bool]], candidate: Sequence[tuple[int, bool]]
) -> str:
    """Accuracy if every answer longer than a budget counted as lost, over the budget.

    The sides are (completion tokens, whether correct) of every sample.
    """
    longest = max((tokens for tokens, _ in (*baseline, *candidate)), default=0)
    if not longest or not candidate:
        return ""
    chart = Chart(
        {
            "include_x_axis": True,
            "x_labels": _ticks(longest),
            "x_value_formatter": formats.number,
            "y_title": "% correct",
            "x_title": "token budget",
        }
    )
    for name, samples in (("baseline", baseline), ("candidate", candidate)):
        if samples:
            chart.line(name, _budget_curve(samples, longest))
    return chart.svg("Accuracy under a token budget, baseline and candidate")


def trade_off(
    baseline: TaskSummary | None,
    candidate: TaskSummary,
    trail: Sequence[tuple[float, float, str]] = (),
) -> str:
    """Accuracy in percent against mean tokens with 95% intervals, earlier runs as a trail.

    ``trail`` holds (mean tokens, accuracy as a fraction, run id), oldest first.
    """
    chart = Chart(
        {
            "y_title": "% correct",
            "x_title": "mean completion tokens",
            "x_value_formatter": formats.number,
        }
    )
    earlier = [(tokens, 100 * rate, label) for tokens, rate, label in trail]
    if earlier:
        chart.line("trail", [(x, y) for x, y, _ in earlier])
        chart.dots("trail", earlier)
    for name, side in (("baseline", baseline), ("candidate", candidate)):
        if side is not None and math.isfinite(side.tokens.value + side.accuracy.value):
            _cross(chart, name, side.tokens, side.accuracy)
    return chart.svg("Accuracy against mean completion tokens") if chart.series else ""


def front(
    parent: tuple[str, str, Estimate, Estimate],
    candidates: Sequence[tuple[str, str, Estimate, Estimate]],
) -> str:
    """Accuracy in percent against mean tokens of several candidates and their parent.

    Each is (name, mark, tokens, accuracy); a line joins the candidates with a mark.
    """
    chart = Chart(
        {
            "width": 520,
            "y_title": "% correct",
            "x_title": "mean completion tokens",
            "x_value_formatter": formats.number,
        }
    )
    known = [one for one in candidates if math.isfinite(one[2].value + one[3].value)]
    line = sorted((tokens.value, 100 * rate.value) for _, mark, tokens, rate in known if mark)
    if len(line) > 1:
        chart.line("trail", line)
    for name, mark, tokens, accuracy in known:
        _cross(chart, "candidate", tokens, accuracy, f"{name} ({mark})" if mark else name)
    name, _, tokens, accuracy = parent
    _cross(chart, "baseline", tokens, accuracy, name)
    return chart.svg("Accuracy against mean completion tokens, all candidates")


def trend(points: Sequence[TrendPoint], metric: Metric) -> str:
    """Levels of successive runs with 95% intervals; changes beyond noise are coloured."""
    is_rate = metric.scale is Scale.RATE
    scale = 100 if is_rate else 1
    rows = [(number, point) for number, point in enumerate(points, 1)]
    rows = [(n, p) for n, p in rows if math.isfinite(p.levels[metric].value)]
    if not rows:
        return ""
    every = math.ceil(len(points) / 12)
    chart = Chart(
        {
            "width": 520,
            "xrange": (0.5, len(points) + 0.5),
            "x_labels": [*range(1, len(points) + 1, every)],
            "x_value_formatter": formats.number,
            "y_title": f"{metric.heading}, %" if is_rate else metric.heading,
            "x_title": "run",
        }
    )
    chart.line("baseline", [(n, scale * p.levels[metric].value) for n, p in rows])
    for number, point in rows:
        level = point.levels[metric]
        change = point.changes.get(metric)
        name = "candidate" if change is None else "REGRESSED" if change.worse else "PASS"
        if math.isfinite(level.low) and math.isfinite(level.high):
            ends = [(number, scale * level.low), (number, scale * level.high)]
            chart.line(f"whisker {name}", ends)
        label = f"{point.model}: {formats.level(metric, level.value)}"
        chart.dots(name, [(number, scale * level.value, label)])
    return chart.svg(f"{metric.value.capitalize()} of successive runs")


def power(curves: Sequence[tuple[str, float, float]], unchanged: float) -> str:
    """Chance of REGRESSED over the true loss in margins, one line per metric.

    ``curves`` are (metric, loss, chance); ``unchanged`` is the chance at no loss.
    """
    chart = Chart({"x_title": "true loss, in margins", "y_title": "REGRESSED, %"})
    for metric in dict.fromkeys(name for name, _, _ in curves):
        points = [(0.0, 100 * unchanged)]
        points += [(loss, 100 * chance) for name, loss, chance in curves if name == metric]
        chart.line(metric, points)
        chart.dots(metric, [(x, y, f"{metric}: {y:.0f}% at {x:g}") for x, y in points])
    return chart.svg("chance of REGRESSED by true loss")


def _cross(chart: Chart, name: str, tokens: Estimate, accuracy: Estimate, label: str = "") -> None:
    x, y = tokens.value, 100 * accuracy.value
    if all(map(math.isfinite, (tokens.low, tokens.high, accuracy.low, accuracy.high))):
        chart.line(f"whisker {name}", [(tokens.low, y), (tokens.high, y)])
        chart.line(f"whisker {name}", [(x, 100 * accuracy.low), (x, 100 * accuracy.high)])
    told = f"{label or name}: {formats.rate(accuracy.value)}, {formats.tokens(x)} tokens"
    chart.dots(name, [(x, y, told)])


def _outline(values: Sequence[int], width: int) -> list[tuple[float, float]]:
    """The outline of a histogram of ``values`` in percent, closed on the axis."""
    counts = [0] * _BINS
    for value in values:
        counts[min(value // width, _BINS - 1)] += 1
    points: list[tuple[float, float]] = [(0, 0)]
    for place, count in enumerate(counts):
        share = 100 * count / len(values)
        points += [(place * width, share), ((place + 1) * width, share)]
    return [*points, (_BINS * width, 0)]


def _budget_curve(samples: Sequence[tuple[int, bool]], longest: int) -> list[tuple[float, float]]:
    right = sorted(tokens for tokens, correct in samples if correct)
    points: list[tuple[float, float]] = []
    done = 0
    for step in range(_BUDGETS + 1):
        budget = longest * step / _BUDGETS
        while done < len(right) and right[done] <= budget:
            done += 1
        points.append((budget, 100 * done / len(samples)))
    return points


def _ticks(longest: float) -> list[float]:
    """Four or five round numbers from 0 to ``longest``."""
    step = 10 ** math.floor(math.log10(max(longest, 1) / 2))
    step *= next(factor for factor in (1, 2, 5, 10, 20) if longest / (step * factor) <= 5)
    return [step * place for place in range(int(longest / step) + 1)]
