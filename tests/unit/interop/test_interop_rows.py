"""The rows of tables of any kind: what a spreadsheet, a script or a data set writes."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import ipc

from smallscale_ci.errors import DataError
from smallscale_ci.interop.rows import open_rows

CELL = st.text(
    st.characters(blacklist_categories=["Cs", "Cc"], blacklist_characters="\x85\u2028\u2029"),
    max_size=6,
) | st.sampled_from(['a "quoted" text', "two\nlines", "1,5", "x;y|z"])
TABLE = [{"id": 1, "text": "a"}, {"id": 2, "text": None}]


def rows_of(path):
    return [row for _, row in open_rows(path).rows()]


@given(
    rows=st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=5),
    delimiter=st.sampled_from(",;\t|"),
    coding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
)
@settings(max_examples=25)
def test_values_come_back_from_every_kind_of_csv(tmp_path_factory, rows, delimiter, coding):
    stream = io.StringIO(newline="")
    head = ("id", "question", "text")
    csv.writer(stream, delimiter=delimiter).writerows([head, *rows])
    path = tmp_path_factory.mktemp("csv") / "a.csv"
    path.write_bytes(stream.getvalue().encode(coding))
    file = open_rows(path)
    assert file.columns == head
    assert [tuple(row.values()) for _, row in file.rows()] == rows


@pytest.mark.parametrize("kind", ["parquet", "arrow", "stream", "feather", "jsonl", "json"])
def test_every_kind_of_table_has_the_same_rows(tmp_path, kind):
    table = pa.Table.from_pylist(TABLE)
    path = tmp_path / f"a.{'arrow' if kind == 'stream' else kind}"
    if kind == "parquet":
        pq.write_table(table, path)
    elif kind in ("arrow", "feather"):
        with ipc.new_file(path, table.schema) as writer:
            writer.write_table(table)
    elif kind == "stream":  # as data sets are cached
        with ipc.new_stream(path, table.schema) as writer:
            writer.write_table(table)
    else:
        text = "".join(json.dumps(row) + "\n" for row in TABLE)
        path.write_text(json.dumps(TABLE) if kind == "json" else text)
    file = open_rows(path)
    assert file.columns == ("id", "text")
    assert rows_of(path) == TABLE
    assert (file.schema is None) == (kind in ("jsonl", "json"))


@pytest.mark.parametrize(
    "value",
    [
        {"model": "m", "rows": TABLE},  # the only list of objects
        {"p1": {"text": "a"}, "p2": {"text": "b"}},  # each under its id
    ],
)
def test_rows_inside_of_a_json_object_are_found(tmp_path, value):
    (tmp_path / "a.json").write_text(json.dumps(value))
    found = rows_of(tmp_path / "a.json")
    assert found == value.get("rows", [{"id": "p1", "text": "a"}, {"id": "p2", "text": "b"}])


def test_json_as_text_in_a_column_is_decoded_and_kept_as_it_was(tmp_path):
    storage = pa.array(['{"a": 1}', "2"])
    column = pa.ExtensionArray.from_storage(pa.json_(), storage)
    pq.write_table(pa.table({"gold": column}), tmp_path / "a.parquet")
    file = open_rows(tmp_path / "a.parquet")
    found = [row for _, row in file.rows()]
    assert found == [{"gold": {"a": 1}}, {"gold": 2}]
    assert file.kept(found[0]) == {"gold": '{"a": 1}'}


@pytest.mark.parametrize(
    ("name", "content", "message", "hint"),
    [
        ("a.csv", "id,text\n1,a,b\n", "row 1 has 3 values, and the header 2", "Quote values"),
        ("a.csv", "id,text\n1\n", "row 1 has 1 values, and the header 2", "Quote values"),
        ("a.xml", "<a/>", "not of a known kind", ".parquet"),
        ("a.json", '{"a": 1}', "not a JSON array of objects", "JSON Lines"),
        ("a.json", "[1, 2]", "not a JSON array of objects", "JSON Lines"),
        ("a.json", "{", "is not JSON", "damaged"),
        ("a.arrow", "ARROW1 cut", "not an Arrow file", "right file"),
    ],
)
def test_what_cannot_be_read_says_why(tmp_path, name, content, message, hint):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError, match=message) as caught:
        rows_of(tmp_path / name)
    assert hint in caught.value.hint


def test_an_empty_table_has_no_rows(tmp_path):
    for name in ("a.csv", "a.jsonl"):
        (tmp_path / name).write_text("")
        assert rows_of(tmp_path / name) == []
    (tmp_path / "a.csv").write_text("id,text\n")
    assert open_rows(tmp_path / "a.csv").columns == ("id", "text")
