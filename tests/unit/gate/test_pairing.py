"""Two runs matched: row by row, whatever their order and numbers, and problem by problem."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.runs import ERRORED, RIGHT, WRONG, grid, together
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.gate.pairing import agrees, common_samples, match_problems, pair_tasks
from smallscale_ci.records import Metric
from smallscale_ci.run.names import Names


@pytest.mark.parametrize("step", [1, 1000])  # a table of all places, or a search
def test_the_same_problem_and_index_are_found(step):
    rng = np.random.default_rng(step)
    base = grid(np.full((30, 4), RIGHT))
    candidate = grid(np.full((25, 3), RIGHT), first=10)  # five of its problems are new
    sides = []
    for run in (candidate, base):
        rows = rng.permutation(len(run))
        index = (run.sample_index * step).astype(np.int32)
        sides.append(replace(run, problem=run.problem[rows], sample_index=index[rows]))
    found = common_samples(*sides, match_problems(*sides))
    mine, theirs = sides
    assert (found < 0).sum() == 5 * 3
    for row, other in enumerate(found):
        name = mine.problem_ids[mine.problem[row]]
        if other < 0:
            assert int(name[1:]) >= 30
        else:
            assert theirs.problem_ids[theirs.problem[other]] == name
            assert theirs.sample_index[other] == mine.sample_index[row]


def test_rows_of_one_sample_each_are_found_by_their_problems_and_index():
    base = grid(np.full((30, 1), RIGHT))
    candidate = grid(np.full((25, 1), RIGHT), first=10)
    index = candidate.sample_index.copy()
    index[3] = 7  # another epoch than the baseline's
    candidate = replace(candidate, sample_index=index)
    found = common_samples(candidate, base, match_problems(candidate, base))
    assert found.tolist() == [-1 if row == 3 or row >= 20 else row + 10 for row in range(25)]


@given(st.data())
@settings(max_examples=40)
def test_every_row_finds_its_twin_whatever_the_order(data):
    """As a dictionary finds it: for dense and sparse numbers, and problems of one side alone."""
    places = st.tuples(st.integers(0, 5), st.sampled_from([0, 1, 2, 400]))
    rows = st.lists(places, min_size=1, max_size=12, unique=True)
    sides = []
    for first in (0, data.draw(st.integers(0, 6))):
        at = np.array(data.draw(rows))
        names = np.unique(at[:, 0])
        whole = grid(np.full((len(names), 1), RIGHT))
        samples = whole.select(np.zeros(len(at), dtype=np.int64))
        ids = Names.of(f"p{first + name}" for name in names)
        problem = np.searchsorted(names, at[:, 0])
        sides.append(
            replace(samples, problem_ids=ids, problem=problem, sample_index=at[:, 1].astype("i4"))
        )
    mine, theirs = sides
    row_of = {
        (theirs.problem_ids[code], int(index)): row
        for row, (code, index) in enumerate(zip(theirs.problem, theirs.sample_index, strict=True))
    }
    found = common_samples(mine, theirs, match_problems(mine, theirs))
    assert found.tolist() == [
        row_of.get((mine.problem_ids[code], int(index)), -1)
        for code, index in zip(mine.problem, mine.sample_index, strict=True)
    ]


def pair(candidate, baseline, **options):
    (found,) = pair_tasks(candidate, baseline, match_problems(candidate, baseline), (), **options)
    return found


def test_the_same_name_in_two_tasks_is_two_problems():
    one, other = (grid(np.full((3, 1), RIGHT), task=task) for task in ("a", "b"))
    assert match_problems(one, other).tolist() == [-1, -1, -1]
    assert match_problems(together(other, one), one).tolist() == [-1, -1, -1, 0, 1, 2]


def test_a_pair_counts_what_is_on_one_side_and_what_was_never_judged():
    mine = np.full((5, 2), RIGHT)
    mine[0] = ERRORED  # throughout
    mine[1, 1] = ERRORED
    found = pair(grid(mine), grid(np.full((6, 3), RIGHT), first=2))
    assert (found.problems, found.unpaired, found.unjudged) == (8, 5, 0)
    found = pair(grid(mine), grid(np.full((5, 3), RIGHT)))
    assert (found.problems, found.unpaired, found.unjudged) == (5, 0, 1)
    assert found.problem_ids.tolist() == ["p1", "p2", "p3", "p4"]
    assert (found.candidate_epochs, found.candidate_samples, found.candidate_judged) == (2, 10, 7)
    assert (found.baseline_samples, found.baseline_judged, found.lost) == (15, 15, 3)


def test_lost_samples_make_the_worst_case_worse_and_leave_the_means():
    mine = np.full((4, 2), RIGHT)
    mine[0, 0] = ERRORED
    found = pair(grid(mine), grid(np.full((5, 2), RIGHT)))
    assert found.candidate.means[Metric.ACCURACY].tolist() == [1.0] * 4
    assert found.absent == 1
    assert found.lost == 1 + 2  # the problem that is absent should have had two
    worst = dict(
        zip(found.worst.problem_ids, found.worst.candidate.means[Metric.ACCURACY], strict=True)
    )
    assert worst == {"p0": 0.5, "p1": 1.0, "p2": 1.0, "p3": 1.0, "p4": 0.0}


def test_problems_that_are_not_due_yet_are_not_missing():
    first, whole = grid(np.full((3, 1), RIGHT)), grid(np.full((9, 2), RIGHT))
    assert pair(first, whole).unpaired == 6
    part = pair(first, whole, partial=True)
    assert (part.unpaired, part.lost, part.problems) == (0, 0, 3)


def test_the_suite_s_order_of_tasks_comes_first():
    runs = together(*(grid(np.full((2, 1), RIGHT), task=task) for task in "abc"))
    pairs = pair_tasks(runs, runs, match_problems(runs, runs), ["c", "x", "a"])
    assert [one.task for one in pairs] == ["c", "a", "b"]


def test_samples_agree_in_outcome_and_length_or_not_at_all():
    base = grid(np.full((3, 2), RIGHT))
    row = common_samples(base, base, match_problems(base, base))
    assert agrees(base, base, row)
    longer = replace(base, tokens=base.tokens + (np.arange(6) == 4))
    assert not agrees(longer, base, row)
    lost = grid(np.array([[RIGHT, ERRORED], [RIGHT, RIGHT], [RIGHT, RIGHT]]))
    assert not agrees(lost, lost, row)
    more = grid(np.full((4, 2), RIGHT))
    assert not agrees(more, base, common_samples(more, base, match_problems(more, base)))


def test_answers_of_one_length_agree_by_chance():
    """All right, all of 100 tokens: a second draw gives the same again, and that says nothing."""
    alike = grid(np.full((50, 1), RIGHT))
    assert not pair(alike, alike).telling
    different = replace(alike, tokens=alike.tokens + np.arange(50))
    assert pair(different, different).telling
    mixed = grid(np.where(np.arange(100).reshape(50, 2) % 2 == 0, RIGHT, WRONG))
    assert pair(mixed, mixed).telling
