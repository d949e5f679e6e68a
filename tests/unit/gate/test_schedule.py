import numpy as np
import pytest
from helpers.runs import ERRORED, RIGHT, WRONG, grid, simulate

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.decide import decide
from smallscale_ci.gate.futility import repeats_itself
from smallscale_ci.gate.problem_means import problem_means
from smallscale_ci.gate.schedule import Schedule, first_order, later_order, levels, part, worth_of
from smallscale_ci.records import Metric, VerdictKind
from smallscale_ci.report import wording

ACCURACY = GatePolicy(
    name="p", looks_per_epoch=4, margins=Margins(accuracy=0.02, tokens=None, truncation=None)
)


def test_looks_come_at_parts_of_an_epoch_where_the_tasks_are_large_enough():
    assert Schedule.of(1, 2, ACCURACY, [400]).ends == (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)
    assert Schedule.of(1, 2, ACCURACY, [400, 250]).ends == (0.5, 1.0, 1.5, 2.0)
    assert Schedule.of(1, 2, ACCURACY, [400, 150]).ends == (1.0, 2.0)
    assert Schedule.of(2, 3, ACCURACY, [400]).ends == (2.0, 2.25, 2.5, 2.75, 3.0)
    assert Schedule.of(1, 1, ACCURACY, [400], within_first=False).ends == (1.0,)


def test_a_run_is_at_the_last_look_that_it_has_the_epochs_for():
    schedule = Schedule.of(1, 2, ACCURACY, [400])
    assert [schedule.look_at(epochs) for epochs in (0.5, 1.0, 1.3, 9)] == [1, 3, 4, 7]
    assert (schedule.start(1), schedule.start(2)) == (0.0, 0.5)
    assert part(9, 0.5) == 5


def test_the_first_order_is_of_the_content_alone():
    names = [f"p{i}" for i in range(50)]
    order = first_order(names)
    assert sorted(order.tolist()) == list(range(50))
    turned = first_order(names[::-1])
    assert [names[i] for i in order] == [names[::-1][i] for i in turned]


def test_later_epochs_begin_where_the_baseline_is_least_sure():
    outcome = np.full((40, 8), RIGHT)
    outcome[10:20, ::2] = WRONG
    means = problem_means(grid(outcome))
    names = [f"p{i}" for i in range(40)]
    order = later_order(names, worth_of(means, ACCURACY, "math"))
    assert set(order[:10].tolist()) == set(range(10, 20))


@pytest.mark.filterwarnings("error")
def test_a_baseline_without_tokens_has_an_order_all_the_same():
    outcome = np.full((40, 8), RIGHT)
    outcome[10:20, ::2] = WRONG
    means = problem_means(grid(outcome))
    means.means[Metric.TOKENS] = np.full(40, np.nan)
    margins = Margins(accuracy=0.02, tokens=0.05, truncation=None)
    policy = GatePolicy(name="p", looks_per_epoch=4, margins=margins)
    order = later_order([f"p{i}" for i in range(40)], worth_of(means, policy, "math"))
    assert set(order[:10].tolist()) == set(range(10, 20))


@pytest.mark.parametrize("ends", [(1.0, 2.0, 3.0, 4.0), Schedule.of(1, 4, ACCURACY, [400]).ends])
def test_the_levels_spend_alpha_over_all_looks(ends):
    """Estimates drawn with the variance that each look has cross with probability α."""
    rng = np.random.default_rng(0)
    known = np.array([end / (1 + 1 / 8) if end < 1 else 0.0 for end in ends])
    whole = [end for end in ends if end >= 1]
    rest = [1 / ((e % 1) / (e // 1 + 1) + (1 - e % 1) / (e // 1) + 1 / 8) for e in whole]
    known[len(ends) - len(whole) :] = rest
    steps = np.sqrt(np.diff(known, prepend=0.0))
    z = (rng.normal(size=(100_000, len(ends))) * steps).cumsum(1) / np.sqrt(known)
    from scipy import stats

    passing, failing = zip(*levels(0.05, 0.01, ends, 8.0), strict=True)
    assert (z >= stats.norm.isf(passing)).any(1).mean() == pytest.approx(0.05, abs=0.003)
    assert (z >= stats.norm.isf(failing)).any(1).mean() == pytest.approx(0.01, abs=0.0015)


def test_epochs_that_repeat_each_other_are_noticed():
    rng = np.random.default_rng(0)
    first = rng.integers(0, 2, (100, 1))
    lengths = rng.integers(10, 99, (100, 1)).astype(float)
    again = grid(np.repeat(first, 2, axis=1), np.repeat(lengths, 2, axis=1))
    assert repeats_itself(again)
    lengths2 = np.hstack([lengths, lengths + (np.arange(100)[:, None] == 7)])
    assert not repeats_itself(grid(np.repeat(first, 2, axis=1), lengths2))
    assert not repeats_itself(grid(first, lengths))
    broken = np.repeat(first, 2, axis=1)
    broken[:, 1] = ERRORED
    assert not repeats_itself(grid(broken, np.repeat(lengths, 2, axis=1)))


@pytest.mark.parametrize(
    ("margin", "look", "looks_left"),
    [(0.002, 3, 0), (0.012, 1, 3)],  # neither is in reach; one may still be
)
def test_advice_promises_no_looks_that_would_not_decide(margin, look, looks_left):
    """A report said that 7 more looks may decide it, and that none of them was in reach."""
    rng = np.random.default_rng(0)
    rates = np.full(400, 0.6)
    base, candidate = (simulate(rng, rates, epochs) for epochs in (8, look))
    narrow = GatePolicy(name="d", margins=Margins(accuracy=margin, tokens=None, truncation=None))
    verdict = decide(candidate, base, narrow, look=look, of=4)
    (check,) = (one for one in verdict.checks if one.metric is Metric.ACCURACY)
    assert check.kind is VerdictKind.INCONCLUSIVE
    assert check.advice is None or check.advice.looks == looks_left
    assert ("more look" in wording.advice(check)) is bool(looks_left)
    assert "epochs may decide" not in wording.advice(check)
