"""The page of a pairs folder: lengths of both answers, and the fate of all problems."""

import re

from smallscale_ci.report import pairs_page

RECORD = {
    "counts": {
        "problems": 1234, "easy": 900, "medium": 300, "hard": 34, "eligible": 900, "pairs": 41,
        "dropped": {"too few right answers": 859},
    },
    "lengths": {
        side: {"mean": value, "p50": value, "p90": value}
        for side, value in (("chosen", 120.5), ("rejected", 1890.0), ("ratio", 15.7))
    },
    "checkpoint": {"name": "<b>m</b>"},
    "suite": "smoke",
    "run_id": "r1",
    "policy": {"policy": "shortest-correct-vs-longest"},
}  # fmt: skip


def test_counts_lengths_and_their_source_are_on_the_page():
    page = pairs_page.render(RECORD, [100, 141], [1800, 1980])
    for shown in (
        "41 preference pairs from 1,234 problems",
        "859",
        "too few right answers",
        "120.5",
        "1,890",
        "15.7",
        "run r1",
    ):
        assert shown in page
    assert "<svg" in page
    assert "&lt;b&gt;m&lt;/b&gt;" in page
    assert "<b>m</b>" not in page
    assert not re.search(r"https?://(?!www\.w3\.org)", page)


def test_without_pairs_there_is_a_page_without_a_chart():
    assert "<svg" not in pairs_page.render(RECORD, [], [])


def test_a_single_pair_is_singular():
    one = {**RECORD, "counts": {**RECORD["counts"], "pairs": 1, "problems": 1}}
    assert "1 preference pair from 1 problem<" in pairs_page.render(one, [100], [1800])
