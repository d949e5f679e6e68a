import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.generate.order import arrange
from smallscale_ci.generate.planned import Places, Planned
from smallscale_ci.records import Prompt

PLACES = Places(f"p{i}" for i in range(30))
NUMBERS = np.arange(30)


def arranged(order: str, seed: int = 0, **expected: float) -> list[int]:
    found = arrange(NUMBERS, order, places=PLACES, seed=seed, expected=expected)
    return [int(number) for number in found]


@given(
    st.sampled_from(["longest-first", "shuffle", "as-is"]),
    st.integers(0, 5),
    st.dictionaries(st.sampled_from(PLACES.ids), st.floats(0, 1e5)),
)
def test_every_order_is_a_permutation_and_repeats_itself(order, seed, expected):
    found = arranged(order, seed, **expected)
    assert sorted(found) == list(range(30))
    assert found == arranged(order, seed, **expected)


def test_longest_first_takes_unknown_problems_for_long():
    found = arranged("longest-first", p3=5, p1=9)
    assert found[-2:] == [1, 3]
    assert found[0] == 0


def test_without_expectations_the_order_is_kept():
    assert arranged("longest-first") == arranged("as-is", p9=1) == list(range(30))


def test_seeds_shuffle_differently():
    assert arranged("shuffle", 1) != arranged("shuffle", 2)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 9)), unique=True))
def test_a_planned_sample_is_found_where_it_is(keys):
    prompts = [Prompt(problem, index, "t", (), 0) for problem, index in keys]
    planned = Planned.of(prompts)
    assert [planned.prompt(at) for at in range(len(planned))] == prompts
    every = [(problem, index) for problem in "abcd" for index in range(12)]
    found = {key: planned.position(*key) for key in every}
    assert found == {key: keys.index(key) if key in keys else None for key in every}
