import hashlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci import ids

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(st.characters(codec="utf-8")), values))
def test_equal_values_have_equal_hashes_whatever_the_order_of_their_keys(value):
    turned = dict(reversed(list(value.items())))
    assert ids.canonical_json(value) == ids.canonical_json(turned)
    assert ids.content_hash(value) == ids.content_hash(turned)


def test_canonical_json_is_pinned():
    # Hashes of suites and problems are in baselines: another text would orphan them all.
    assert ids.canonical_json({"b": [1, "é"], "a": None}) == '{"a":null,"b":[1,"é"]}'
    assert ids.content_hash({"a": 1}, 12) == "015abd7f5cc5"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_have_are_refused(number):
    with pytest.raises(ValueError, match="JSON"):
        ids.canonical_json([number])


def test_file_hash_reads_all_of_a_large_file(tmp_path):
    content = b"ab" * (1 << 20) + b"end"
    (tmp_path / "f").write_bytes(content)
    assert ids.file_hash(tmp_path / "f") == hashlib.sha256(content).hexdigest()


def test_combined_hash_ignores_order_but_not_names():
    assert ids.combined_hash([("a", "1"), ("b", "2")]) == ids.combined_hash(
        [("b", "2"), ("a", "1")]
    )
    assert ids.combined_hash([("a", "1")]) != ids.combined_hash([("b", "1")])


@given(st.integers(0, 2**31 - 1), st.text(max_size=20), st.integers(0, 1000))
def test_sample_seeds_are_31_bits(base, problem, index):
    assert 0 <= ids.sample_seed(base, problem, index) < 2**31


def test_sample_seeds_are_pinned_and_differ():
    assert ids.sample_seed(0, "abc", 0) == ids.sample_seed(0, "abc", 0)
    seeds = {ids.sample_seed(b, p, i) for b in range(3) for p in "abc" for i in range(50)}
    assert len(seeds) == 450


@given(st.text())
def test_slugs_are_single_safe_path_parts(text):
    slug = ids.slug(text)
    assert slug
    assert "/" not in slug
    assert slug not in {".", ".."}
    assert ids.slug(slug) == slug


def test_run_ids_sort_by_time():
    early = ids.run_id(datetime(2026, 1, 31, 9, tzinfo=UTC), "my suite", "org/m", "ffff")
    late = ids.run_id(datetime(2026, 1, 31, 10, tzinfo=UTC), "a", "b", "0000")
    assert early == "20260131-090000-my-suite-org-m-ffff"
    assert early < late
