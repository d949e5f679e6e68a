"""Means of problems, whatever the order of their samples."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.runs import ERRORED, RIGHT, WRONG, grid, reordered

from smallscale_ci.gate.problem_means import ProblemMeans, problem_means
from smallscale_ci.records import Metric

RUN = grid(
    np.array([[RIGHT, WRONG, RIGHT], [WRONG, ERRORED, WRONG]]),
    np.array([[10.0, 20.0, 30.0], [5.0, 0.0, 7.0]]),
)


def test_epochs_are_averaged_and_errored_samples_left_out():
    found = problem_means(RUN)
    assert found.judged.tolist() == [3, 2]
    np.testing.assert_allclose(found.means[Metric.ACCURACY], [2 / 3, 0])
    np.testing.assert_allclose(found.means[Metric.TOKENS], [20, 6])
    np.testing.assert_allclose(found.noise[Metric.TOKENS], [100, 2])
    np.testing.assert_allclose(found.within(Metric.TOKENS), [200, 2])
    np.testing.assert_allclose(found.within(Metric.ACCURACY), [2 / 3, 0])


def test_a_problem_of_which_all_samples_are_errored_is_unknown():
    found = problem_means(grid(np.array([[RIGHT], [ERRORED]])))
    assert found.judged.tolist() == [1, 0]
    assert np.isnan(found.means[Metric.ACCURACY][1])


def test_the_last_digit_does_not_depend_on_the_order_of_rows():
    rng = np.random.default_rng(0)
    run = grid(np.full((5, 40), RIGHT), rng.lognormal(4, 1, (5, 40)))
    found = problem_means(run)
    for seed in range(5):
        rows = np.random.default_rng(seed).permutation(len(run))
        other = problem_means(reordered(run, rows))
        assert (other.means[Metric.TOKENS] == found.means[Metric.TOKENS]).all()


@pytest.mark.parametrize("shape", [(6, 1), (6, 2)])
def test_one_sample_a_problem_is_its_mean(shape):
    rng = np.random.default_rng(1)
    outcome = np.where(rng.random(shape) < 0.5, RIGHT, WRONG)
    found = problem_means(grid(outcome, rng.lognormal(4, 1, shape)))
    np.testing.assert_allclose(found.means[Metric.ACCURACY], (outcome == RIGHT).mean(axis=1))


def test_parts_are_taken_put_back_and_joined():
    found = problem_means(RUN)
    turned = found.take(np.array([1, 0]))
    assert turned.judged.tolist() == [2, 3]
    assert found.put(np.array([0]), found.take(np.array([1]))).judged.tolist() == [2, 2]
    both = ProblemMeans.concatenate([found, turned])
    np.testing.assert_allclose(both.means[Metric.TOKENS], [20, 6, 6, 20])


def test_a_metric_that_is_not_recorded_is_unknown_for_every_problem():
    run = replace(RUN, unknown=RUN.unknown | {Metric.TOKENS})
    assert np.isnan(problem_means(run).means[Metric.TOKENS]).all()
