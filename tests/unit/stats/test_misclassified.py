from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.stats.misclassified import corrected
from smallscale_ci.stats.paired import level

Z = 1.959963984540054


def by_the_paper(x: int, n: int, yes: tuple[int, int], no: tuple[int, int]) -> tuple[float, float]:
    """Lang and Reiczigel's interval as published, of ``x`` of ``n`` independent cases."""
    share = (x + Z * Z / 2) / (n + Z * Z)
    se, sp = ((k + 1) / (m + 2) for k, m in (yes, no))
    true = (share + sp - 1) / (se + sp - 1)
    a, b = se * (1 - se) / (yes[1] + 2), sp * (1 - sp) / (no[1] + 2)
    shift = 2 * Z * Z * (true * a - (1 - true) * b)
    own = share * (1 - share) / (n + Z * Z)
    half = Z * math.sqrt(own + true**2 * a + (1 - true) ** 2 * b) / (se + sp - 1)
    return max(true + shift - half, 0.0), min(true + shift + half, 1.0)


@pytest.mark.parametrize(
    ("x", "n", "yes", "no"),
    [
        (120, 400, (92, 100), (190, 200)),
        (9, 50, (18, 20), (27, 30)),
        (700, 900, (50, 60), (59, 60)),
    ],
)
def test_with_an_agresti_coull_interval_it_is_the_published_one(x, n, yes, no):
    middle = (x + Z * Z / 2) / (n + Z * Z)
    half = Z * math.sqrt(middle * (1 - middle) / (n + Z * Z))
    value, low, high = corrected((x / n, middle - half, middle + half), yes, no)
    assert (low, high) == pytest.approx(by_the_paper(x, n, yes, no))
    assert value == pytest.approx(
        (x / n + no[0] / no[1] - 1) / (yes[0] / yes[1] + no[0] / no[1] - 1)
    )


@pytest.mark.parametrize(
    ("true", "sensitivity", "specificity", "labels"),
    [(0.3, 0.92, 0.95, 100), (0.6, 0.8, 0.9, 60), (0.9, 0.92, 0.95, 40), (0.95, 0.99, 0.9, 200)],
)
def test_the_interval_covers_the_truth_where_the_verdicts_do_not(
    true, sensitivity, specificity, labels
):
    rng = np.random.default_rng(7)
    rounds, problems, epochs, skipped = 300, 300, 2, 0.1
    covered = seen_covered = 0
    for _ in range(rounds):
        ability = rng.beta(4 * true, 4 * (1 - true), problems)[:, None]
        right = rng.random((problems, epochs)) < ability
        called = np.where(
            right, rng.random(right.shape) < sensitivity, rng.random(right.shape) >= specificity
        )
        asked = rng.random(right.shape) >= skipped  # the others have no answer: wrong for certain
        share = level((called & asked).mean(axis=1), np.arange(problems))
        low, high = share.interval(0.025)
        yes = int(rng.binomial(labels, sensitivity)), labels
        no = int(rng.binomial(labels, specificity)), labels
        _, low_, high_ = corrected((share.value, low, high), yes, no, judged=float(asked.mean()))
        covered += low_ <= true * (1 - skipped) <= high_
        seen_covered += low <= true * (1 - skipped) <= high
    assert covered / rounds >= 0.92  # 95% less the noise of 300 rounds
    assert covered >= seen_covered


rates = st.tuples(st.integers(0, 300), st.integers(1, 300)).map(lambda c: (min(c), max(c)))


@given(st.floats(0, 1), st.floats(0, 0.3), rates, rates, st.floats(0.1, 1))
def test_it_holds_its_value_and_widens(value, half, yes, no, judged):
    value *= judged
    low, high = max(value - half, 0.0), min(value + half, 1.0)
    if yes[0] / yes[1] + no[0] / no[1] <= 1:
        with pytest.raises(ValueError, match="chance"):
            corrected((value, low, high), yes, no, judged=judged)
        return
    found = corrected((value, low, high), yes, no, judged=judged)
    assert 0 <= found[1] <= found[0] <= found[2] <= judged


def test_more_labels_narrow_it_and_a_perfect_judge_leaves_the_value():
    seen = (0.6, 0.55, 0.65)
    widths = []
    for labels in (20, 100, 10_000):
        _, low, high = corrected(seen, (9 * labels // 10, labels), (9 * labels // 10, labels))
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] == pytest.approx(0.1 / 0.8, rel=0.02)
    value, low, high = corrected(seen, (100_000, 100_000), (100_000, 100_000))
    assert (value, low, high) == pytest.approx(seen, abs=1e-3)
