import pytest

from smallscale_ci.config import folders, load
from smallscale_ci.config.pairs import CORRECT, SHORTEST, PairPolicy

ROOTS = folders.default_roots(folders._PACKAGE)


@pytest.mark.parametrize("name", folders.names(PairPolicy, ROOTS))
def test_shipped_policies_are_valid_and_come_back_from_a_dump(name):
    policy = load.load(PairPolicy, name, ROOTS)
    assert policy.description
    assert load.parse(PairPolicy, load.dump(policy), "dumped.yaml") == policy


def test_lcpo_takes_the_shortest_right_answers_of_easy_problems():
    policy = load.load(PairPolicy, "lcpo", ROOTS)
    assert (policy.policy, policy.difficulty, policy.easy_from) == (SHORTEST, ("easy",), 1.0)
    assert load.load(PairPolicy, "correct-vs-wrong", ROOTS).policy == CORRECT
