"""``report.html`` without a browser: size, self-containment, charts, packing."""

import re

import pytest
from helpers.report_examples import EXAMPLES, hostile_report, large, unpack

from smallscale_ci.report import html
from smallscale_ci.report.problems import pack


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_page_is_whole_and_asks_for_nothing(name: str) -> None:
    page = html.render(EXAMPLES[name])
    assert page.startswith("<!doctype html>")
    assert page.rstrip().endswith("</html>")
    # The only addresses are the empty icon's and anchors within.
    assert re.findall(r"(?:src|href)=\"([^\"]*)\"", page) == ["data:,"]
    assert not re.search(r"url\(|@import|https?://", page)
    kind = EXAMPLES[name].verdict.kind.value if EXAMPLES[name].verdict else "NO"
    assert f"<title>{kind}" in page or "<title>INTERRUPTED" in page


def test_the_same_report_gives_the_same_bytes() -> None:
    assert html.render(EXAMPLES["regressed"]) == html.render(EXAMPLES["regressed"])


def test_hostile_text_is_only_ever_text() -> None:
    page = html.render(hostile_report())
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]", page)
    page.encode()
    assert page.count("<script") == 2  # the data and our own
    assert "onerror=alert" not in re.sub(r"&lt;img src=x onerror=alert", "", page)
    assert not re.search(r"<img|<a |javascript:alert\(1\)\"", page)


def test_a_large_run_fits_two_megabytes() -> None:
    data = large(1319, 4, 1000)
    page = html.render(data)
    assert len(page.encode()) <= html.LIMIT
    packed = pack(data, 1_900_000)
    assert packed.cut
    assert packed.shown == 1319
    rows = unpack(packed)
    assert [row[1] for row in rows] == list(data.excerpts)
    assert all(len(row[5]) == len(row[6]) == 4 for row in rows)
