"""What the gate decides of two runs, and the reasons that it gives."""

import re
from pathlib import Path

import numpy as np
import pytest
from helpers.runs import CUT, RIGHT, WRONG, grid, reordered, together
from helpers.verdicts import WIDE, one, rates, run

from smallscale_ci.config.load import load
from smallscale_ci.config.policy import GatePolicy, Margins
from smallscale_ci.errors import UsageError
from smallscale_ci.gate.checks import MEAN
from smallscale_ci.gate.decide import decide
from smallscale_ci.records import Difference, Metric, VerdictKind
from smallscale_ci.report import wording

PASS = VerdictKind.PASS
REGRESSED = VerdictKind.REGRESSED
INCONCLUSIVE = VerdictKind.INCONCLUSIVE
INVALID = VerdictKind.INVALID
CONFIGS = Path(__file__).resolve().parents[3] / "configs"


def test_an_unchanged_model_passes():
    verdict = decide(run(1, rates(), 1), run(2, rates(), 8), WIDE)
    assert verdict.kind is PASS
    assert [c.kind for c in verdict.checks] == [PASS] * 3
    assert all(c.pass_p <= c.pass_boundary == 0.05 for c in verdict.checks)
    assert len(wording.reasons(verdict)) == 3
    assert "math accuracy" in wording.reasons(verdict)[0]
    assert not verdict.reproduced_exactly


def test_a_worse_model_regresses_and_says_so():
    verdict = decide(run(1, rates() * 0.6, 1), run(2, rates(), 8), WIDE)
    check = one(verdict, Metric.ACCURACY)
    assert verdict.kind is REGRESSED
    lost = 100 * (check.baseline - check.candidate)
    assert wording.reasons(verdict)[0].startswith(f"math lost {lost:.1f} pp of accuracy (from ")
    assert wording.reasons(verdict)[0].endswith("; margin 12 pp, tolerated 3 pp).")
    assert verdict.flips[0].candidate < verdict.flips[0].baseline
    changes = [abs(f.candidate - f.baseline) for f in verdict.flips]
    assert changes == sorted(changes, reverse=True)


def test_a_longer_model_regresses_and_says_so():
    verdict = decide(run(1, rates(), 1, lengths=140.0), run(2, rates(), 8), WIDE)
    assert verdict.kind is REGRESSED
    assert "math thinks 39.1% longer (from 106.1 to 147.5; margin" in wording.reasons(verdict)[0]
    assert one(verdict, Metric.TOKENS).estimate.value == pytest.approx(np.log(1.4), abs=0.05)


def test_more_truncation_regresses():
    cut = np.where(np.arange(300)[:, None] % 5 == 0, CUT, RIGHT)
    verdict = decide(grid(cut), grid(np.full((300, 8), RIGHT)), WIDE)
    assert one(verdict, Metric.TRUNCATION).kind is REGRESSED
    assert any("token limit 20.0 pp more often" in reason for reason in wording.reasons(verdict))


def test_too_little_data_is_inconclusive_and_says_what_would_help():
    verdict = decide(run(1, rates(n=40), 1), run(2, rates(n=40), 8), GatePolicy(name="default"))
    assert verdict.kind is INCONCLUSIVE
    check = one(verdict, Metric.ACCURACY)
    assert "would pass" in wording.advice(check)
    assert "problems" in wording.advice(check)
    assert "too close to call" in wording.reasons(verdict)[0]


def test_an_interval_that_excludes_the_margin_is_a_pass():
    for seed in range(20):
        verdict = decide(run(seed, rates(), 1), run(99, rates(), 8), WIDE)
        check = one(verdict, Metric.ACCURACY)
        assert (check.kind is PASS) == (check.estimate.low > -check.margin)


def test_a_reproduced_baseline_is_said_and_passes_any_margin():
    base = run(2, rates(n=25), 8)
    verdict = decide(base.epochs(1), base, GatePolicy(name="default"))
    assert verdict.kind is PASS
    assert verdict.reproduced_exactly
    assert all(c.identical for c in verdict.checks)
    assert "reproduces the baseline exactly" in wording.reasons(verdict)[0]


def test_agreement_of_constant_lengths_proves_nothing():
    base = grid(np.full((25, 8), RIGHT), tokens=1.0)
    verdict = decide(base.epochs(1), base, GatePolicy(name="default"))
    assert verdict.reproduced_exactly
    assert one(verdict, Metric.ACCURACY).kind is INCONCLUSIVE


def test_differences_make_it_invalid_unless_allowed():
    found = [Difference("image", "a", "b"), Difference("suite", "x", "y")]
    args = (run(1, rates(), 1), run(2, rates(), 8))
    verdict = decide(*args, WIDE.model_copy(update={"allow": ("image",)}), differences=found)
    assert verdict.kind is INVALID
    assert [d.allowed for d in verdict.differences] == [True, False]
    assert wording.reasons(verdict) == (
        "The runs are not comparable: suite is y here and x in the baseline.",
    )
    verdict = decide(
        *args, WIDE.model_copy(update={"allow": ("image", "suite")}), differences=found
    )
    assert verdict.kind is PASS
    assert any("image, suite" in note for note in wording.notes(verdict))


