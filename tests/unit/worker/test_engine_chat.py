"""The checkpoint's chat template in an engine: thinking and the tokens that end an answer."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from smallscale_ci.worker.engines.chat import Chat, _end_ids

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


def ends(place: Path, tokenizer: int | None = None, **files: object) -> set[int]:
    for name, value in files.items():
        text = value if isinstance(value, str) else json.dumps(value)
        (place / f"{name}.json").write_text(text)
    return {*_end_ids(place, tokenizer)}


def test_an_answer_ends_with_any_token_that_the_checkpoint_names(tmp_path: Path) -> None:
    """Llama 3 names several in its generation config, and one of them in its tokenizer."""
    assert ends(tmp_path) == set()
    assert ends(tmp_path, 9) == {9}
    assert ends(tmp_path, 9, config={"eos_token_id": 1}) == {1, 9}
    assert ends(tmp_path, 9, generation_config={"eos_token_id": [2, 3]}) == {1, 2, 3, 9}
    assert ends(tmp_path, None, config={"eos_token_id": None}) == {2, 3}


@pytest.mark.parametrize(
    "odd", ["", "{", "[]", "[" * 5000, {"eos_token_id": [[4]]}, {"eos_token_id": {"a": 1}}]
)
def test_what_is_no_token_ends_nothing(tmp_path: Path, odd: object) -> None:
    assert ends(tmp_path, 9, generation_config=odd, config={"eos_token_id": [1]}) == {1, 9}
