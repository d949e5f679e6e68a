"""How numbers look: one rule for each, where a wrong sign or unit would mislead."""

import math
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from helpers.report_examples import (
    INCONCLUSIVE,
    REGRESSED,
    check,
    estimate,
)

from smallscale_ci.records import Estimate, Metric
from smallscale_ci.report import formats, text

ACCURACY = check("t", Metric.ACCURACY, REGRESSED, 0.6, 0.5, 0.01)
TOKENS = check("t", Metric.TOKENS, REGRESSED, 100.0, 200.0, 0.0)


def test_the_intervals_say_their_level() -> None:
    later = replace(ACCURACY, pass_boundary=0.0169)
    assert formats.difference_title((ACCURACY, TOKENS)) == "difference [90%]"
    assert formats.difference_title((later,)) == "difference [96.6%]"
    assert formats.difference_title((later, ACCURACY)) == "difference [90–96.6%]"


def test_what_is_not_known_is_a_dash() -> None:
    nothing = replace(ACCURACY, estimate=estimate(math.nan, 0.0), baseline=math.nan)
    assert formats.difference(nothing) == "– pp [–, –]"
    assert "could not be compared" in text.check_sentence(nothing)
    assert formats.number(math.inf) == "–"
    # As an open interval comes back from verdict.json.
    read = replace(TOKENS, estimate=replace(TOKENS.estimate, low=math.nan, high=math.nan))
    assert formats.difference(read) == "+100.0% [–, –]"


def test_an_unbounded_interval_says_so() -> None:
    wide = replace(TOKENS, estimate=replace(TOKENS.estimate, low=-math.inf, high=math.inf))
    assert formats.difference(wide) == "+100.0% [−100.0, +∞]"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(1234.5, "1,234"), (12.25, "12.2"), (3, "3"), (0.01234, "0.0123")],
)
def test_numbers(value: float, shown: str) -> None:
    assert formats.number(value) == shown


def test_all_metrics_share_one_axis_on_which_right_is_worse() -> None:
    low, value, high = formats.used_margin(ACCURACY)
    assert (low, value, high) == pytest.approx((4.5, 5.0, 5.5))
    at_margin = check("t", Metric.TOKENS, INCONCLUSIVE, 100.0, 105.0, 0.0)
    assert formats.used_margin(at_margin)[1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("value", "most", "shown"),
    [(120.0, 2, "120"), (99.8, 2, "100"), (1230.4, 3, "1,230"), (2.0, 3, "2"), (0.254, 2, "0.25")],
)
def test_figures_never_have_an_exponent(value: float, most: int, shown: str) -> None:
    """`plan` asked for a margin of 1.2e+02%, and told of 1.2e+02 engine hours."""
    assert formats.figures(value, most) == shown


def test_what_rounds_up_to_a_thousand_looks_like_a_thousand() -> None:
    assert formats.tokens(999.96) == formats.tokens(1000.0) == "1,000"
    assert formats.number(999.96) == "1,000"
    assert formats.signed(999.96) == "+1,000"
    assert (formats.tokens(999.94), formats.signed(-999.94)) == ("999.9", "−999.9")


def test_nothing_is_less_than_zero_by_rounding() -> None:
    """The ends of intervals are sums of floats: −1e−18 was a rate of −0.0%."""
    assert formats.rate(-1e-9) == "0.0%"
    assert formats.number(-0.0) == "0"
    assert formats.rate(-0.0006) == "−0.1%"


@pytest.mark.parametrize(
    ("number", "shown"),
    [(1, "1 sample"), (0, "0 samples"), (1.0, "1 sample"), (1.5, "1.5 samples")],
)
def test_a_noun_agrees_with_its_number(number: float, shown: str) -> None:
    assert formats.count(number, "sample") == shown


def test_counts_of_arrays_look_like_all_others() -> None:
    """numpy's integers are no ints: a million samples were 1.23457e+06."""
    assert formats.count(np.int64(1_234_567), "sample") == "1,234,567 samples"


NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "shown"),
    [
        ("2026-01-31T11:00:00+00:00", "today"),
        ("2026-01-30T11:00:00Z", "1 day"),
        ("2026-01-01T12:00:00+00:00", "30 days"),
        ("2026-01-30T11:00:00", "–"),  # in which time zone?
        ("", "–"),
        ("yesterday", "–"),
    ],
)
def test_the_age_of_a_baseline(at: str, shown: str) -> None:
    assert formats.age(at, NOW) == shown


def level(value: float, n: int = 9) -> Estimate:
    return Estimate(value, value, value, n, n, "")


def test_a_table_has_a_column_for_what_a_model_does() -> None:
    plain = {Metric.ACCURACY: level(0.5), Metric.LOOPING: level(0.0), Metric.THINKING: level(0.0)}
    thinks = {**plain, Metric.THINKING: level(700.0), Metric.ANSWER: level(80.0)}
    unknown = {Metric.LOOPING: level(math.nan, n=0)}
    core = formats.CORE
    assert formats.columns([plain], zeros=False) == core
    assert formats.columns([unknown]) == core
    assert formats.columns([plain]) == (*core, Metric.LOOPING)
    assert set(formats.columns([plain, thinks], zeros=False)) == {
        *core,
        Metric.THINKING,
        Metric.ANSWER,
    }


def test_a_level_that_was_not_measured_is_a_dash() -> None:
    assert formats.level_interval(Metric.ACCURACY, level(0.5)) == "50.0% [50.0, 50.0]"
    assert formats.level_interval(Metric.ACCURACY, level(0.0, n=0)) == "–"
    assert formats.level_interval(Metric.TOKENS, None) == "–"


def test_a_check_without_a_margin_has_no_place_on_the_axis_of_margins() -> None:
    assert all(math.isnan(end) for end in formats.used_margin(replace(ACCURACY, margin=0.0)))
