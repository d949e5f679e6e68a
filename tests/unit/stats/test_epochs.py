"""Errors from the noise between epochs: permutation within problems, counted out."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from smallscale_ci.stats.epochs import exact_tail, paired_error


def test_with_one_sample_on_each_side_the_error_is_mcnemars():
    candidate, baseline = np.array([1, 1, 0, 0, 1.0]), np.array([1, 0, 1, 0, 0.0])
    none, one = np.zeros(5), np.ones(5, dtype=np.int64)
    error = paired_error(candidate, none, one, baseline, none, one, np.full(5, 1 / 5))
    discordant = int((candidate != baseline).sum())
    assert error == pytest.approx(math.sqrt(discordant) / 5)


def test_the_error_is_that_of_all_permutations():
    mine, theirs = [3.0, 5.0], [4.0, 9.0, 7.0]
    pool = mine + theirs
    shifts = [
        np.mean([pool[i] for i in chosen]) - np.mean([pool[i] for i in range(5) if i not in chosen])
        for chosen in itertools.combinations(range(5), 2)
    ]
    within = [float(np.square(np.subtract(side, np.mean(side))).sum()) for side in (mine, theirs)]
    error = paired_error(
        np.array([np.mean(mine)]), np.array(within[:1]), np.array([2]),
        np.array([np.mean(theirs)]), np.array(within[1:]), np.array([3]),
        np.ones(1),
    )  # fmt: skip
    assert error == pytest.approx(np.std(shifts))


@pytest.mark.parametrize(("lost", "losses", "samples", "total"), [(3, 4, 5, 12), (0, 2, 3, 6)])
def test_of_one_problem_the_tail_is_fishers(lost, losses, samples, total):
    table = [[lost, samples - lost], [losses - lost, total - samples - losses + lost]]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    found = exact_tail(*(np.array([n]) for n in (lost, losses, samples, total)))
    assert found == pytest.approx(expected)


def test_problems_add_up():
    # Each of three problems lost 1 of 2 samples, all on one side of 1 and 1: chance (1/2)³.
    one, two = np.ones(3, dtype=np.int64), np.full(3, 2)
    assert exact_tail(one, one, one, two) == pytest.approx(1 / 8)
    assert exact_tail(0 * one, one, one, two) == 1.0


@st.composite
def problems(draw):
    """Of each problem: whether each sample was lost, those of the one side first."""
    sides = st.tuples(
        st.lists(st.booleans(), min_size=1, max_size=3),
        st.lists(st.booleans(), min_size=1, max_size=3),
    )
    return draw(st.lists(sides, min_size=1, max_size=3))


@given(problems())
@settings(max_examples=40)
def test_the_tail_counts_every_way_to_deal_the_losses_out(found):
    """Under permutation within problems, each way is as likely as any other."""
    seen = sum(sum(mine) for mine, _ in found)
    ways = [
        [sum(chosen) for chosen in itertools.combinations(mine + theirs, len(mine))]
        for mine, theirs in found
    ]
    totals = [sum(one) for one in itertools.product(*ways)]
    expected = sum(total >= seen for total in totals) / len(totals)
    lost, losses, samples, total = (
        np.array([count(mine, theirs) for mine, theirs in found])
        for count in (
            lambda mine, theirs: sum(mine),
            lambda mine, theirs: sum(mine + theirs),
            lambda mine, theirs: len(mine),
            lambda mine, theirs: len(mine + theirs),
        )
    )
    assert exact_tail(lost, losses, samples, total) == pytest.approx(expected)


def test_many_samples_of_a_problem_are_counted_exactly():
    """avg@512: binomials far beyond a float."""
    one = np.array([256])
    found = exact_tail(np.array([300]), np.array([512]), np.array([512]), np.array([1024]))
    table = [[300, 212], [212, 300]]
    assert found == pytest.approx(stats.fisher_exact(table, alternative="greater").pvalue)
    assert exact_tail(one, 2 * one, 2 * one, 4 * one) > 0.5
