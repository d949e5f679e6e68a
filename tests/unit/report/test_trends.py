"""Trends over runs: sparklines, and what changed."""

import re
from dataclasses import replace

from smallscale_ci.records import Estimate, Metric
from smallscale_ci.report import trends
from smallscale_ci.report.interface import Change, Trend, TrendPoint

ACCURACY, TOKENS = Metric.ACCURACY, Metric.TOKENS


def test_sparkline():
    assert trends.sparkline([0.0, 0.5, 1.0]) == "▁▅█"
    assert trends.sparkline([1.0, float("nan"), 1.0]) == "▁ ▁"
    assert trends.sparkline([]) == ""
    values = [9.0, float("nan"), *range(1, 60)]
    assert len(trends.sparkline(values)) == 60
    assert trends.ends(TOKENS, values) == "1.0 … 59.0"  # of what the sparkline shows
    assert trends.ends(TOKENS, [float("nan")]) == "–"


def point(name, levels=None, **more):
    return TrendPoint(name, "m", "2026-02-01T00:00:00+00:00", levels or {}, **more)


def test_what_changed_is_said_in_a_few_words_and_nothing_of_noise():
    fell = {ACCURACY: Change(-0.0567, 0.001, worse=True), TOKENS: Change(0.7, 0.001, worse=True)}
    assert trends.changed(point("a")) == ""
    assert trends.changed(point("a", changes=fell)) == "▼ accuracy −5.7 pp; ▲ tokens +101.4%"
    other = point("a", changes={}, incomparable=("engine.version", "suite.hash"))
    assert trends.changed(other) == "≠ engine.version, suite.hash"


def test_the_page_escapes_names_and_asks_for_nothing():
    level = Estimate(0.5, 0.4, 0.6, 9, 9, "")
    levels = {ACCURACY: level, TOKENS: replace(level, value=90.0)}
    points = tuple(point(f"<b>{n}</b>\x1b[31m", levels) for n in range(3))
    page = trends.html([Trend("<script>", "p", "t", points)])
    assert "<script>" not in page.split("<body")[1]
    assert "<b>" not in page
    assert "\x1b" not in page
    assert not re.search(r"https?://|url\(", page)
    assert page.count("&lt;b&gt;2&lt;/b&gt;") >= 1


def test_a_rate_that_is_zero_throughout_has_no_column():
    levels = {metric: Estimate(0.0, 0.0, 0.0, 9, 9, "") for metric in Metric}
    shown = trends.columns(Trend("s", "p", "t", (point("a", levels),)))
    assert shown == (ACCURACY, TOKENS)
