"""Every kind of reason has a sentence, and every advice."""

import math
from dataclasses import replace

import pytest
from helpers.report_examples import INCONCLUSIVE, REGRESSED, invalid_verdict, verdict

from smallscale_ci.records import Advice, Metric, Reason, ReasonKind
from smallscale_ci.report import wording

NAMED = {
    ReasonKind.STATED: {"text": "Said elsewhere."},
    ReasonKind.INCOMPARABLE: {"names": ("sampling.temperature",)},
    ReasonKind.UNKNOWN_METRIC: {"metric": Metric.TOKENS, "names": ("candidate",)},
}


@pytest.mark.parametrize("kind", ReasonKind)
def test_every_kind_has_a_sentence(kind):
    base = replace(verdict(REGRESSED), differences=invalid_verdict().differences)
    about = {"task": "gsm8k", "metric": Metric.ACCURACY, "count": 2, "of": 3, "share": 0.99}
    reason = Reason(kind, **{**about, "names": ("a", "b"), **NAMED.get(kind, {})})
    said = wording.sentence(reason, base)
    assert said.endswith(".")
    assert "{" not in said
    assert said[0].isupper() or said.startswith("gsm8k") or said[0].isdigit()


@pytest.mark.parametrize(("count", "said"), [(1, "1 sample ERRORED"), (2_000, "2,000 samples")])
def test_numbers_agree_with_their_nouns(count, said):
    assert said in wording.sentence(Reason(ReasonKind.ERRORED, count=count), verdict())


def test_a_reason_about_a_check_that_is_not_there_is_an_error():
    with pytest.raises(LookupError, match="nothing-here"):
        wording.sentence(Reason(ReasonKind.BETTER, "nothing-here", Metric.ACCURACY), verdict())


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, ""),
        (Advice(), "More epochs may decide it."),
        (Advice(margin=0.0301), "A margin of 3.1 pp would pass."),
        (Advice(looks=1), "1 more look may decide it."),
        (Advice(problems=5_000), "about 5,000 problems like these (now 400)"),
        (Advice(clusters=30), "are in 400 clusters"),
    ],
)
def test_advice_names_what_would_help(given, said):
    check = replace(verdict(INCONCLUSIVE).checks[0], advice=given)
    assert said in wording.advice(check)
    assert bool(wording.advice(check)) == bool(said)


def test_a_large_loss_that_cannot_be_excluded_has_no_exponent():
    """A rise of 1.23e+03% cannot be excluded, said the report of a suite of few problems."""
    open_ = next(c for c in verdict(INCONCLUSIVE).checks if c.metric is Metric.TOKENS)
    wide = replace(open_, kind=INCONCLUSIVE, estimate=replace(open_.estimate, high=math.log(13.3)))
    reason = Reason(ReasonKind.CHECK, wide.task, Metric.TOKENS)
    said = wording.sentence(reason, verdict(INCONCLUSIVE, checks=(wide,)))
    assert "a rise of 1,230% cannot be excluded" in said
