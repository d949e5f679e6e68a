"""What ``plan`` and ``calibrate`` found, in sentences and rows."""

from types import SimpleNamespace

import pytest

from smallscale_ci.gate.calibrate import Scenario
from smallscale_ci.gate.simulate import Share
from smallscale_ci.records import FewClusters, Holdable, Metric
from smallscale_ci.report import planning

OFTEN = Share(0.98, 0.961, 0.991)


def plan(**changes):
    """What the sentences read of a plan that has nothing to complain of."""
    fine = {"policy": "p", "detectable": {"accuracy": 1.0}, "can_pass": True, "limits": ()}
    shares = {"passed": OFTEN, "inconclusive": Share(0.02, 0.0, 0.1)}
    return SimpleNamespace(**{**fine, **shares, **changes})


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ()),
        ({"detectable": {}}, ("The policy p gates nothing.",)),
        (
            {"can_pass": False, "passed": Share(0.12, 0.1, 0.2), "inconclusive": OFTEN},
            ("An unchanged model would pass only 12 times in 100: widen the margins, add",),
        ),
        ({"inconclusive": Share(0.25, 0.2, 0.3)}, ("25 of 100 runs of an unchanged model end",)),
    ],
)
def test_a_plan_warns_of_what_will_not_work(changes, said):
    found = planning.plan_warnings(plan(**changes))
    assert len(found) == len(said)
    assert all(one.startswith(start) for one, start in zip(found, said, strict=True))


@pytest.mark.parametrize(
    ("held", "said"),
    [
        (Holdable("t", Metric.ACCURACY, 0.02, 0.031, 0.01), "95 times in 100; about 3.1 pp is."),
        (Holdable("t", Metric.ACCURACY, 0.02, 0.031, 0.025), "would rarely PASS; about 3.1 pp is."),
        (Holdable("t", Metric.TOKENS, 0.05, 1.2, 0.04), "about 120% is."),
        (Holdable("t", Metric.ACCURACY, 0.02, 0.998, 0.9), "about 100 pp is."),
    ],
)
def test_a_margin_that_is_too_fine_is_told_with_one_that_holds(held, said):
    assert held.is_too_fine
    assert planning.limit(held).endswith(said)


def test_few_clusters_are_told_with_what_they_are_worth():
    uneven = planning.limit(FewClusters("t", 500, 12, 2.7, 10))
    assert "500 problems in 12 clusters, worth 2.7 of equal size." in uneven
    assert "in only 1 cluster. Errors" in planning.limit(FewClusters("t", 500, 1, 1.0, 10))


def test_rows_name_what_was_done_to_the_candidate():
    few = Scenario(Metric.TOKENS, 2.0, 9, OFTEN, OFTEN, OFTEN, 1.5, True, concentrated=True)
    none = Scenario(None, 0.0, 9, OFTEN, OFTEN, OFTEN, 1.0, True)
    (unchanged, worse) = planning.outcome_rows([none, few])
    assert unchanged[0] == "none"
    assert worse == (
        "tokens, 2 × margin, in few problems",
        "98.0% [96.1, 99.1]",
        "98.0% [96.1, 99.1]",
        "1.50",
    )


def test_margins_that_are_not_gated_have_a_row_all_the_same():
    rows = planning.margin_rows(
        [
            Holdable("t", Metric.ACCURACY, None, 0.0312),
            Holdable("t", Metric.TOKENS, 0.125, 3.4),
        ]
    )
    assert rows == [("t", "accuracy", "not gated", "3.1 pp"), ("t", "tokens", "12.5%", "340%")]


def test_a_loss_that_no_simulation_found_is_told_so():
    assert planning.detectable_rows({"accuracy": 0.754, "tokens": None}) == [
        ("accuracy", "0.75 margins"),
        ("tokens", "more than was simulated"),
    ]
