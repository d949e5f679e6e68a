"""Outcomes and tokens as columns: what does not depend on the order of the rows."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.runs import CUT, ERRORED, RIGHT, WRONG, grid, reordered, together
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.records import Metric, Outcome
from smallscale_ci.run.names import Names


def mixed(seed=0, problems=7, epochs=3):
    rng = np.random.default_rng(seed)
    outcome = rng.choice([RIGHT, WRONG, CUT, ERRORED], (problems, epochs))
    tokens = rng.integers(1, 99, outcome.shape).astype(float)
    return together(grid(outcome, tokens), grid(outcome[:4], tokens[:4], task="mcq"))


@given(st.permutations(range(33)))
@settings(max_examples=20)
def test_the_digest_is_of_the_samples_whatever_their_order(rows):
    samples = mixed()
    assert reordered(samples, np.array(rows)).digest() == samples.digest()


def change(samples, column, row):
    values = getattr(samples, column).copy()
    values[row] = values[row] + 1
    return replace(samples, **{column: values})


@pytest.mark.parametrize("column", ["outcome", "tokens", "sample_index", "problem"])
def test_the_digest_is_another_for_another_sample(column):
    samples = mixed()
    row = int(np.flatnonzero(samples.outcome == RIGHT)[0])
    assert change(samples, column, row).digest() != samples.digest()


def test_the_digest_knows_truncation_clusters_and_what_else_was_measured():
    samples = mixed()
    cut = replace(samples, truncated=~samples.truncated)
    clustered = replace(samples, clusters=Names.of(["c"] * len(samples.problem_ids)))
    thinks = replace(samples, thinking=np.zeros(len(samples)), unknown=frozenset())
    assert len({one.digest() for one in (samples, cut, clustered, thinks)}) == 4


def test_the_length_of_what_failed_is_no_part_of_the_digest():
    """A baseline keeps no tokens of ERRORED samples: its digest is that of its run."""
    samples = mixed()
    noted = replace(samples, tokens=np.where(samples.errored, 5.0, samples.tokens))
    assert noted.digest() == samples.digest()


def test_every_outcome_is_counted_even_where_there_is_none():
    counts = grid(np.full((4, 2), RIGHT)).outcome_counts()
    assert counts == {outcome.value: 8 * (outcome is Outcome.CORRECT) for outcome in Outcome}
    assert sum(mixed().outcome_counts().values()) == 33


def test_the_mean_length_of_a_problem_counts_what_failed_as_nothing():
    outcome = np.array([[RIGHT, ERRORED], [WRONG, WRONG]])
    found = grid(outcome, np.array([[30.0, 99.0], [10.0, 20.0]])).mean_tokens()
    assert found == {"p0": 15.0, "p1": 15.0}


def test_the_first_epochs_and_the_sizes_of_problems():
    samples = grid(np.full((5, 4), RIGHT))
    first = samples.epochs(2)
    assert (len(first), set(first.sample_index.tolist())) == (10, {0, 1})
    assert samples.select(np.array([0, 1, 19])).sizes.tolist() == [2, 0, 0, 0, 1]
    assert first.problem_ids is samples.problem_ids


@given(st.permutations(range(6)))
def test_one_sample_of_each_problem_is_put_into_their_order(rows):
    single = grid(np.arange(6).reshape(6, 1) % 2, np.arange(6.0).reshape(6, 1))
    found = reordered(single, np.array(rows)).ordered()
    assert found.one_each
    assert found.tokens.tolist() == single.tokens.tolist()
    several = mixed()
    assert several.ordered() is several
    assert not several.one_each


def test_what_has_no_column_is_unknown():
    samples = mixed()
    assert samples.unknown == {Metric.THINKING, Metric.ANSWER, Metric.LOOPING}
    loops = replace(samples, looping=np.zeros(33, dtype=bool), unknown=frozenset({Metric.TOKENS}))
    assert loops.unknown == {Metric.THINKING, Metric.ANSWER, Metric.TOKENS}
