"""How long a server asks to wait, in seconds or as a date, and in whatever else servers write."""

from email.utils import formatdate
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.worker.patience import asked_s


def asked(said: str, **more: str) -> float:
    headers = {"retry-after": said, **more}
    return asked_s(SimpleNamespace(response=SimpleNamespace(headers=headers)))


def test_a_date_to_come_back_at_is_waited_for():
    now, until = formatdate(5_000, usegmt=True), formatdate(5_200, usegmt=True)
    limited = SimpleNamespace(response=SimpleNamespace(headers={"date": now, "retry-after": until}))
    assert asked_s(limited) == 200  # by the server's clock, whatever it shows
    for said in ("", "soon", "Mon, 99 Foo"):
        limited.response.headers["retry-after"] = said
        assert asked_s(limited) == 0


@pytest.mark.parametrize(
    ("said", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0), ("nan", 0.0), (" 2 ", 2.0)]
)
def test_a_number_is_seconds_and_never_less_than_none(said: str, seconds: float) -> None:
    assert asked(said) == seconds


def test_a_date_that_has_passed_or_has_nothing_to_be_compared_with_asks_for_nothing() -> None:
    past, now = (formatdate(at, usegmt=True) for at in (4_000, 5_000))
    assert asked(past, date=now) == 0
    assert asked(now) == 0  # without the server's own clock
    assert asked(now, date="yesterday") == 0


def test_an_error_without_an_answer_asks_for_nothing() -> None:
    assert asked_s(TimeoutError("no answer")) == 0
    assert asked_s(SimpleNamespace(response=None)) == 0


@settings(max_examples=60)
@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_a_server_writes_is_a_time(said: str, date: str) -> None:
    assert asked(said, date=date) >= 0
