"""The numbers of a run: by hand, against brute force, and their laws."""

import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from helpers import replayed, runs
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.gate import at_k

grids = st.integers(1, 6).flatmap(
    lambda epochs: st.lists(
        st.lists(st.booleans(), min_size=epochs, max_size=epochs), min_size=1, max_size=6
    )
)


def flat(grid: list[list[bool]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(correct, problem, sample_index) of a (problems, epochs) grid."""
    correct = np.array(grid)
    problems, epochs = correct.shape
    problem, index = np.repeat(np.arange(problems), epochs), np.tile(np.arange(epochs), problems)
    return correct.ravel(), problem.astype(np.int64), index.astype(np.int64)


@given(grids, st.data())
def test_pass_at_k_is_the_mean_over_all_choices_of_k(
    grid: list[list[bool]], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(grid[0])))
    correct, problem, _ = flat(grid)
    choices = [[any(chosen) for chosen in combinations(row, k)] for row in grid]
    expected = np.mean([np.mean(row) for row in choices])
    assert at_k.pass_at_k(correct, problem, k) == pytest.approx(expected)


@given(grids)
def test_pass_at_k_grows_from_accuracy_to_any(grid: list[list[bool]]) -> None:
    correct, problem, _ = flat(grid)
    levels = [at_k.pass_at_k(correct, problem, k) for k in range(1, len(grid[0]) + 1)]
    assert levels[0] == pytest.approx(at_k.accuracy(correct, problem))
    assert levels == pytest.approx(sorted(levels))
    assert levels[-1] == pytest.approx(np.mean([any(row) for row in grid]))


def test_pass_at_k_neither_overflows_nor_loses_digits() -> None:
    correct = np.arange(10_000) < 1
    problem = np.zeros(10_000, dtype=np.int64)
    assert at_k.pass_at_k(correct, problem, 5_000) == pytest.approx(0.5)


def test_problems_count_the_same_whatever_their_number_of_samples() -> None:
    correct = np.array([True, False, False, False])
    problem = np.array([0, 7, 7, 7])  # codes need not be dense
    assert at_k.accuracy(correct, problem) == 0.5


@given(grids, st.data())
def test_avg_at_k_is_the_accuracy_of_the_first_k(
    grid: list[list[bool]], data: st.DataObject
) -> None:
    k = data.draw(st.integers(1, len(grid[0])))
    found = at_k.avg_at_k(*flat(grid), k)
    assert found == pytest.approx(np.mean([row[:k] for row in grid]))


def maj(rows: list[list[str | None]], gold: str, k: int) -> float:
    correct, problem, index = flat([[answer == gold for answer in row] for row in rows])
    return at_k.maj_at_k(correct, problem, index, [a for row in rows for a in row], k)


def test_majority_by_hand() -> None:
    assert maj([["1", "1", "2"]], "1", 3) == 1.0
    assert maj([["2", "2", "1"]], "1", 3) == 0.0
    assert maj([["2", "1"]], "1", 2) == 0.5  # a draw
    assert maj([["2", "3", "1", "1"], [None, None, None, "1"]], "1", 4) == 1.0
    assert maj([[None, None]], "1", 2) == 0.0
    assert maj([["2", "1", "1"]], "1", 1) == 0.0  # the first sample alone


def test_correct_answers_vote_together_however_they_are_written() -> None:
    correct = np.array([True, True, False, False, False])
    zero, index = np.zeros(5, dtype=np.int64), np.arange(5)
    assert at_k.maj_at_k(correct, zero, index, ["1/2", "0.5", "3", "4", None], 5) == 1.0


@given(
    st.lists(st.lists(st.sampled_from(["1", "2", "3", None]), min_size=3, max_size=3), min_size=1)
)
def test_majority_against_a_plain_count(rows: list[list[str | None]]) -> None:
    expected = []
    for row in rows:
        votes = Counter(answer for answer in row if answer is not None)
        tied = [answer for answer in votes if votes[answer] == max(votes.values())]
        expected.append(tied.count("1") / len(tied) if tied else 0.0)
    assert maj(rows, "1", 3) == pytest.approx(np.mean(expected))


@given(grids, st.data())
def test_budgets_only_help_and_an_ample_one_gives_the_accuracy(
    grid: list[list[bool]], data: st.DataObject
) -> None:
    correct, problem, _ = flat(grid)
    sizes = st.integers(0, 100)
    tokens = np.array(
        data.draw(st.lists(sizes, min_size=len(correct), max_size=len(correct))), float
    )
    found = at_k.under_budgets(correct, problem, tokens, [0, 10, 50, 100])
    assert list(found.values()) == sorted(found.values())
    assert found[100] == at_k.accuracy(correct, problem)


def test_a_sample_of_exactly_the_budget_counts() -> None:
    tokens = np.array([1024.0, 1025.0])
    found = at_k.under_budgets(np.array([True, True]), np.array([0, 1]), tokens, [1024, 2048])
    assert found == {1024: 0.5, 2048: 1.0}


def test_too_few_samples_are_told() -> None:
    correct, problem, index = flat([[True, False]])
    with pytest.raises(ValueError, match="pass@3 needs 3 samples"):
        at_k.pass_at_k(correct, problem, 3)
    with pytest.raises(ValueError, match="avg@3"):
        at_k.avg_at_k(correct, problem, index, 3)
    with pytest.raises(ValueError, match="maj@3"):
        at_k.maj_at_k(correct, problem, index, ["1", "2"], 3)
    with pytest.raises(ValueError, match="no samples"):
        at_k.accuracy(correct[:0], problem[:0])


def test_a_run_task_by_task_without_its_errored_samples() -> None:
    right, wrong, errored = runs.RIGHT, runs.WRONG, runs.ERRORED
    math = runs.grid(np.array([[right, wrong, right], [errored, right, wrong]]), 100.0)
    mcq = runs.grid(np.array([[wrong, wrong]]), 50.0, task="mcq", first=2)
    broken = runs.grid(np.array([[errored]]), task="code", first=3)
    samples = runs.together(math, mcq, broken)
    answers = ["1", "2", "1", None, "1", "2", "3", "4", None]
    found = at_k.of_run(samples, answers, [99, 100])
    assert found["math"] == {
        "pass@2": 1.0,
        "avg@2": 0.5,  # two samples of each are left
        "maj@2": 0.5,
        "accuracy within 99 tokens": 0.0,
        "accuracy within 100 tokens": pytest.approx((2 / 3 + 1 / 2) / 2),
    }
    assert found["mcq"]["pass@2"] == found["mcq"]["maj@2"] == 0.0
    assert list(found) == ["math", "mcq"]


def test_report_shows_budgets_of_a_run(tmp_path: Path) -> None:
    replayed.make_configs(tmp_path, problems=20)
    run = replayed.make_run(tmp_path, "src", epochs=2)
    done = replayed.smallscale(tmp_path, "report", run, "--budgets", "1,1_000_000", "--json")
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)["metrics"]["sums"]
    assert {*values} == {
        "pass@2",
        "avg@2",
        "maj@2",
        "accuracy within 1 tokens",
        "accuracy within 1,000,000 tokens",
    }
    assert values["accuracy within 1 tokens"] == 0.0
    assert values["accuracy within 1,000,000 tokens"] == values["avg@2"] < values["pass@2"]
    shown = replayed.smallscale(tmp_path, "report", run, "--budgets", "64")
    assert "sums pass@2" in shown.stdout
    wrong = replayed.smallscale(tmp_path, "report", run, "--budgets", "0")
    assert wrong.returncode == 2
    assert "--budgets 1024" in wrong.stderr
