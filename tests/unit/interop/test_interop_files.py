"""Files of other tools: lines and objects of JSON, packed or not, and where they are damaged."""

import gzip
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.errors import DataError
from smallscale_ci.interop import files

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
ROWS = st.lists(st.dictionaries(st.text(max_size=4), VALUES, max_size=3), max_size=5)


@given(rows=ROWS, form=st.sampled_from(["lines", "blank lines", "array", "indented array", "BOM"]))
@settings(max_examples=25)
def test_rows_are_read_in_every_form_that_json_lines_have(tmp_path_factory, rows, form):
    if form == "BOM" and not rows:
        rows = [{}]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if form == "blank lines":
        text = text.replace("\n", "\r\n\n")
    elif form == "array":
        rows = [row for row in rows if row] or [{"a": 1}]
        text = json.dumps(rows)
    elif form == "indented array":
        rows = [row for row in rows if row] or [{"a": 1}]
        text = json.dumps(rows, indent=1)
    elif form == "BOM":
        text = "\ufeff" + text
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    path.write_text(text, encoding="utf-8", newline="")
    assert [row for _, row in files.json_lines(path)] == rows
    assert files.first_object(path) == (rows[0] if rows else {})


def test_blank_lines_are_counted_and_left_out(tmp_path):
    (tmp_path / "a.jsonl").write_text('\n{"a": 1}\n  \n{"a": 2}')
    assert [number for number, _ in files.json_lines(tmp_path / "a.jsonl")] == [2, 4]


def test_packed_files_are_read_as_they_are_and_told_where_they_end_early(tmp_path):
    whole = gzip.compress(b'{"a": 1}\n' * 900, mtime=0)
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(whole)
    assert files.kind_of(path) == ".jsonl"
    assert sum(1 for _ in files.json_lines(path)) == 900
    for content in (whole[:-20], b"not packed", whole[:20] + b"\0\0" + whole[22:]):
        path.write_bytes(content)
        with pytest.raises(DataError, match=r"a\.jsonl\.gz") as caught:
            list(files.json_lines(path))
        assert caught.value.hint
        assert files.first_object(path) in ({}, {"a": 1})


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('{"a": 1}\n{"a": 2', "line 2 is not JSON", "ends in the middle of a line"),
        ('{"a": 1}\n{"a" 2}\n', "line 2 is not JSON", "The file is damaged."),
        ('{\n  "a": 1\n}\n', "line 1 is not JSON", "one object a line"),
        ('{"a": 1}\n7\n', "line 2 is not a JSON object", "right file"),
        ('[\n{"a": 1},\n7]', "not a JSON array of objects", "right file"),
        ('[\n{"a": 1},\n', "is not JSON", "damaged"),
        ("[" * 100_000, "is not JSON", "damaged"),
    ],
)
def test_damage_is_told_by_its_line(tmp_path, text, message, hint):
    (tmp_path / "a.jsonl").write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        list(files.json_lines(tmp_path / "a.jsonl"))
    assert hint in caught.value.hint


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(DataError, match="cannot be read"):
        list(files.json_lines(tmp_path / "none.jsonl"))
    with pytest.raises(DataError, match="cannot be read"):
        files.read_object(tmp_path / "none.json")
    assert files.try_object(tmp_path / "none.json") == {}
    assert files.first_object(tmp_path) == {}


def test_parts_of_nested_objects_and_of_anything_else():
    assert files.at({"a": {"b": 7}}, "a", "b") == 7
    assert files.at({"a": [1]}, "a", "b") is None
    assert files.at(None, "a") is None
    assert files.known(a__b=0, c="", d=None, e=False) == {"a.b": 0, "e": False}


@given(st.one_of(st.integers(), st.floats(), st.booleans(), st.text(max_size=3), st.none()))
@settings(max_examples=40)
def test_a_count_is_a_whole_number_that_can_be_one(value):
    found = files.whole_number(value)
    if found is None:
        assert not (type(value) is int and 0 <= value < files.MANY)
    else:
        assert type(found) is int
        assert found == value
        assert value is not True
        assert 0 <= found < files.MANY


def test_a_score_is_right_or_wrong_and_nothing_between():
    assert [files.fraction(one, "s", "w") for one in (0, 1.0, True)] == [False, True, True]
    for value in (0.5, 2, -1, "1", None, float("nan")):
        with pytest.raises(DataError, match=r"line 3: the score 'em' is"):
            files.fraction(value, "em", "line 3")
