"""What each metric is of a sample, and its tests against a margin."""

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.runs import CUT, ERRORED, RIGHT, WRONG, grid

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.metric import (
    contrast,
    is_band,
    known_of_errored,
    margin_of,
    p_within,
    p_worse,
    values_of,
)
from smallscale_ci.records import Metric, Scale

RUN = replace(
    grid(np.array([[RIGHT], [WRONG], [CUT]]), np.array([[10.0], [20.0], [30.0]])),
    thinking=np.array([4.0, 5.0, 30.0]),
    looping=np.array([False, False, True]),
    unknown=frozenset(),
)


@pytest.mark.parametrize(
    ("metric", "values"),
    [
        (Metric.ACCURACY, [1, 0, 0]),
        (Metric.TOKENS, [10, 20, 30]),
        (Metric.TRUNCATION, [0, 0, 1]),
        (Metric.THINKING, [4, 5, 30]),
        (Metric.ANSWER, [6, 15, 0]),
        (Metric.LOOPING, [0, 0, 1]),
        (Metric.MISSING, [0, 0, 1]),
    ],
)
def test_the_value_of_each_sample(metric, values):
    assert values_of(RUN, metric).tolist() == values


def test_what_is_not_recorded_is_unknown_and_no_zero():
    run = replace(RUN, unknown=frozenset({Metric.TOKENS}))
    assert np.isnan(values_of(run, Metric.TOKENS)).all()


def test_of_an_errored_sample_only_what_the_engine_gave_is_known():
    run = grid(np.array([[ERRORED], [ERRORED]]))
    assert np.isnan(run.tokens).all()
    judged = replace(run, tokens=np.array([7.0, np.nan]))  # only its judge failed
    assert np.isnan(known_of_errored(judged, Metric.ACCURACY)).all()
    np.testing.assert_equal(known_of_errored(judged, Metric.TOKENS), [7.0, np.nan])
    np.testing.assert_equal(known_of_errored(judged, Metric.TRUNCATION), [0.0, np.nan])


def changed(metric, by):
    rng = np.random.default_rng(3)
    before = rng.random(500) if metric.scale is Scale.RATE else rng.lognormal(4, 0.3, 500)
    after = before + by if metric.scale is Scale.RATE else before * (1 + by)
    noise = rng.normal(0, 0.01, 500)
    return contrast(metric, after + noise, before, np.arange(500))


@pytest.mark.parametrize("metric", list(Metric))
def test_worse_is_the_direction_that_the_table_says(metric):
    worse = changed(metric, 0.05 * metric.worse)
    assert p_worse(worse, metric, 0.0, band=False) < 0.01
    assert p_worse(worse, metric, 0.2, band=False) > 0.99  # within what is tolerated
    assert p_within(worse, metric, 0.2, band=False) < 0.01
    assert p_within(worse, metric, 0.01, band=False) > 0.99
    better = changed(metric, -0.05 * metric.worse)
    assert p_worse(better, metric, 0.0, band=False) > 0.99
    assert p_within(better, metric, 0.01, band=False) < 0.01
    assert p_worse(better, metric, 0.0, band=True) < 0.01  # in a band, any change is one
    assert p_within(better, metric, 0.01, band=True) > 0.99
    assert p_within(better, metric, None, band=False) == 1.0


def test_a_checkpoint_that_ends_at_once_still_has_a_ratio():
    found = contrast(Metric.TOKENS, np.zeros(20), np.full(20, 9.0), np.arange(20))
    assert found.value == pytest.approx(math.log(1 / 10))


def test_a_task_may_have_margins_of_its_own():
    own = Margins(accuracy=0.5, tokens=None)
    policy = GatePolicy(name="p", margins=Margins(accuracy=0.02), task_margins={"hard": own})
    assert margin_of(policy, "math", Metric.ACCURACY) == 0.02
    assert margin_of(policy, "hard", Metric.ACCURACY) == 0.5
    assert margin_of(policy, "hard", Metric.TOKENS) is None
    band = policy.model_copy(update={"tokens_direction": "band"})
    assert is_band(band, Metric.TOKENS)
    assert not is_band(band, Metric.ACCURACY)
    assert not is_band(policy, Metric.TOKENS)
