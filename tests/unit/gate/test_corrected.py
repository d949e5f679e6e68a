"""An accuracy corrected for its judge's errors, on cases that can be counted."""

from dataclasses import replace

import pytest
from helpers.report_examples import task

from smallscale_ci.gate.corrected import METHOD, corrected_accuracy
from smallscale_ci.records import Metric
from smallscale_ci.records.measured import Measured


def judged(share: float, half: float = 0.02, cut: int = 0):
    """A task of 1,000 answers, ``cut`` of them cut off, and ``share`` of all judged right."""
    one = task("t", share, 100.0)
    level = replace(one.accuracy, value=share, low=share - half, high=share + half)
    right = round(1000 * share)
    counts = {"CORRECT": right, "WRONG": 1000 - cut - right, "UNPARSED": 0, "TRUNCATED": cut}
    outcomes = {**counts, "ERRORED": 0}
    return replace(one, levels={**one.levels, Metric.ACCURACY: level}, outcomes=outcomes)


def test_a_judge_without_errors_corrects_nothing():
    found = corrected_accuracy(judged(0.6), Measured(10_000, 10_000, 10_000, 10_000))
    assert found.value == pytest.approx(0.6)
    assert (found.low, found.high) == (pytest.approx(0.58, abs=1e-3), pytest.approx(0.62, abs=1e-3))
    assert found.method == METHOD


def test_what_the_judge_lets_through_is_taken_off():
    # Of 1,000 answers 500 are right; 10% of wrong ones pass: 550 are called right.
    found = corrected_accuracy(judged(0.55), Measured(100, 100, 90, 100))
    assert found.value == pytest.approx(0.5)
    assert found.low < 0.5 < found.high


def test_few_labels_widen_the_interval():
    few, many = (
        corrected_accuracy(judged(0.55), Measured(n, n, 9 * n // 10, n)) for n in (20, 2000)
    )
    assert few.high - few.low > 1.5 * (many.high - many.low)


def test_answers_that_were_cut_off_are_wrong_for_certain():
    # 400 cut off, 300 of 600 right, and 30 of 300 wrong ones pass.
    found = corrected_accuracy(judged(0.33, cut=400), Measured(100, 100, 90, 100))
    assert found.value == pytest.approx(0.3)
