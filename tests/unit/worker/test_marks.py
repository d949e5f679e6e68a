"""Every mark of the table is found where it stands, as what it is, however it is written."""

from html import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.worker.formats import FORMATS, Format
from smallscale_ci.worker.marks import marks_in, opening

# Closing phrases ("## Final Response") are no marks: they count in texts that begin with a phrase.
MARKS = [
    (row, closes, mark.replace("*", "a1"))
    for row in FORMATS
    for closes, marks in ((False, row.opens), (True, row.closes))
    for mark in marks
    if mark[0] in "<[◁"
]
TAGS = [one for one in MARKS if one[2][0] == "<" and one[2].strip("</>").replace("_", "").isalpha()]


def found(text: str, start: int = 0) -> list[tuple[str, str, bool]]:
    return [(match[0], row.name, closes) for match, (row, closes) in marks_in(text, start)]


@pytest.mark.parametrize(("row", "closes", "mark"), MARKS, ids=lambda value: str(value)[:30])
def test_a_mark_is_found_as_what_it_is(row: Format, closes: bool, mark: str) -> None:
    assert found(f"1 {mark} 2") == [(mark, row.name, closes)]
    assert found(f"{mark}2", 1) == []  # it begins before
    if mark[0] == "<" and mark[-1] == ">":
        escaped = escape(mark, quote=False)
        assert found(f"1{escaped}2") == [(escaped, row.name, closes)]
        assert found(mark.upper()) == [(mark.upper(), row.name, closes)]


@pytest.mark.parametrize(("row", "closes", "mark"), TAGS, ids=lambda value: str(value)[:30])
def test_tags_may_have_attributes_or_blanks_but_not_both(
    row: Format, closes: bool, mark: str
) -> None:
    name = mark.strip("</>")
    slash = "/" if mark[1] == "/" else ""
    for written in (f'<{slash}{name} id="1">', f"< {slash}{name} >", f"<{slash} {name}>"):
        assert found(f"a{written}b") == [(written, row.name, closes)]
    for formula in (f"< {name} and 5 >", f"<{slash}{name}zz>", f"<{slash}x{name}>", f"<{name}"):
        assert found(f"3 {formula}") == []


@settings(max_examples=50)
@given(st.lists(st.sampled_from(MARKS) | st.sampled_from(["x", "\n", "2 < 3", "[1]", "&lt;"])))
def test_marks_of_a_text_are_found_in_their_order(
    parts: list[tuple[Format, bool, str] | str],
) -> None:
    text = "".join(f" {part if isinstance(part, str) else part[2]} " for part in parts)
    expected = [(part[2], part[0].name, part[1]) for part in parts if not isinstance(part, str)]
    assert found(text) == expected


def test_a_prompt_opens_thinking_at_its_very_end_alone() -> None:
    assert opening("<|assistant|><think>\n\n")[1] == "\n\n"
    assert opening("<think>\nx") is None
    assert opening("Close it with </think>") is None
    assert opening("<think>" + " " * 500) is None  # no template ends so
    assert opening("") is None
