"""The table of metrics says all that other code goes by."""

import math

import pytest

from smallscale_ci.config.policy import Margins
from smallscale_ci.records.metric import Metric, Scale


@pytest.mark.parametrize("metric", list(Metric))
def test_an_entry_is_complete(metric):
    assert metric.worse in {-1, 1}
    assert metric.heading
    for phrase in (metric.risen, metric.fallen):
        assert phrase.count("{}") == 1
    Margins().of(metric)  # every metric may have a margin
    assert metric.value in Margins.model_fields


@pytest.mark.parametrize("metric", list(Metric))
@pytest.mark.parametrize("margin", [0.0, 0.01, 0.5, 3.0])
def test_a_margin_and_its_size_on_the_scale_of_differences_are_one(metric, margin):
    assert metric.size(metric.limit(margin)) == pytest.approx(margin)


def test_a_rates_margin_is_absolute_and_a_lengths_relative():
    assert Metric.ACCURACY.scale is Scale.RATE
    assert Metric.ACCURACY.limit(0.02) == 0.02
    assert Metric.TOKENS.limit(0.05) == pytest.approx(math.log(1.05))
    assert Metric.TOKENS.size(1000.0) == math.inf
