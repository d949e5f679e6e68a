"""The short ways for the texts that are most frequent say what the long ones say."""

from random import Random

import pytest

from smallscale_ci.worker import thinking
from smallscale_ci.worker.thinking import answer_part, split


def test_usual_texts_are_split_as_all_others_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """The short way for the usual form of a text never says anything else."""
    random = Random(5)
    pieces = (
        *("<think>\n", "\n</think>\n", "</think>", "<Think>", "\n", " ", "so 42", "x < 3", "a|b"),
        *("`", '"', "```", " tag", "assistantfinal", "final", "analysis", "&lt;/think&gt;"),
        *("< /think>", "<\\/think>", "<thinking>", "[THINK]", "<tool_call>", "<|im_end|>"),
        "turn>user",
        *("Thinking...\n", "## Thinking\n", "◁/think▷", "and then", "</think:a>", "\\u003c"),
    )  # fmt: skip
    texts = [
        "<think>\n" + "".join(random.choices(pieces, k=random.randrange(6))) + "\n</think>\n"
        + "".join(random.choices(pieces, k=random.randrange(6)))
        for _ in range(6000)
    ]  # fmt: skip
    found = [(split(text), answer_part(text)) for text in texts]
    usual = sum(thinking._usual_end(text) is not None for text in texts)
    assert usual > 100
    monkeypatch.setattr(thinking, "_usual_end", lambda text: None)
    for text, said in zip(texts, found, strict=True):
        assert (split(text), answer_part(text)) == said, text


def test_plain_texts_are_all_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    random = Random(6)
    pieces = (
        *("so 42", "\n", " ", "think\n", "final", "Analysis", "assistantfinal", "u003c", "\ufeff"),
        *("Thinking...\n", "Here is my thought process:", "{x}", "\\boxed{4}", "≤", "]", ">", "|"),
    )  # fmt: skip
    texts = ["".join(random.choices(pieces, k=random.randrange(7))) for _ in range(4000)]
    found = [answer_part(text) for text in texts]
    assert sum(map(thinking._is_plain, texts)) > 100
    monkeypatch.setattr(thinking, "_is_plain", lambda text: False)
    for text, said in zip(texts, found, strict=True):
        assert answer_part(text) == said, text
