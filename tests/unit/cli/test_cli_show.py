"""``show``: long thinking is folded, and nothing else is."""

import pytest

from smallscale_ci.cli.show import _folded


@pytest.mark.parametrize("whole", [True, False])
def test_short_thinking_is_shown(whole):
    text = "<think>\nso it is 4\n</think>\nThe answer is 4."
    assert _folded(text, whole=whole) == text


def test_long_thinking_is_folded_and_counted():
    thinking, answer = "word " * 100, "The answer is 4."
    text = f"<think>{thinking}</think>{answer}"
    folded = _folded(text, whole=False)
    assert folded.endswith(answer)
    hidden = len(f"<think>{thinking}</think>".strip()) - 200
    assert abs(int(folded.split("(")[1].split(" more")[0]) - hidden) <= len("<think></think>")
    assert len(folded) < 300
    assert _folded(text, whole=True) == text


def test_a_long_answer_without_thinking_is_whole():
    text = "step " * 200
    assert _folded(text, whole=False) == text.strip()


def test_thinking_that_was_not_ended_is_folded_and_holds_no_answer():
    folded = _folded("<think>" + "word " * 100, whole=False)
    assert folded.endswith("more characters of thinking: --thinking)")
