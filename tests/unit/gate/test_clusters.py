"""Problems that are not independent of each other."""

import numpy as np
import pytest
from helpers.runs import RIGHT, WRONG, grid, simulate
from helpers.verdicts import WIDE, one, rates, run

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.decide import decide
from smallscale_ci.records import Metric, VerdictKind
from smallscale_ci.report import wording

REGRESSED = VerdictKind.REGRESSED
INCONCLUSIVE = VerdictKind.INCONCLUSIVE


FIVE = [f"c{i % 5}" for i in range(500)]


def test_a_suite_of_few_clusters_that_got_worse_has_regressed():
    base = grid(np.full((500, 8), RIGHT), clusters=FIVE)
    verdict = decide(grid(np.full((500, 1), WRONG), clusters=FIVE), base, GatePolicy(name="d"))
    assert one(verdict, Metric.ACCURACY).kind is REGRESSED


@pytest.mark.parametrize("alpha_fail", [0.01, 0.001])
@pytest.mark.parametrize("clusters", [1, 2, 5, 9, 10, 12, 14, 20])
def test_whatever_the_clusters_a_loss_of_everything_is_red(clusters, alpha_fail):
    """Ten clusters that all failed were undecided at the level of the policy nightly: exit 0."""
    groups = [f"c{i % clusters}" for i in range(500)]
    base = grid(np.full((500, 8), RIGHT), clusters=groups)
    policy = GatePolicy(name="d", alpha_fail=alpha_fail)
    for looks in ({"of": 1}, {"look": 1, "of": 4}):
        verdict = decide(grid(np.full((500, 1), WRONG), clusters=groups), base, policy, **looks)
        assert one(verdict, Metric.ACCURACY).kind is REGRESSED


@pytest.mark.parametrize("largest", [0.4, 0.6, 0.9])
@pytest.mark.parametrize("clusters", [12, 40])
def test_nor_do_uneven_clusters_hide_a_loss_of_everything(largest, clusters):
    """With 60% of the problems in one of 12 clusters, p was 0.27: they are worth three clusters."""
    groups = ["c0" if i < 500 * largest else f"c{1 + i % (clusters - 1)}" for i in range(500)]
    base = grid(np.full((500, 8), RIGHT), clusters=groups)
    verdict = decide(grid(np.full((500, 1), WRONG), clusters=groups), base, GatePolicy(name="d"))
    assert one(verdict, Metric.ACCURACY).kind is REGRESSED


def test_advice_for_uneven_clusters_asks_for_clusters_of_similar_size():
    rng = np.random.default_rng(1)
    groups = ["c0" if i < 300 else f"c{1 + i % 11}" for i in range(500)]
    base, candidate = (simulate(rng, rates(n=500), epochs, clusters=groups) for epochs in (4, 1))
    said = wording.advice(one(decide(candidate, base, GatePolicy(name="d")), Metric.ACCURACY))
    assert "in 12 clusters: more of the same clusters hardly help, more of similar size do" in said


def test_nor_has_an_unchanged_one_regressed_for_its_few_clusters():
    kinds = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        p = np.repeat(rng.beta(1, 1, 5), 100)[np.argsort(np.arange(500) % 5, kind="stable")]
        base, candidate = (simulate(rng, p, epochs, clusters=FIVE) for epochs in (4, 1))
        strict = GatePolicy(name="d", tolerated=0, alpha_fail=0.05, margins=Margins(accuracy=0.02))
        kinds.append(one(decide(candidate, base, strict), Metric.ACCURACY).kind)
    assert kinds.count(REGRESSED) <= 8  # 5% of 60 is 3


def test_advice_for_few_clusters_asks_for_clusters():
    rng = np.random.default_rng(0)
    base, candidate = (simulate(rng, rates(n=500), epochs, clusters=FIVE) for epochs in (4, 1))
    verdict = decide(candidate, base, GatePolicy(name="d"))
    check = one(verdict, Metric.ACCURACY)
    assert check.kind is INCONCLUSIVE
    assert "The 500 problems are in 5 clusters" in wording.advice(check)


def test_clusters_come_from_either_side():
    groups = [f"g{i // 4}" for i in range(300)]
    p = rates()
    for mine, theirs in ((groups, None), (None, groups), (groups, groups)):
        verdict = decide(run(1, p, 1, clusters=mine), run(2, p, 8, clusters=theirs), WIDE)
        assert one(verdict, Metric.ACCURACY).estimate.clusters == 75


@pytest.mark.parametrize("problems", [3, 5, 9])
def test_few_problems_that_all_failed_are_red_where_their_epochs_show_it(problems):
    base = grid(np.full((problems, 4), RIGHT))
    lost = decide(grid(np.full((problems, 4), WRONG)), base, GatePolicy(name="d"))
    assert one(lost, Metric.ACCURACY).kind is REGRESSED
    single = decide(grid(np.full((1, 1), WRONG)), base, GatePolicy(name="d", min_judged=0.1))
    assert single.kind is not REGRESSED  # one answer tells nothing


def test_few_unchanged_problems_have_not_regressed():
    """One problem of 9 samples: by the normal tail 1.9% would be red at a level of 1%."""
    margins = Margins(accuracy=0.02, tokens=None, truncation=None)
    policy = GatePolicy(name="d", tolerated=0, alpha_fail=0.02, margins=margins)
    rng = np.random.default_rng(0)
    red = 0
    for _ in range(400):
        p = rng.beta(1.6, 0.4, 3)
        red += decide(simulate(rng, p, 1), simulate(rng, p, 8), policy).kind is REGRESSED
    assert red <= 16  # 2% of 400 are 8


def test_nobody_is_asked_to_widen_a_margin_for_what_is_seen_to_be_worse():
    base = grid(np.full((12, 1), RIGHT))
    verdict = decide(grid(np.full((12, 1), WRONG)), base, GatePolicy(name="d", alpha_fail=1e-4))
    check = one(verdict, Metric.ACCURACY)
    assert check.kind is INCONCLUSIVE
    assert "A margin of" not in wording.advice(check)
    assert any("too little data to call it" in text for text in wording.reasons(verdict))