def test_a_loss_within_what_is_tolerated_is_not_red():
    p = np.full(4000, 0.8)
    base, candidate = run(2, p, 8), run(1, p - 0.03, 4)
    strict = WIDE.model_copy(update={"tolerated": 0.0, "margins": Margins(accuracy=0.031)})
    lenient = strict.model_copy(update={"tolerated": 1.0})
    assert one(decide(candidate, base, strict), Metric.ACCURACY).kind is REGRESSED
    assert one(decide(candidate, base, lenient), Metric.ACCURACY).kind is INCONCLUSIVE


def test_a_task_on_one_side_only_is_invalid():
    p = rates()
    both = together(run(1, p, 1), run(2, p, 1, task="mcq"))
    assert "no samples of task mcq" in wording.reasons(decide(run(3, p, 1), both, WIDE))[0]
    verdict = decide(both, run(3, p, 8), WIDE)
    assert "The baseline has no samples of task mcq." in wording.reasons(verdict)
    assert verdict.accounting.unpaired == 300
    apart = decide(run(1, p, 1), run(2, p, 1, task="mcq"), WIDE)
    assert apart.kind is INVALID
    assert not any("gates nothing" in reason for reason in wording.reasons(apart))


def test_unequal_epochs_are_averaged_within_the_problem():
    base = grid(np.full((100, 2), RIGHT))
    mixed = grid(np.tile([RIGHT, WRONG], (100, 1)))
    some = mixed.select((mixed.sample_index == 0) | (mixed.problem < 50))
    verdict = decide(some, base, WIDE)
    assert any("lacks 50 of 200" in reason for reason in wording.reasons(verdict))
    lenient = WIDE.model_copy(update={"min_judged": 0.5})
    verdict = decide(some, base, lenient)
    assert one(verdict, Metric.ACCURACY).candidate == pytest.approx(0.75)
    assert one(verdict, Metric.ACCURACY).lost == 50
    as_planned = decide(some, base, WIDE, planned=150)  # a look at a fraction of an epoch
    assert as_planned.kind is REGRESSED
    assert one(as_planned, Metric.ACCURACY).lost == 0


def test_margins_by_task_and_metrics_that_are_not_gated():
    p = rates()
    base = together(run(2, p, 8), run(3, p, 8, task="mcq"))
    candidate = together(run(4, p, 1, lengths=150.0), run(5, p, 1, task="mcq", lengths=150.0))
    policy = WIDE.model_copy(
        update={"task_margins": {"math": Margins(accuracy=0.2, tokens=None, truncation=None)}}
    )
    verdict = decide(candidate, base, policy)
    assert not one(verdict, Metric.TOKENS).gated
    assert one(verdict, Metric.ACCURACY).margin == 0.2
    assert one(verdict, Metric.TOKENS, "mcq").kind is REGRESSED
    assert any("math tokens" in n and "does not gate" in n for n in wording.notes(verdict))
    silent = Margins(accuracy=None, tokens=None, truncation=None)
    policy = GatePolicy(name="empty").model_copy(update={"margins": silent})
    verdict = decide(candidate, base, policy)
    assert verdict.kind is INVALID
    assert "gates nothing" in wording.reasons(verdict)[0]


def test_task_order_and_unknown_tasks():
    p = rates()
    base = together(run(2, p, 8), run(3, p, 8, task="mcq"))
    candidate = together(run(4, p, 1, task="mcq"), run(5, p, 1))
    policy = WIDE.model_copy(update={"task_margins": {"cdoe": Margins()}})
    verdict = decide(candidate, base, policy, task_order=("math", "mcq"))
    assert [c.task for c in verdict.checks[::3]] == ["math", "mcq"]
    assert any("cdoe" in note for note in wording.notes(verdict))
    assert decide(candidate, base, policy).checks[0].task == "mcq"


def test_mean_gates_the_mean_and_tasks_are_guard_rails():
    p = rates(n=400)
    base = together(run(2, p, 8), run(3, p, 8, task="mcq"), run(4, p, 8, task="code"))
    narrow = GatePolicy(
        name="mean", gated="mean", margins=Margins(accuracy=0.05, tokens=0.08, truncation=0.02)
    )
    same = together(run(5, p, 1), run(6, p, 1, task="mcq"), run(7, p, 1, task="code"))
    verdict = decide(same, base, narrow)
    assert verdict.kind is PASS
    assert [c.task for c in verdict.checks[:3]] == [MEAN] * 3
    assert [c.guard for c in verdict.checks] == [False] * 3 + [True] * 9
    levels = [one(verdict, Metric.ACCURACY, t).candidate for t in ("math", "mcq", "code")]
    assert verdict.checks[0].candidate == pytest.approx(np.mean(levels))
    broken = together(run(5, p, 1), run(6, p * 0.7, 1, task="mcq"), run(7, p, 1, task="code"))
    verdict = decide(broken, base, narrow)
    assert verdict.kind is REGRESSED
    assert "mcq lost" in wording.reasons(verdict)[0]


