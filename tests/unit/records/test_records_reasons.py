"""Reasons as values: what is stored of them, and what they are when they come back."""

import pytest

from smallscale_ci.records.metric import Metric
from smallscale_ci.records.reasons import Advice, Reason, ReasonKind


def test_words_in_files_are_never_those_of_python():
    """Stored verdicts hold them: lower case, words joined by hyphens, each once."""
    words = [kind.value for kind in ReasonKind]
    assert len(set(words)) == len(words)
    assert all(word == word.lower() and " " not in word and "_" not in word for word in words)


def test_reasons_are_equal_by_what_they_say():
    one = Reason(ReasonKind.BETTER, "math", Metric.ACCURACY)
    assert one == Reason(ReasonKind("better"), "math", Metric("accuracy"))
    assert len({one, Reason(ReasonKind.BETTER, "math", Metric.ACCURACY)}) == 1
    with pytest.raises(AttributeError):
        one.task = "other"


def test_no_advice_is_none_of_its_parts():
    assert Advice() == Advice(0.0, 0, 0, 0)
