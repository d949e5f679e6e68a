"""The one table of the formats of thinking: no mark means two things."""

from collections import Counter

from smallscale_ci.worker.formats import ASIDES, FORMATS, HARMONY


def test_every_row_names_its_source() -> None:
    assert all(row.source and row.closes for row in FORMATS)
    assert len({row.name for row in FORMATS}) == len(FORMATS)


def test_no_mark_is_of_two_formats_or_both_opens_and_closes() -> None:
    marks = Counter(mark for row in FORMATS for mark in (*row.opens, *row.closes, *row.begins))
    assert [mark for mark, times in marks.items() if times > 1] == []
    assert HARMONY not in {row.name for row in FORMATS}  # it is read by channels


def test_every_format_can_be_opened_by_marks_that_are_looked_for_or_by_a_phrase() -> None:
    assert all(row.opens or row.begins for row in FORMATS)
    assert {mark[0] for row in FORMATS for mark in row.opens} <= set("<[◁")
    # Phrases are looked for where a text begins: neither may hide the other.
    phrases = [phrase for row in FORMATS for phrase in row.begins]
    hidden = [(a, b) for a in phrases for b in phrases if a != b and b.startswith(a)]
    assert hidden == []


def test_what_is_aside_is_begun_by_one_mark_each() -> None:
    begins = [opens for opens, _ in ASIDES]
    assert len({*begins}) == len(begins)
    assert not {*begins} & {mark for row in FORMATS for mark in (*row.opens, *row.closes)}
