"""A run stops where more samples cannot change the answer."""

from dataclasses import replace

import numpy as np
from helpers.runs import simulate

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.decide import decide
from smallscale_ci.gate.futility import out_of_reach
from smallscale_ci.gate.schedule import Schedule
from smallscale_ci.records import Metric

ACCURACY = GatePolicy(
    name="p", looks_per_epoch=4, margins=Margins(accuracy=0.02, tokens=None, truncation=None)
)


def test_a_run_stops_where_neither_verdict_is_in_reach():
    rates = np.full(400, 0.6)
    rng = np.random.default_rng(0)
    schedule = Schedule.every_epoch(4)
    base = simulate(rng, rates, 8)
    verdict = decide(simulate(rng, rates - 0.012, 2), base, ACCURACY, look=2, schedule=schedule)
    check = next(c for c in verdict.checks if c.metric is Metric.ACCURACY)
    for pass_p, fail_p, hopeless in ((0.7, 0.6, True), (0.06, 0.6, False), (0.7, 0.02, False)):
        made = replace(check, pass_p=pass_p, adjusted_p=fail_p)
        assert out_of_reach([made], ACCURACY, 3, schedule, 8.0) is hopeless
        assert not out_of_reach([made], ACCURACY, 4, schedule, 8.0)
