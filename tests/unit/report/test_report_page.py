"""``report.html`` without a browser: size, self-containment, charts, packing."""

import base64
import json
import random
import re
import zlib
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from helpers.report_examples import (
    EXAMPLES,
    REGRESSED,
    SUMMARY,
    checks,
    hostile_report,
    report,
    verdict,
)

from smallscale_ci.records import Outcome
from smallscale_ci.report import charts, html
from smallscale_ci.report.interface import Answer, Excerpt, ReportData
from smallscale_ci.report.problems import Packed, pack


def unpack(packed: Packed) -> list[list]:
    return json.loads(zlib.decompress(base64.b64decode(packed.blob)))


def large(problems: int, epochs: int, length: int) -> ReportData:
    """Random letters: nothing that a model writes compresses as badly."""
    rng = random.Random(7)
    letters = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz     ", k=length * 50))

    def words() -> str:
        start = rng.randrange(len(letters) - length)
        return letters[start : start + length]

    def answer(index: int) -> Answer:
        outcome = Outcome.CORRECT if rng.random() < 0.8 else Outcome.WRONG
        return Answer(index, outcome, rng.randrange(900), "12", "not equal", words())

    excerpts = {
        f"{number:016x}": Excerpt(
            "gsm8k" if number % 2 else "mmlu-pro",
            words()[:250],
            "12",
            tuple(answer(index) for index in range(epochs)),
            tuple(answer(index) for index in range(epochs)),
        )
        for number in range(problems)
    }
    return report(verdict(REGRESSED), excerpts=excerpts)


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


def test_what_does_not_fit_is_cut_in_the_middle_and_where_nothing_happened_first() -> None:
    right, wrong = Outcome.CORRECT, Outcome.WRONG
    text = "begin " + "x" * 50_000 + " end"
    still = Excerpt("t", "q", "1", (Answer(0, right, 9, "1", "", text),), (Answer(0, right, 9),))
    lost = replace(still, candidate=(Answer(0, wrong, 9, "2", "", text),))
    data = report(None, excerpts={"still": still, "lost": lost})
    (*_, quiet, _), (*_, loud, _) = unpack(pack(data, 600))
    assert len(quiet[0][4]) < len(loud[0][4]) < len(text)
    assert quiet[0][4].startswith("begin ")
    assert quiet[0][4].endswith(" end")
    assert "characters left out" in quiet[0][4]
    whole = unpack(pack(data, 100_000))
    assert whole[0][5][0][4] == text


def test_problems_are_left_out_when_nothing_else_helps() -> None:
    packed = pack(large(200, 1, 60), 4000)
    assert 0 < packed.shown < 200
    assert packed.shown + packed.left_out == 200
    assert len(packed.blob) <= 4000


def test_unknown_tokens_and_texts_are_null() -> None:
    failed = Answer(0, Outcome.ERRORED, None)
    data = report(None, excerpts={"p": Excerpt("t", "q", "1", (failed,))})
    assert unpack(pack(data, 1000)) == [["t", "p", "q", "", "1", [[4, None, None, "", None]], []]]


def test_the_prompt_travels_where_it_is_more_than_the_question() -> None:
    asked = Excerpt("t", "q", "B", prompt="q\n\nA. one\nB. two")
    data = report(None, excerpts={"a": asked, "b": replace(asked, prompt="q")})
    assert [row[3] for row in unpack(pack(data, 1000))] == ["q\n\nA. one\nB. two", ""]
    long = pack(report(None, excerpts={"a": replace(asked, prompt="p" * 50_000)}), 300)
    assert long.cut


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
