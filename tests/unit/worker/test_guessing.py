"""Marks of thinking that are in no format: reported, and read where a text begins with them."""

import pytest

from smallscale_ci.worker.guessing import unknown
from smallscale_ci.worker.thinking import answer_part


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("<my_thinking>a</my_thinking>42", "</my_thinking>"),
        ("[REASONING]a[/REASONING]42", "[/REASONING]"),
        ("<|reasoning_start|>a<|reasoning_end|>42", "<|reasoning_end|>"),
        ("<|begin_of_reasoning|>a<|end_of_reasoning|>42", "<|end_of_reasoning|>"),
        ("<think>a</think>42", None),
        ("<b>think</b> for a reason", None),
        ("the reasons</reasons_given> alone", None),
        ("`</my_thinking>` <my_thinking>", None),
    ],
)
def test_unknown_formats_are_noticed(text: str, mark: str | None) -> None:
    assert unknown(text) == mark


@pytest.mark.parametrize(
    ("text", "expected", "mark"),
    [
        ("<|thoughts:begin|>a \\boxed{42} but", None, "<|thoughts:begin|>"),
        ("<inner_thought>a \\boxed{42} but", None, "<inner_thought>"),
        ("<|startthought|>a<|endthought|>b", "b", "<|endthought|>"),
        ("＜think＞a＜/think＞b", "b", "＜/think＞"),
        ("\n<my_thinking>a</my_thinking>\n", "", "</my_thinking>"),
        ("\ufeff<my_thoughts>maybe \\boxed{42} but", None, "<my_thoughts>"),
        # marks of a format with an end that is none of its own
        ("<|think|>a<|/think|>b", "b", "<|/think|>"),
        ("<|think|>a<|end_think|>b", "b", "<|end_think|>"),
        ("<think>a</my_think>b", None, None),
        ("[Reasoning] 6 * 7 is 42", "[Reasoning] 6 * 7 is 42", None),
        ("[Reasoning]a[/Reasoning]b", "b", "[/Reasoning]"),
        ("<threshold> is 42", "<threshold> is 42", None),
        ('"<my_thinking>" is a tag: 42', '"<my_thinking>" is a tag: 42', None),
        ("a <my_thinking>b", "a <my_thinking>b", None),
    ],
)
def test_marks_of_no_format_count_where_they_begin_a_text(
    text: str, expected: str | None, mark: str | None
) -> None:
    """By their names: an answer inside is no answer. They are reported all the same."""
    assert answer_part(text) == expected
    assert unknown(text) == mark
