"""The problems of the HTML report: packed small, and cut where nothing happened."""

from dataclasses import replace

from helpers.report_examples import (
    large,
    report,
    unpack,
)

from smallscale_ci.records import Outcome
from smallscale_ci.report.interface import Answer, Excerpt
from smallscale_ci.report.problems import pack


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
