"""The report as Markdown: within the limits of comments and summaries."""

from dataclasses import replace

import pytest
from helpers.report_examples import (
    EXAMPLES,
    REGRESSED,
    check,
    report,
    verdict,
)

from smallscale_ci.records import Metric
from smallscale_ci.report import markdown

ACCURACY = check("t", Metric.ACCURACY, REGRESSED, 0.6, 0.5, 0.01)


@pytest.mark.parametrize("limit", [600, 1500, 2500, markdown.COMMENT_LIMIT])
def test_markdown_keeps_to_its_limit_and_says_what_it_cut(limit: int) -> None:
    whole = markdown.render(EXAMPLES["regressed"])
    cut = markdown.render(EXAMPLES["regressed"], limit)
    assert len(cut.encode()) <= limit
    assert cut.startswith("### ❌ REGRESSED")
    assert ("was cut" in cut) == (len(whole.encode()) > limit)
    assert cut.count("```") % 2 == 0
    assert cut.count("<details>") == cut.count("</details>")


def test_a_thousand_tasks_fit_a_comment() -> None:
    many = tuple(replace(ACCURACY, task=f"task-{i}") for i in range(3000))
    cut = markdown.render(report(verdict(REGRESSED, checks=many)))
    assert len(cut.encode()) <= markdown.COMMENT_LIMIT
    assert "was cut" in cut
