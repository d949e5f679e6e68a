"""Names and texts as Arrow keeps them."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.run.names import Names

HEX = st.text(alphabet="0123456789abcdef", min_size=12, max_size=12)
ALIKE = st.text(alphabet="ab", min_size=20, max_size=20)
PADDED = st.integers(0, 9**9).map(lambda number: f"{number:020d}")  # begin alike


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
