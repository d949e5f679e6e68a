"""A deadline ends what runs in good order."""

import signal
import time

import pytest

from smallscale_ci.cli.deadline import within
from smallscale_ci.errors import EngineError, RunInterruptedError


@pytest.fixture(autouse=True)
def _restored():
    before = signal.getsignal(signal.SIGALRM)
    yield
    signal.signal(signal.SIGALRM, before)


def test_what_is_done_in_time_is_left_alone():
    with within(10):
        pass
    with within(None):
        pass
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def interrupted() -> None:
    """A run that says how far it came."""
    try:
        time.sleep(60)
    except KeyboardInterrupt:
        raise RunInterruptedError("Interrupted with 3 of 5.", "Go on.") from None


def test_what_is_not_ends_with_what_it_had_to_say():
    deadline = r"The deadline of 0\.0001 minutes passed"
    with pytest.raises(EngineError, match=deadline) as error, within(0.0001):
        interrupted()
    assert "Interrupted with 3 of 5." in error.value.message
    assert error.value.hint == "Go on."


def test_an_interrupt_of_somebody_else_stays_one():
    with pytest.raises(KeyboardInterrupt), within(10):
        raise KeyboardInterrupt
