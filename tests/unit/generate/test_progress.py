import pytest

from smallscale_ci.generate.progress import Tracker
from smallscale_ci.records import FinishReason, Generation, Outcome


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def generation(tokens: int) -> Generation:
    return Generation("p", 0, "", (), 1, tokens, FinishReason.STOP, 0, 0.1)


def test_a_new_run_knows_nothing():
    snapshot = Tracker(0).snapshot()
    assert (snapshot.done, snapshot.total, snapshot.epochs) == (0, 0, 0)
    assert snapshot.mean_tokens is snapshot.accuracy is snapshot.seconds_left is None


def test_speed_and_time_left_count_what_this_session_made():
    clock = Clock()
    tracker = Tracker(0, clock)
    tracker.extend(50, 1)
    for _ in range(4):  # found on disk while the engine loads
        tracker.generated(generation(50))
    clock.now += 30
    tracker.start()
    clock.now += 2
    tracker.start()
    for _ in range(20):
        tracker.generated(generation(100))
    snapshot = tracker.snapshot()
    assert (snapshot.done, snapshot.total, snapshot.epochs) == (24, 50, 1)
    assert snapshot.tokens_per_s == pytest.approx(1000)
    assert snapshot.seconds_left == pytest.approx(2.6)
    assert snapshot.mean_tokens == pytest.approx(2200 / 24)
    tracker.extend(50, 2)
    assert (tracker.snapshot().total, tracker.snapshot().epochs) == (100, 2)


def test_the_first_completions_promise_no_end():
    clock = Clock()
    tracker = Tracker(600, clock)
    tracker.start()
    clock.now += 17  # the first is compiled for
    tracker.generated(generation(12))
    assert tracker.snapshot().seconds_left is None


def test_errored_samples_are_no_wrong_answers():
    tracker = Tracker(3)
    for outcome in (Outcome.CORRECT, Outcome.TRUNCATED, Outcome.ERRORED):
        tracker.judged(outcome)
    assert tracker.snapshot().accuracy == pytest.approx(0.5)
