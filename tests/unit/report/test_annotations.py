"""Workflow commands for the log of a GitHub Actions step."""

from dataclasses import replace

from helpers.report_examples import (
    REGRESSED,
    check,
    report,
    verdict,
)

from smallscale_ci.records import Metric
from smallscale_ci.report import annotations

ACCURACY = check("t", Metric.ACCURACY, REGRESSED, 0.6, 0.5, 0.01)


def test_annotations_beyond_what_github_shows_are_counted() -> None:
    for failed, lines, last in ((10, 10, "t9 accuracy"), (13, 10, "4 more checks: see the step")):
        checks = tuple(replace(ACCURACY, task=f"t{number}") for number in range(failed))
        found = annotations.render(report(verdict(REGRESSED, checks=checks))).splitlines()
        assert len(found) == lines
        assert last in found[-1]
