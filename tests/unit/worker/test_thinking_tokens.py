"""How many of the generated ids stand before the answer."""

import re
from types import SimpleNamespace
from typing import Any

import pytest

from smallscale_ci.worker.engines.chat import Chat
from smallscale_ci.worker.engines.openai import _thinking_tokens

MARKS = {"<think>": 1, "</think>": 2, "<|channel|>": 3, "<|message|>": 4, "<|end|>": 5}


class Tokenizer:
    """A token for each mark, and for each other character its code."""

    def decode(self, ids: list[int]) -> str:
        names = {number: mark for mark, number in MARKS.items()}
        return "".join(names.get(one) or chr(one) for one in ids)


def ids_of(text: str, marks: bool = True) -> list[int]:
    parts = re.findall("|".join(map(re.escape, MARKS)) + "|.", text, re.DOTALL) if marks else text
    return [MARKS.get(part) or ord(part) for part in parts]


def count(text: str, *, opened: bool = False, marks: bool = True) -> int:
    chat: Any = Chat.__new__(Chat)
    chat._tokenizer = Tokenizer()
    chat._added = sorted(MARKS.items(), key=lambda item: -len(item[0])) if marks else []
    return int(chat.thinking_tokens(text, ids_of(text, marks), opened=opened))


@pytest.mark.parametrize("marks", [True, False], ids=["marks are tokens", "marks are spelt"])
@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>ab</think>cde", "cde"),
        ("<think>ab</think>", ""),
        ("<think>a</think>b</think>cde", "cde"),
        ("<think>ab", ""),
        ("abc", "abc"),
        ("", ""),
        ("The answer.<think>more", "The answer.<think>more"),
        (
            "<|channel|>analysis<|message|>ab<|end|><|channel|>final<|message|>cde",
            "cde",
        ),
    ],
)
def test_ids_up_to_the_end_of_thinking(text: str, answer: str, *, marks: bool) -> None:
    assert count(text, marks=marks) == len(ids_of(text, marks)) - len(ids_of(answer, marks))


@pytest.mark.parametrize(("text", "expected"), [("ab</think>cd", 3), ("abc", 3), ("</think>", 1)])
def test_thinking_that_the_prompt_opened(text: str, expected: int) -> None:
    assert count(text, opened=True) == expected


@pytest.mark.parametrize(
    ("counted", "text", "expected"),
    [
        (12, "<think>a</think>b", 12),
        (99, "<think>a</think>b", 20),  # never more than there are
        (0, "b", 0),
        (None, "b", 0),
        (None, "<think>a</think>b", None),
        (0, "<think>a</think>b", None),  # a server that parses no thinking counts none
    ],
)
def test_an_endpoint_counts_for_itself(
    counted: int | None, text: str, expected: int | None
) -> None:
    details = None if counted is None else SimpleNamespace(reasoning_tokens=counted)
    usage = SimpleNamespace(completion_tokens=20, completion_tokens_details=details)
    assert _thinking_tokens(usage, text) == expected
