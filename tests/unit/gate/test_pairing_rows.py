"""Samples of two runs matched row by row, whatever their order and numbers."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.runs import RIGHT, grid

from smallscale_ci.gate.pairing import common_samples, match_problems


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
