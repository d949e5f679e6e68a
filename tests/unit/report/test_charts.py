"""The charts of the HTML report: what each of them shows."""

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

from helpers.report_examples import (
    REGRESSED,
    SUMMARY,
    check,
    checks,
    report,
    verdict,
)

from smallscale_ci.records import Metric
from smallscale_ci.report import charts, markdown

ACCURACY = check("t", Metric.ACCURACY, REGRESSED, 0.6, 0.5, 0.01)
TOKENS = check("t", Metric.TOKENS, REGRESSED, 100.0, 200.0, 0.0)


def test_a_long_task_keeps_its_metrics_apart_in_the_charts() -> None:
    long = "a-task-whose-name-takes-more-room-than-a-chart-has"
    moved = [replace(c, task=long) for c in (ACCURACY, TOKENS)]
    page = markdown.render(report(replace(verdict(REGRESSED), checks=tuple(moved))))
    first, second = page.split("```")[1].splitlines()[1:3]
    assert re.match(r"a-task-whose-name-\S*… accuracy ", first)
    assert re.match(r"a-task-whose-name-\S*… tokens ", second)
    forest = charts.forest(moved)
    assert "… accuracy<" in forest
    assert "… tokens<" in forest


def test_the_forest_shows_every_gated_check_on_one_axis() -> None:
    root = ET.fromstring(charts.forest(checks(REGRESSED, 0.123)))
    text = [element.text for element in root.iter("text")]
    assert "gsm8k accuracy" in text
    assert "mmlu-pro truncation" not in text  # not gated
    classes = [element.get("class") for element in root.iter("g")]
    assert sum("interval REGRESSED" in str(name) for name in classes) >= 2
    titles = [element.text for element in root.iter("title")]
    assert any("−12.3 pp" in str(title) for title in titles)
    assert charts.forest(()) == ""


def test_charts_have_no_script_style_or_date() -> None:
    for svg in (
        charts.forest(checks(REGRESSED, 0.1)),
        charts.distribution([1, 2, 3], [4, 5, 600]),
        charts.under_budget([(5, True)], [(7, False), (9, True)]),
        charts.trade_off(SUMMARY.tasks[0], SUMMARY.tasks[1], [(100.0, 0.5, "</svg><script>")]),
    ):
        tags = {element.tag for element in ET.fromstring(svg).iter()}
        assert tags <= {"svg", "title", "g", "rect", "path", "text", "circle"}
        assert "<!--" not in svg
        assert "style=" not in svg


def test_charts_of_nothing_are_left_out() -> None:
    assert charts.distribution([1], []) == ""
    assert charts.under_budget([], [(0, True)]) == ""


def test_accuracy_under_a_budget_ends_at_the_accuracy() -> None:
    svg = charts.under_budget([], [(10, True), (20, False), (30, True), (40, True)])
    paths = [path for path in ET.fromstring(svg).iter("path") if "reactive" in path.get("class")]
    heights = [float(number) for number in re.findall(r"[\d.]+", paths[0].get("d"))[1::2]]
    assert len(heights) == 41
    assert heights == sorted(heights, reverse=True)  # y grows downwards
    assert len({*heights}) == 4  # 0, 25, 50 and 75%: a wrong answer never counts
