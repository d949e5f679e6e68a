"""Words of other tools as ours."""

import pytest

from smallscale_ci.errors import DataError
from smallscale_ci.interop.values import asked, content_hash, finish_of, options_of, right, scored
from smallscale_ci.records import FinishReason, Outcome
from smallscale_ci.suite.gold import Choices


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("stop", FinishReason.STOP),
        ("LENGTH", FinishReason.LENGTH),
        ("max_tokens", FinishReason.LENGTH),
        ("abort", FinishReason.ABORT),
        ("content_filter", None),  # unknown, and not taken for a stop
        (None, None),
        (3, None),
    ],
)
def test_why_a_generation_ended(word, reason):
    assert finish_of(word) is reason


@pytest.mark.parametrize(
    ("found", "finish", "outcome"),
    [
        (Outcome.WRONG, FinishReason.LENGTH, Outcome.TRUNCATED),
        (Outcome.CORRECT, FinishReason.LENGTH, Outcome.CORRECT),  # answered before the limit
        (Outcome.WRONG, FinishReason.STOP, Outcome.WRONG),
        (Outcome.CORRECT, FinishReason.ABORT, Outcome.ERRORED),
        (Outcome.WRONG, None, Outcome.WRONG),
    ],
)
def test_a_verdict_beside_its_finish_reason(found, finish, outcome):
    assert scored(found, finish) is outcome


def test_golds_and_options_name_the_row_that_cannot_be_read():
    options = options_of(["red", "blue"], "row 1")
    assert right("blue", options, None, "row 1") == ("blue",)
    with pytest.raises(DataError, match=r"^row 7 "):
        right({"no": "gold"}, Choices(), None, "row 7")


def test_the_question_is_found_under_any_usual_name():
    assert asked({"id": 3, "query": "What is 2 + 2?"}) == "What is 2 + 2?"
    assert asked({"prompt": [{"role": "user", "content": "What?"}]}) == "What?"
    assert asked({"id": 3}) == ""


def test_a_hash_does_not_depend_on_the_order_of_keys():
    assert content_hash({"a": 1, "b": [2]}) == content_hash({"b": [2], "a": 1})
    assert content_hash({"a": 1}) != content_hash({"a": 2})
