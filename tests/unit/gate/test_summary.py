import numpy as np
import pytest
from helpers.runs import CUT, ERRORED, RIGHT, WRONG, grid, simulate, together

from smallscale_ci.gate.summary import summarise
from smallscale_ci.records import Metric


def test_levels_average_epochs_within_problems():
    run = grid(
        np.array([[RIGHT, RIGHT], [RIGHT, WRONG], [WRONG, CUT]]), [[10, 20], [30, 40], [50, 60]]
    )
    summary = summarise(run)
    (task,) = summary.tasks
    assert summary.planned == 6
    assert task.accuracy.value == pytest.approx(0.5)
    assert task.tokens.value == pytest.approx(35.0)
    assert task.levels[Metric.TRUNCATION].value == pytest.approx(1 / 6)
    assert task.median_tokens == 35.0
    assert task.tokens_correct == pytest.approx(20.0)
    assert task.epochs == 2.0
    assert task.accuracy.n == task.accuracy.clusters == 3
    assert summary.outcomes == {
        "CORRECT": 3,
        "WRONG": 2,
        "UNPARSED": 0,
        "TRUNCATED": 1,
        "ERRORED": 0,
    }


def test_errored_samples_count_as_outcomes_only():
    run = grid(np.array([[RIGHT, ERRORED], [ERRORED, ERRORED], [WRONG, WRONG]]))
    (task,) = summarise(run).tasks
    assert task.accuracy.value == pytest.approx(0.5)
    assert task.accuracy.n == 2
    assert task.problems == 3
    assert task.outcomes["ERRORED"] == 3


def test_unequal_epochs_weigh_problems_equally():
    run = grid(np.array([[RIGHT] * 4, [WRONG] * 4]))
    (task,) = summarise(run.select((run.problem == 0) | (run.sample_index == 0))).tasks
    assert task.accuracy.value == pytest.approx(0.5)


def test_a_task_of_errors_has_no_levels():
    first, second = summarise(
        together(grid(np.full((3, 2), ERRORED)), grid(np.full((3, 2), RIGHT), task="mcq"))
    ).tasks
    assert first.accuracy.n == 0
    assert first.tokens_correct is None
    assert second.accuracy.value == 1.0


def test_intervals_cover():
    rng = np.random.default_rng(0)
    covered = {"accuracy": 0, "tokens": 0}
    for _ in range(200):
        (task,) = summarise(simulate(rng, rng.beta(1.6, 0.4, 120), 2)).tasks
        covered["accuracy"] += task.accuracy.low <= 0.8 <= task.accuracy.high
        mean = 100 * np.exp(0.045) + 0.5  # lengths are rounded up
        covered["tokens"] += task.tokens.low <= mean <= task.tokens.high
    assert min(covered.values()) >= 180


def test_clusters_widen_levels():
    p = np.repeat(np.random.default_rng(0).integers(0, 2, 50), 4).astype(float)
    names = [f"g{i // 4}" for i in range(200)]
    rng = np.random.default_rng(1)
    alone = summarise(simulate(rng, p, 1)).tasks[0].accuracy
    grouped = summarise(simulate(rng, p, 1, clusters=names)).tasks[0].accuracy
    assert grouped.clusters == 50
    assert grouped.high - grouped.low > 1.7 * (alone.high - alone.low)
