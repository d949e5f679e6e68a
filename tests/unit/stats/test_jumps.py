import numpy as np
import pytest

from smallscale_ci.stats.jumps import hidden, jumped, unseen, with_jumps
from smallscale_ci.stats.tokens import paired_log_ratio


def lengths(seed=0, problems=198, within=0.3, epochs=9, ramble=0.0):
    """(problems, epochs) log-normal lengths; ``ramble`` of the answers are ten times as long."""
    rng = np.random.default_rng(seed)
    scale = 1000 * rng.lognormal(0.0, 0.7, (problems, 1))
    found = scale * rng.lognormal(0.0, within, (problems, epochs))
    return np.where(rng.random(found.shape) < ramble, 10 * found, found)


def jumps_of(grid, samples=1, *, final=True):
    """What jumped among the last ``samples`` epochs of ``grid``; the others are the baseline's."""
    base, mine = grid[:, :-samples], grid[:, -samples:]
    sides = [
        (side.mean(1), np.square(side - side.mean(1, keepdims=True)).sum(1),
         np.full(len(grid), side.shape[1]))
        for side in (mine, base)
    ]  # fmt: skip
    return jumped(*sides[0], *sides[1], final=final)


def test_a_problem_that_grew_many_times_over_has_jumped():
    grid = lengths()
    grid[[3, 77], -1] *= 11
    assert np.flatnonzero(jumps_of(grid)).tolist() == [3, 77]


@pytest.mark.parametrize(
    ("within", "ramble", "samples"), [(0.3, 0.0, 1), (0.7, 0.0, 2), (0.3, 0.01, 1)]
)
def test_of_an_unchanged_model_hardly_any_problem_has_jumped(within, ramble, samples):
    found = [
        jumps_of(lengths(seed, within=within, ramble=ramble), samples).sum() for seed in range(20)
    ]
    assert np.mean(found) < 1


def test_a_single_long_answer_is_no_jump_of_its_problem():
    grid = lengths()
    grid[3, -1] *= 11
    assert not jumps_of(grid).any()
    grid[77, -1] *= 11
    assert not jumps_of(grid, samples=2)[[3, 77]].any()
    grid[77, -2] *= 11
    assert jumps_of(grid, samples=2)[[3, 77]].tolist() == [False, True]


def test_a_single_long_answer_may_be_a_jump_while_more_samples_are_to_come():
    grid = lengths()
    grid[3, -1] *= 11
    assert np.flatnonzero(jumps_of(grid, final=False)).tolist() == [3]


def test_a_jump_shows_in_two_samples_of_very_different_lengths():
    """Single answers of σ 0.7: the shorter one of two need not be far from all others."""
    grid = lengths(1, within=0.7)
    usual = grid[3, :-2].mean()
    grid[3, -2:] = 14 * usual, 4.5 * usual
    assert jumps_of(grid, samples=2, final=False)[3]
    grid[3, -1] = usual  # one long answer and a usual one
    assert not jumps_of(grid, samples=2, final=False)[3]


def test_few_problems_say_nothing_about_jumps():
    grid = lengths(problems=12)
    grid[3, -1] *= 11
    assert not jumps_of(grid).any()


def test_a_length_of_zero_is_no_jump():
    grid = lengths()
    grid[5, :-1] = 0.0
    assert not jumps_of(grid)[5]


def test_one_jump_among_198_problems_leaves_a_rate_of_five_possible():
    """Clopper and Pearson: with one seen, 4.74 expected ones are not excluded at 5%."""
    before = np.full(198, 1000.0)
    before[0] = 100.0  # the one that grows is short, which is chance
    after = before.copy()
    after[0] *= 11
    cluster, jumps = np.arange(198), np.arange(198) == 0
    change = paired_log_ratio(after, before, cluster)
    high = with_jumps(change, after, before, cluster, jumps).interval(0.05)[1]
    assert np.expm1(high) == pytest.approx(4.74 * 10 / 198, rel=0.06)
    assert change.interval(0.05)[1] < 0.5 * high


def test_what_part_of_the_problems_may_hide():
    assert unseen(10.0, 0.09, 100) == pytest.approx(0.99**100)
    assert unseen(10.0, hidden(10.0, 0.01, 100), 100) == pytest.approx(0.01)
    assert unseen(10.0, 20.0, 100) == 0
