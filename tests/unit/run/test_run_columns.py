"""Arrow's columns: checked once, and coded and ordered without pandas."""

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.errors import DataError
from smallscale_ci.run import columns

HEX = st.text(alphabet="0123456789abcdef", min_size=12, max_size=12)
ALIKE = st.text(alphabet="ab", min_size=20, max_size=20)
PADDED = st.integers(0, 9**9).map(lambda number: f"{number:020d}")  # begin alike


@given(st.lists(st.one_of(st.text(max_size=9), HEX, ALIKE, PADDED), min_size=1, max_size=60))
def test_texts_are_coded_by_appearance_and_in_order(texts):
    for kind in (pa.array(texts), pa.array(texts).dictionary_encode()):
        column = pa.chunked_array([kind[:7], kind[7:]])
        for encode, words in (
            (columns.encode, list(dict.fromkeys(texts))),
            (columns.encode_sorted, sorted(set(texts))),
        ):
            codes, found = encode(column)
            assert found.to_pylist() == words
            assert [words[code] for code in codes] == texts


def test_dictionaries_with_unused_doubled_and_empty_words():
    words = pa.array(["unused", "b", "a", "b"])
    coded = pa.DictionaryArray.from_arrays(pa.array([3, 2, 1]), words)
    codes, found = columns.encode(pa.chunked_array([coded]))
    assert (codes.tolist(), found.to_pylist()) == ([0, 1, 0], ["b", "a"])
    codes, found = columns.encode_sorted(pa.chunked_array([coded]))
    assert (codes.tolist(), found.to_pylist()) == ([1, 0, 1], ["a", "b"])
    empty = pa.DictionaryArray.from_arrays(pa.array([0, None, 1]), pa.array(["x", None]))
    assert columns.encode(pa.chunked_array([empty]))[1].to_pylist() == ["x", None]


def test_numbers_without_values_are_what_is_asked_for():
    column = pa.chunked_array([pa.array([1.0, None]), pa.array([3.0])])
    assert columns.numbers(column, -1).tolist() == [1.0, -1.0, 3.0]
    assert columns.numbers(pa.array([7, None, 9])[1:], -1).tolist() == [-1, 9]
    assert columns.truths(pa.array([True, False, True])[1:]).tolist() == [False, True]


def told(source, where="f.parquet"):
    with pytest.raises(DataError) as caught:
        columns.parquet(source, where, "Do this.")
    assert caught.value.hint == "Do this."
    return caught.value.message


def test_what_is_not_a_parquet_file_is_told_with_its_name(tmp_path):
    (tmp_path / "f").write_text("{}")
    assert told(tmp_path / "f").startswith("f.parquet is damaged or not a parquet file: ")
    assert told(b"").startswith("f.parquet is damaged or not a parquet file: ")
    assert told(tmp_path / "none") == "There is no f.parquet."


def stored(table):
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def test_a_column_that_is_there_twice_is_refused():
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert told(stored(table)).endswith("it has the column 'a' more than once")


def test_columns_of_few_words_are_read_as_codes():
    file = columns.parquet(stored(pa.table({"a": ["x"] * 9, "b": ["y"] * 9})), "f", "", few=("a",))
    table = file.read()
    assert pa.types.is_dictionary(table.schema.field("a").type)
    assert table.schema.field("b").type == pa.string()
    assert table["a"].to_pylist() == ["x"] * 9


def test_a_column_has_the_type_that_the_schema_gives_it_or_is_told():
    schema = pa.schema([pa.field("n", pa.int64(), nullable=False), pa.field("t", pa.string())])
    table = pa.table({"n": pa.array([1, 2], pa.int32()), "t": ["a", None], "more": [0.5, 1.0]})
    found = columns.typed(table, schema)
    assert found.schema.field("n").type == pa.int64()
    assert found.column_names == ["n", "t", "more"]
    with pytest.raises(ValueError, match="column 'n' has 1 empty values"):
        columns.typed(pa.table({"n": pa.array([1, None])}), schema)
    with pytest.raises(ValueError, match="column 'n' is of type string, not int64"):
        columns.typed(pa.table({"n": ["x"]}), schema)


def test_texts_that_are_not_utf8_are_found_before_they_are_looked_at():
    bad = pa.array([b"\xff\xfe"], pa.binary()).view(pa.string())
    with pytest.raises(pa.ArrowInvalid):
        columns.checked(pa.table({"t": bad}))
