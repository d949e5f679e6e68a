"""Lost samples count as the worst that they can have been."""

import numpy as np
from helpers.runs import ERRORED, RIGHT, WRONG, grid

from smallscale_ci.gate.problem_means import problem_means
from smallscale_ci.gate.worst import Lost, as_bad_as_can_be, no_means
from smallscale_ci.records import Metric, Scale

LONGEST = {metric: np.array([50.0, 50.0]) for metric in Metric if metric.scale is Scale.LENGTH}


def test_an_errored_sample_was_wrong_and_long_in_the_worst_case():
    run = grid(np.array([[RIGHT, RIGHT], [RIGHT, ERRORED]]), 10.0)
    lost = Lost.of(run, np.array([2, 2]))
    assert lost.number.tolist() == [0, 1]
    worst = as_bad_as_can_be(problem_means(run), lost, LONGEST)
    assert worst.means[Metric.ACCURACY].tolist() == [1.0, 0.5]
    assert worst.means[Metric.TRUNCATION].tolist() == [0.0, 0.5]
    assert worst.means[Metric.TOKENS].tolist() == [10.0, 30.0]
    assert worst.judged.tolist() == [2, 2]


def test_missing_samples_are_lost_as_well():
    run = grid(np.array([[RIGHT], [WRONG]]), 10.0)
    lost = Lost.of(run, np.array([1, 3]))
    assert lost.number.tolist() == [0, 2]
    assert lost.take(np.array([1])).number.tolist() == [2]
    worst = as_bad_as_can_be(problem_means(run), lost, LONGEST)
    assert worst.means[Metric.TOKENS].tolist() == [10.0, (10 + 2 * 50) / 3]


def test_a_problem_without_any_sample_is_all_lost():
    worst = as_bad_as_can_be(no_means(2), Lost.all_of(2, 4), LONGEST)
    assert worst.means[Metric.ACCURACY].tolist() == [0.0, 0.0]
    assert worst.means[Metric.LOOPING].tolist() == [1.0, 1.0]
    assert worst.means[Metric.TOKENS].tolist() == [50.0, 50.0]
