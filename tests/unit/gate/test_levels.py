"""What a check's two tests may spend at a look."""

import math
from dataclasses import replace

import numpy as np
import pytest
from helpers.runs import RIGHT, WRONG, grid

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.levels import levels_at, places
from smallscale_ci.gate.pairing import match_problems, pair_tasks
from smallscale_ci.gate.schedule import Schedule, levels, noise_of
from smallscale_ci.records import Metric

POLICY = GatePolicy(name="p", margins=Margins(tokens=None, truncation=None))


def pair(epochs, base_epochs=8, unsure=10):
    """100 problems, of which the baseline is unsure about the last ``unsure``."""
    base = np.full((100, base_epochs), RIGHT)
    base[100 - unsure :, ::2] = WRONG
    sides = grid(np.full((100, epochs), RIGHT)), grid(base)
    (found,) = pair_tasks(*sides, match_problems(*sides), ())
    return found


def test_a_single_look_may_spend_all():
    assert levels_at(pair(1), Metric.ACCURACY, POLICY, 1, Schedule((1.0,))) == (0.05, 0.01)


def test_looks_share_what_there_is():
    schedule = Schedule.every_epoch(4)
    spent = [levels_at(pair(look), Metric.ACCURACY, POLICY, look, schedule) for look in range(1, 5)]
    for number, alpha in enumerate((0.05, 0.01)):
        each = [levels_[number] for levels_ in spent]
        assert all(0 < one < alpha for one in each)
        assert sum(each) > alpha  # looks at the same data are no new chances


def test_the_size_of_the_baseline_is_counted_in_the_candidate_s_epochs():
    """A suite of 16 samples an epoch: 128 stored ones are 8 epochs, at every look."""
    for look in (1, 2):
        found = levels_at(
            pair(16 * look, base_epochs=128), Metric.ACCURACY, POLICY, look, Schedule.every_epoch(2)
        )
        assert found == levels(0.05, 0.01, (1.0, 2.0), 8.0)[look - 1]


def test_twins_have_a_clock_of_their_own():
    shared = replace(pair(1), shared=0.95)
    found = levels_at(shared, Metric.ACCURACY, POLICY, 1, Schedule.every_epoch(2))
    assert found == levels(0.05, 0.01, (1.0, 2.0), math.inf)[0]


def test_the_least_sure_problems_come_first_in_later_epochs():
    found = pair(1)
    place = places(found, POLICY)
    assert sorted(place) == [k / 100 for k in range(100)]
    unsure = found.baseline.means[Metric.ACCURACY] < 1
    assert place[unsure].max() < place[~unsure].min()


def test_a_part_of_an_epoch_counts_by_the_noise_that_it_covers():
    """Of 100 problems the 50 that the baseline is unsure of come first: most of the noise."""
    schedule = Schedule((1.0, 1.5, 2.0))
    base = pair(3, unsure=50)  # two samples an epoch
    ordered = replace(base, place=places(base, POLICY))
    noise = noise_of(base.baseline, Metric.ACCURACY)
    unsure = base.baseline.means[Metric.ACCURACY] < 1
    assert noise[unsure].sum() / noise.sum() == pytest.approx(0.85, abs=0.025)
    asked = (0.05, 0.01, schedule.ends, 4.0)
    found = levels_at(ordered, Metric.ACCURACY, POLICY, 2, schedule)
    assert found == levels(*asked, (0.0, 0.85, 0.0))[1]
    assert found != levels(*asked, (0.0, 0.5, 0.0))[1]