def test_a_band_fails_shorter_thinking_too():
    p = rates()
    short, base = run(1, p, 1, lengths=60.0), run(2, p, 8)
    assert decide(short, base, WIDE).kind is PASS
    band = WIDE.model_copy(update={"tokens_direction": "band"})
    verdict = decide(short, base, band)
    assert verdict.kind is REGRESSED
    assert "shorter" in wording.reasons(verdict)[0]
    assert decide(run(3, p, 1), base, band).kind is PASS


def test_an_open_band_names_the_side_that_is_open():
    p = rates(n=400)
    band = GatePolicy(
        name="band",
        margins=Margins(accuracy=None, tokens=0.05, truncation=None),
        tokens_direction="band",
        max_epochs=1,
    )
    verdict = decide(run(5, p, 1, lengths=96.5), run(0, p, 8), band)
    check = one(verdict, Metric.TOKENS)
    assert verdict.kind is INCONCLUSIVE
    assert check.estimate.high < 0
    reached = 100 * np.expm1(-check.estimate.low)
    assert reached > 5
    (stated,) = re.findall(r"a change of (.*)% cannot be excluded", wording.reasons(verdict)[0])
    assert float(stated) == pytest.approx(reached, abs=0.1)
    (enough,) = re.findall(r"A margin of (.*)% would pass", wording.advice(check))
    wider = Margins(accuracy=None, tokens=float(enough) / 100, truncation=None)
    passed = decide(
        run(5, p, 1, lengths=96.5), run(0, p, 8), band.model_copy(update={"margins": wider})
    )
    assert passed.kind is PASS
    assert not any("better" in note for note in wording.notes(passed))


def test_looks_are_paid_for():
    args = (run(1, rates(), 1), run(2, rates(), 8), WIDE)
    first = decide(*args, look=1, of=4).checks[0]
    alone = decide(*args).checks[0]
    assert (alone.pass_boundary, alone.boundary) == (0.05, 0.01)
    seen = (1 / 4 + 1 / 8) / (1 + 1 / 8)  # of the information: 8 epochs stored, 1 of 4 drawn
    assert first.pass_boundary == pytest.approx(0.9 * 0.05 * np.log(1 + (np.e - 1) * seen**1.4))
    assert first.boundary < 0.01
    for look, of in ((0, 1), (2, 1)):
        with pytest.raises(UsageError, match=f"no look {look} of {of}"):
            decide(*args, look=look, of=of)


def test_rows_in_any_order_give_the_same_verdict():
    p = rates()
    candidate, base = run(1, p, 2), run(2, p, 8)
    rows = np.random.default_rng(0).permutation(len(candidate))
    shuffled = reordered(candidate, rows)
    one_way, other = decide(candidate, base, WIDE), decide(shuffled, base, WIDE)
    assert one_way.reasons == other.reasons
    assert one_way.flips == other.flips
    for a, b in zip(one_way.checks, other.checks, strict=True):
        assert a.estimate.value == pytest.approx(b.estimate.value)
        assert a.p_value == pytest.approx(b.p_value)


def test_policies_that_contradict_themselves_are_refused():
    silent = Margins(accuracy=None, tokens=None, truncation=None)
    with pytest.raises(ValueError, match="gates nothing"):
        GatePolicy(name="empty", margins=silent)
    # Nothing would have to pass: the tasks are guard rails, which can only fail the run.
    with pytest.raises(ValueError, match="the mean over tasks"):
        GatePolicy(name="m", gated="mean", margins=silent, task_margins={"math": Margins()})
    with pytest.raises(ValueError, match="one look"):
        GatePolicy(name="short", on_inconclusive="fail", max_epochs=3)
    assert GatePolicy(name="fine", on_inconclusive="warn").max_epochs == 4


def test_flips_are_all_listed_up_to_thousands():
    verdict = decide(grid(np.full((500, 1), WRONG)), grid(np.full((500, 4), RIGHT)), WIDE)
    assert len(verdict.flips) == 500
    assert not any("flipped" in note for note in wording.notes(verdict))
    verdict = decide(grid(np.full((5003, 1), WRONG)), grid(np.full((5003, 2), RIGHT)), WIDE)
    assert len(verdict.flips) == 5000
    assert "5,003 problems flipped: the 5,000 largest changes are listed." in wording.notes(verdict)
    assert verdict.flipped is not None
    assert sum(verdict.flipped) == 5_003


@pytest.mark.parametrize("name", ["default", "strict", "release", "nightly", "smoke"])
def test_shipped_policies_load_and_decide(name):
    policy = load(GatePolicy, name, (CONFIGS,))
    assert policy.name == name
    p = np.random.default_rng(0).beta(1.6, 0.4, 3000)
    verdict = decide(run(1, p * 0.8, 2), run(2, p, 8), policy, of=policy.max_epochs)
    assert verdict.kind is REGRESSED
    assert verdict.policy == name
