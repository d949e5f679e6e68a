"""The margins that a suite can hold, and whether it has clusters enough."""

import numpy as np
import pytest
from helpers import verdicts
from helpers.runs import ERRORED, RIGHT, grid, simulate, together

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.checks import MEAN
from smallscale_ci.gate.decide import decide
from smallscale_ci.gate.holdable import few_clusters, margins_held, too_fine
from smallscale_ci.gate.simulate import make_pools
from smallscale_ci.records import FewClusters, Metric, VerdictKind
from smallscale_ci.report import planning

INCONCLUSIVE = VerdictKind.INCONCLUSIVE


@pytest.mark.parametrize(
    ("sizes", "said"),
    [
        ([100] * 5, "500 problems in only 5 clusters. Errors"),
        ([300, *[18] * 11], "in 12 clusters, worth 2.7 of equal size. Errors"),
        ([490, 10], "in only 2 clusters, worth 1.0 of equal size. Errors"),
        ([25] * 20, ""),
        ([1] * 9, ""),  # each problem for itself
    ],
)
def test_before_a_run_uneven_clusters_count_by_what_they_are_worth(sizes, said):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    found = [planning.limit(one) for one in few_clusters({"t": codes})]
    assert len(found) == bool(said)
    assert all(said in one for one in found)
    groups = [f"c{code}" for code in codes]
    base = grid(np.full((len(codes), 8), RIGHT), clusters=groups)
    limits = too_fine(base, GatePolicy(name="d", margins=Margins(accuracy=0.5, tokens=None)))
    few = [one for one in limits if isinstance(one, FewClusters)]
    assert len(few) == bool(said)  # eval says the same before the engine loads


def test_where_nothing_changes_the_largest_cluster_says_what_can_be_held():
    """With 300 of 500 problems in one cluster, no margin below 80 pp is excluded: one may fail."""
    held = []
    for largest in (5, 300):
        codes = np.r_[np.zeros(largest, int), 1 + np.arange(500 - largest) // 5]
        groups = [f"c{code}" for code in codes]
        base = grid(np.full((500, 8), RIGHT), clusters=groups)
        policy = GatePolicy(name="d", margins=Margins(accuracy=0.1, tokens=None, truncation=None))
        (check,) = (
            one for one in margins_held(make_pools([base]), policy, 8, (1, 1))
            if one.metric is Metric.ACCURACY
        )  # fmt: skip
        verdict = decide(grid(np.full((500, 1), RIGHT), clusters=groups), base, policy, of=1)
        held.append((check.is_too_fine, verdicts.one(verdict, Metric.ACCURACY).kind))
    assert held == [(False, VerdictKind.PASS), (True, INCONCLUSIVE)]


def held(policy, epochs=1, problems=150, **options):
    rng = np.random.default_rng(0)
    stored = simulate(rng, rng.beta(1.6, 0.4, problems), 8)
    return margins_held(make_pools([stored]), policy, 8, (1, epochs), **options)


def test_more_problems_and_more_epochs_hold_finer_margins():
    once = GatePolicy(name="p", max_epochs=1)
    usual = {one.metric: one for one in held(once)}
    for finer in (held(once, problems=600), held(GatePolicy(name="p"), epochs=4)):
        for one in finer:
            if one.metric is not Metric.TRUNCATION:  # that never happens here
                assert one.reach <= one.holds < usual[one.metric].holds


def test_what_is_not_gated_has_no_margin_that_could_be_too_fine():
    policy = GatePolicy(name="p", margins=Margins(accuracy=1e-6, tokens=None))
    found = {one.metric: one for one in held(policy)}
    assert found[Metric.ACCURACY].is_too_fine
    assert found[Metric.TOKENS].margin is None
    assert not found[Metric.TOKENS].is_too_fine


def test_where_the_mean_is_gated_the_tasks_need_hold_nothing():
    rng = np.random.default_rng(0)
    tasks = [simulate(rng, rng.beta(1.6, 0.4, 60), 8, task=task) for task in ("a", "b")]
    found = margins_held(
        make_pools([together(*tasks)]), GatePolicy(name="p", gated="mean"), 8, (1, 1)
    )
    mean = {one.metric: one for one in found if one.task == MEAN}
    own = [one for one in found if one.task != MEAN]
    assert all(one.margin is None for one in own)
    # Two tasks average out what each of them cannot.
    assert all(mean[one.metric].holds < one.holds for one in own if one.metric is Metric.ACCURACY)


def test_one_stored_epoch_warns_of_nothing():
    assert too_fine(grid(np.full((9, 1), ERRORED)), GatePolicy(name="p")) == ()
