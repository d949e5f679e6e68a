"""``report.html`` without a browser: size, self-containment, charts, packing."""

import base64
import json
import random
import re
import zlib

import pytest
from helpers.report_examples import (
    EXAMPLES,
    REGRESSED,
    hostile_report,
    report,
    verdict,
)

from smallscale_ci.records import Outcome
from smallscale_ci.report import html
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
