import math
import re
from dataclasses import replace

from helpers.report_examples import (
    EXAMPLES,
    REGRESSED,
    check,
    estimate,
    report,
    verdict,
)

from smallscale_ci.records import Metric
from smallscale_ci.report import (
    junit,
    markdown,
    text_chart,
)


def test_every_gated_check_has_a_line_and_the_axis_ends_them():
    checks = EXAMPLES["regressed"].verdict.checks
    lines = text_chart.lines(checks)
    assert len(lines) == sum(check.gated for check in checks) + 1
    assert all("●" in line or "►" in line or "◄" in line for line in lines[:-1])
    assert lines[-1].startswith("loss in margins")


def test_nothing_gated_is_no_chart():
    assert text_chart.lines(()) == []


def test_junit_times_are_those_of_the_run():
    data = replace(EXAMPLES["pass"], metrics={"seconds to load": 30.0, "seconds to generate": 61.5})
    found = re.findall(r'<testcase [^>]*time="([\d.]+)"', junit.render(data))
    assert abs(sum(map(float, found)) - 91.5) < 0.01


def test_the_chart_in_markdown_reaches_as_far_as_its_intervals() -> None:
    def drawn(after: float) -> list[str]:
        moved = check("t", Metric.ACCURACY, REGRESSED, 0.6, after, 0.01)
        unknown = replace(moved, metric=Metric.TRUNCATION, estimate=estimate(math.nan, 0.0))
        page = markdown.render(report(replace(verdict(REGRESSED), checks=(moved, unknown))))
        return page.split("```")[1].splitlines()[1:]

    near, unknown, axis = drawn(0.55)
    assert (axis[-1], axis.index("1", axis.index("0")) - axis.index("0")) == ("3", 6)
    assert near.index("●") - near.index("│") == 15  # two and a half margins
    assert "●" not in unknown
    far, _, axis = drawn(0.44)
    assert axis[-1] == "9"
    assert far.index("●") - far.index("│") == 16  # eight margins, two columns each
    assert "►" not in far
    assert drawn(0.3)[0].endswith("►")
