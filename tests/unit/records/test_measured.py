"""What a labelled sample says of a judge."""

import pytest

from smallscale_ci.records.measured import Agreed, Corrected, Measured


def test_errors_of_a_judge_are_shares_of_the_labelled_answers():
    found = Measured(right=90, right_of=100, wrong=40, wrong_of=50)
    assert found.complete
    assert (found.sensitivity, found.specificity) == (0.9, 0.8)
    assert found.kept == pytest.approx(0.7)  # a true difference of 10 points shows as 7


def test_without_right_or_without_wrong_answers_nothing_is_known():
    assert not Measured(right=1, right_of=1).complete
    assert not Measured(wrong=1, wrong_of=1).complete


def test_what_is_corrected_keeps_the_counts_that_correct_it():
    found = Corrected(9, 10, 8, 10, corrected=0.5, low=0.4, high=0.6)
    assert found.kept == pytest.approx(0.7)


def test_two_judges_that_were_never_both_asked_agree_on_nothing():
    assert (Agreed().samples, Agreed().agree, Agreed().kappa) == (0, None, None)
