import re
from dataclasses import replace

from helpers.report_examples import EXAMPLES

from smallscale_ci.report import junit, text_chart


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
