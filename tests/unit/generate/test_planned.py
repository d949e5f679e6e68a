"""Planned samples as numbers: every one has its place in the order, and no other has one."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.generate.planned import Planned
from smallscale_ci.records import Prompt
from smallscale_ci.run.places import Places


def prompt(problem_id: str, sample_index: int) -> Prompt:
    return Prompt(problem_id, sample_index, "t", ({"role": "user", "content": problem_id},), 7)


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 3)), unique=True, max_size=12),
    st.tuples(st.sampled_from("abcdef"), st.integers(-1, 4)),
)
def test_positions_and_samples_are_each_other_s_inverse(
    keys: list[tuple[str, int]], asked: tuple[str, int]
) -> None:
    places = Places("edcba")
    planned = Planned(places, places.numbers(keys), prompt)
    assert len(planned) == len(keys)
    for position, key in enumerate(keys):
        assert planned.position(*key) == position
        assert planned.prompt(position) == prompt(*key)
        assert places.key(planned.number(position)) == key
    assert (planned.position(*asked) is None) == (asked not in keys)


def test_a_prompt_is_built_only_when_it_is_needed() -> None:
    built: list[tuple[str, int]] = []

    def build(problem_id: str, sample_index: int) -> Prompt:
        built.append((problem_id, sample_index))
        return prompt(problem_id, sample_index)

    places = Places("ab")
    planned = Planned(places, np.array([3, 0]), build)
    assert planned.position("b", 1) == 0
    assert built == []
    planned.prompt(0)
    assert built == [("b", 1)]


def test_prompts_that_exist_keep_their_order() -> None:
    given_ = [prompt("b", 1), prompt("a", 0), prompt("b", 0)]
    planned = Planned.of(given_)
    assert [planned.prompt(position) for position in range(len(planned))] == given_
    assert len(Planned.of([])) == 0
    assert Planned.of([]).position("a", 0) is None
