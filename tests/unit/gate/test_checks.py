"""All checks at a look: which ones there are, Holm's order over them, and the verdict on all."""

from dataclasses import replace

import numpy as np
import pytest
from helpers.report_examples import INCONCLUSIVE, PASS, REGRESSED
from helpers.report_examples import check as example
from helpers.runs import RIGHT, grid, simulate, together

from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.gate.checks import MEAN, decided, make_checks, overall
from smallscale_ci.gate.pairing import match_problems, pair_tasks
from smallscale_ci.gate.schedule import Schedule
from smallscale_ci.records import Metric

ONCE = Schedule((1.0,))
OPEN = replace(example("t", Metric.ACCURACY, INCONCLUSIVE, 0.5, 0.5, 0.1), pass_p=0.6)


def checks(candidate, baseline, policy, **options):
    pairs = pair_tasks(candidate, baseline, match_problems(candidate, baseline), ())
    return make_checks(pairs, policy, 1, ONCE, **options)


def two_tasks(seed, epochs):
    rng = np.random.default_rng(seed)
    return together(
        simulate(rng, np.full(50, 0.8), epochs), simulate(rng, np.full(90, 0.5), epochs, task="mcq")
    )


def test_every_core_metric_of_every_task_is_checked():
    found = checks(two_tasks(0, 1), two_tasks(1, 2), GatePolicy(name="p"))
    core = [metric for metric in Metric if metric.core]
    assert [(c.task, c.metric) for c in found] == [(t, m) for t in ("math", "mcq") for m in core]


def test_without_a_description_only_what_is_gated_is_checked():
    policy = GatePolicy(name="p", margins=Margins(tokens=None, truncation=None))
    found = checks(two_tasks(0, 1), two_tasks(1, 2), policy, describe=False)
    assert [(c.task, c.metric) for c in found] == [
        ("math", Metric.ACCURACY),
        ("mcq", Metric.ACCURACY),
    ]


def test_the_mean_over_tasks_comes_first_and_tasks_are_guard_rails():
    found = checks(two_tasks(0, 1), two_tasks(1, 2), GatePolicy(name="p", gated="mean"))
    mean, *rest = found
    assert (mean.task, mean.metric, mean.guard) == (MEAN, Metric.ACCURACY, False)
    # Each task weighs the same, whatever its problems: 80% and 50% are 65% on average.
    own = {c.task: c.baseline for c in found if c.metric is Metric.ACCURACY}
    assert mean.baseline == pytest.approx((own["math"] + own["mcq"]) / 2)
    assert mean.estimate.n == 140
    assert all(check.guard for check in rest if check.task != MEAN)


def test_what_nobody_does_is_shown_by_no_check():
    """Where nobody thinks, tokens of the answer are the tokens: a second column says nothing."""
    plain = grid(np.full((9, 2), RIGHT))
    silent, thinks = (
        replace(plain, thinking=np.full(18, tokens), unknown=frozenset()) for tokens in (0.0, 60.0)
    )
    for base, shown in ((silent, False), (thinks, True)):
        found = {c.metric for c in checks(base, base, GatePolicy(name="p"))}
        assert ({Metric.THINKING, Metric.ANSWER} <= found) is shown
        assert Metric.LOOPING not in found  # unknown


def test_the_level_is_shared_among_all_gated_checks():
    """Holm: of three p-values, the two of 0.4% count three times as much."""
    low, high = replace(OPEN, p_value=0.004), replace(OPEN, p_value=0.9)
    shown = replace(OPEN, p_value=0.0001, gated=False)
    found = decided([low, shown, low, high])
    assert [check.adjusted_p for check in found] == pytest.approx([0.012, 0.0001, 0.012, 0.9])
    assert [check.kind for check in found] == [INCONCLUSIVE, REGRESSED, INCONCLUSIVE, INCONCLUSIVE]
    (alone,) = decided([low])
    assert alone.kind is REGRESSED


def test_what_passes_has_not_regressed_however_sure_the_loss():
    (found,) = decided([replace(OPEN, p_value=1e-9, pass_p=0.05)])
    assert found.kind is PASS


def test_only_a_run_that_is_reproduced_as_a_whole_passes_by_that():
    same = replace(OPEN, identical=True)
    assert [c.kind for c in decided([same, OPEN], reproduced=True)] == [PASS, INCONCLUSIVE]
    (found,) = decided([same], reproduced=False)
    assert (found.kind, found.identical) == (INCONCLUSIVE, False)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ([], PASS),
        ([replace(OPEN, kind=PASS)], PASS),
        ([replace(OPEN, kind=PASS), OPEN], INCONCLUSIVE),
        ([replace(OPEN, kind=PASS), replace(OPEN, guard=True)], PASS),  # need not pass
        ([replace(OPEN, kind=PASS), replace(OPEN, guard=True, kind=REGRESSED)], REGRESSED),
        ([OPEN, replace(OPEN, kind=REGRESSED)], REGRESSED),
        ([replace(OPEN, kind=PASS), replace(OPEN, gated=False, kind=REGRESSED)], PASS),
    ],
)
def test_the_verdict_on_all_checks(given, kind):
    assert overall(given) is kind
