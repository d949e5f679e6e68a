"""Names and texts as Arrow keeps them."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.run import columns
from smallscale_ci.run.names import Names

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


@given(
    st.one_of(
        *(st.lists(kind, min_size=1, max_size=60) for kind in (HEX, ALIKE, PADDED, st.text()))
    )
)
def test_the_order_of_names_is_that_of_their_texts(texts):
    order = Names.of(texts).order()
    found = texts if order is None else [texts[place] for place in order]
    assert found == sorted(texts)
    sliced = Names(pa.array(["zzzzzzzzzzzz", *texts])[1:])  # an offset must not shift them
    assert sliced.order() is None if order is None else len(set(sliced.order())) == len(texts)


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


def test_names_are_indexed_as_numpy_arrays_are():
    names = Names.of(["p", "q", "r"])
    assert names[1] == names[np.int64(1)] == "q"
    assert names[np.array([2, 0])].tolist() == ["r", "p"]
    assert names[np.array([True, False, True])].tolist() == ["p", "r"]
    assert names[np.arange(3)] is names
    assert names.places_in(Names.of(["r", "x", "p"])).tolist() == [2, -1, 0]
    assert names.among(["q", "y"]).tolist() == [False, True, False]
    assert names.equal(Names.of(["p", "x", "r"])).tolist() == [True, False, True]
    assert Names.concatenate([names, Names.of(["p"])]).codes().tolist() == [0, 1, 2, 0]
    with pytest.raises(IndexError):
        names[3]
