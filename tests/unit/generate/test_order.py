from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.generate.order import arrange
from smallscale_ci.records import Prompt

PROMPTS = [Prompt(f"p{i}", 0, "t", (), i) for i in range(30)]


@given(
    st.sampled_from(["longest-first", "shuffle", "as-is"]),
    st.integers(0, 5),
    st.dictionaries(st.sampled_from([p.problem_id for p in PROMPTS]), st.floats(0, 1e5)),
)
def test_every_order_is_a_permutation_and_repeats_itself(order, seed, expected):
    arranged = arrange(PROMPTS, order, seed=seed, expected=expected)
    assert sorted(p.seed for p in arranged) == list(range(30))
    assert arranged == arrange(PROMPTS, order, seed=seed, expected=expected)


def test_longest_first_takes_unknown_problems_for_long():
    arranged = arrange(PROMPTS, "longest-first", seed=0, expected={"p3": 5, "p1": 9})
    assert [p.problem_id for p in arranged][-2:] == ["p1", "p3"]
    assert arranged[0].problem_id == "p0"


def test_without_expectations_the_order_is_kept():
    assert arrange(PROMPTS, "longest-first", seed=0, expected={}) == PROMPTS
    assert arrange(PROMPTS, "as-is", seed=0, expected={"p9": 1}) == PROMPTS


def test_seeds_shuffle_differently():
    orders = {tuple(p.seed for p in arrange(PROMPTS, "shuffle", seed=s, expected={})) for s in "ab"}
    assert len(orders) == 2
