"""Where thinking ends: every format of the table, cut off, empty, nested, quoted, spoken of."""

import time

import pytest

from smallscale_ci.worker.formats import ASIDES, FORMATS
from smallscale_ci.worker.guessing import unknown
from smallscale_ci.worker.marks import opening
from smallscale_ci.worker.thinking import OPENED, answer_part, begins_inside, split

PAIRS = [
    (row.name, open_.replace(":*", ":6124c78e").replace("*", "fast"), close.replace("*", "fast"))
    for row in FORMATS
    for open_, close in zip(
        row.opens or row.begins, row.closes[: len(row.opens) or 9], strict=False
    )
]
PAIRS = [(name, o, c.replace(":fast", ":6124c78e")) for name, o, c in PAIRS]


@pytest.mark.parametrize(("name", "opens", "closes"), PAIRS)
class TestEveryFormat:
    """The same texts in each format."""

    def test_answer_follows_the_closing_mark(self, name: str, opens: str, closes: str) -> None:
        text = f"{opens}\nmaybe \\boxed{{41}}\n{closes}\nThe answer is 42."
        assert answer_part(text) == "\nThe answer is 42."
        assert split(text).name == name

    def test_unfinished_thinking_holds_no_answer(self, name: str, opens: str, closes: str) -> None:
        assert answer_part(f"{opens}\nmaybe \\boxed{{42}} but") is None
        assert not split(f"{opens}\nmaybe \\boxed{{42}} but").finished

    def test_an_empty_answer_is_empty(self, name: str, opens: str, closes: str) -> None:
        assert not (answer_part(f"{opens}\nmaybe \\boxed{{42}}\n{closes}\n") or "").strip()

    def test_the_prompt_may_have_opened_it(self, name: str, opens: str, closes: str) -> None:
        text = f"{OPENED}maybe \\boxed{{41}}{closes}The answer is 42."
        if closes[0] in "<[◁":
            assert answer_part(text) == "The answer is 42."
        assert answer_part(f"{OPENED}maybe \\boxed{{42}}") is None

    def test_a_prompt_that_ends_with_it_opens_it(self, name: str, opens: str, closes: str) -> None:
        if opens.strip().isalpha():
            return  # a plain word, with which any prompt may end
        found = opening(f"<|im_start|>assistant\n{opens.strip()}\n")
        assert found is not None
        assert found[1] == "\n"
        assert opening(f"{opens}\n\n{closes}\n\n") is None

    def test_mixed_with_another_format(self, name: str, opens: str, closes: str) -> None:
        """Marks of another format inside are text."""
        other = "seed:think" if name != "seed" else "thought"
        text = f"{opens}\na <{other}>b</{other}> \\boxed{{41}} but"
        assert answer_part(text) is None
        assert answer_part(f"{text}{closes}\n42") == "\n42"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no marks at all", "no marks at all"),
        ("", ""),
        ("work, the opening mark was in the prompt</think>answer", "answer"),
        ("<Think>a</THINK>b", "b"),
        ("<think>a</think>b<think>c</think>d", "d"),
        ("<think>a</think>\\boxed{5}<think>more", "\\boxed{5}"),
        ("<think>a</think><think>more \\boxed{5}", None),
        ("The answer is 42.<think>let me check</think>", "The answer is 42."),
        # inside one another
        ("<think>a<think>b \\boxed{41}</think>c \\boxed{43}</think>42", "42"),
        ("<think>a<think>b</think>42", "42"),
        ("<think>a <think>b</think>\n\nso it is 42", "\n\nso it is 42"),
        ("<think>a <think>b</think> and then \\boxed{42} but", None),
        ("<think>\n<think>\na</think>42</think>", "42"),
        ("<think>a<think>b</think>c \\boxed{42}</think>", ""),
        ("<think>a<reasoning>b</reasoning>c \\boxed{42}", None),
        # closed twice
        ("<think>a</think>b \\boxed{41}</think>42", "42"),
        ("<think>a</think></think>42", "42"),
        ("<think>a</think>The answer is 42.</think>", "The answer is 42."),
        ("<think>a</think>The answer is 42.</think>\n<|im_end|>", "The answer is 42."),
        ("a</think>The answer is 42.</think>", "The answer is 42."),
        # quoted, and spoken of, in thinking
        ('<think>I end with "</think>" so \\boxed{42} but', None),
        ("<think>I end with `</think>` so \\boxed{42} but", None),
        ("<think>I end with “</think>” \\boxed{41}</think>42", "42"),
        ("<think>the </think> tag ends it \\boxed{42} but", None),
        ("<think>between <think> and </think> tags \\boxed{42} but", None),
        ("<think>Then </think> comes. \\boxed{41}</think>42", "42"),
        # quotes that are not around the mark
        ('<think>so "B"</think>"B"', '"B"'),
        ('<think>He said "go!"</think>"Go"', '"Go"'),
        # in the answer
        ('<think>a</think>Use s.split("</think>")[-1]: 42', 'Use s.split("</think>")[-1]: 42'),
        ("<think>a</think>The <think> tag: 42", "The <think> tag: 42"),
        ("<think>a</think>42, as `<think>x</think>` shows", "42, as `<think>x</think>` shows"),
        ("Answer: 42. Models write `<think>` first.", "Answer: 42. Models write `<think>` first."),
        ('I strip it: x.replace("<think>", "")', 'I strip it: x.replace("<think>", "")'),
        # special tokens alone are no answer
        ("<|START_THINKING|>a<|END_THINKING|><|START_RESPONSE|>", ""),
        ("<|content_thinking|>a<|end_message|><|message_model|><|content_text|>42<|end_message|>",
         "42"),
        ("<|content_text|>42<|end_message|>", "42"),
        ("<thought>a</thought>The answer is 42.[|endofturn|]", "The answer is 42."),
        ("<|channel>thought\na<channel|>42.<turn|><|im_end|>", "42."),
        ('<think time="3">\\boxed{42} but', None),
        ("<think>a</think >42", "42"),
    ],
)  # fmt: skip
def test_answer_part(text: str, expected: str | None) -> None:
    assert answer_part(text) == expected


CODE = 'Here:\n```python\ntext = """\n<think>\n</think>\n"""\nprint(text)\n```\n'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (CODE, CODE),
        (f"<think>a</think>{CODE}", CODE),
        (f"a</think>{CODE}Done.", f"{CODE}Done."),
        (f"<think>a\n```python\nx = 1\n</think>\n{CODE}", f"\n{CODE}"),
        ("<think>a\n```\nx = 1\n```\n</think>\n42", "\n42"),
        ("<think>```\nx\n</think>\nThe answer is 42.", "\nThe answer is 42."),
    ],
)
def test_marks_in_blocks_of_code(text: str, expected: str) -> None:
    """A program that works on marks stays whole; a block that thinking left open ends nothing."""
    assert answer_part(text) == expected


ANALYSIS = "<|channel|>analysis<|message|>maybe \\boxed{41}<|end|>"
FINAL = "<|start|>assistant<|channel|>final<|message|>"
CALL = (
    "<|start|>assistant<|channel|>commentary to=functions.python <|constrain|>json<|message|>"
    "\\boxed{40}<|call|><|start|>functions.python to=assistant<|channel|>commentary<|message|>40"
    "<|end|>"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{ANALYSIS}{FINAL}42<|return|>", "42"),
        (f"{ANALYSIS}<|start|>assistant<|channel|>final <|constrain|>json<|message|>42", "42"),
        (f"{ANALYSIS}<|start|>assistant<|channel|>final<|message|>", ""),
        (f"{ANALYSIS}<|start|>assistant", None),
        (f"{ANALYSIS}<|start|>assistant<|message|>42<|end|>", "42"),
        (f"{ANALYSIS}42", "42"),  # as llama.cpp leaves it
        ("<|channel|>analysis<|message|>maybe \\boxed{42}, let me", None),
        (f"<|start|>assistant{ANALYSIS}<|start|>assistant<|channel|>final<|message|>42", "42"),
        (f"{ANALYSIS}{CALL}{FINAL}42<|return|>", "42"),
        (f"{ANALYSIS}{CALL}", None),
        (f"{ANALYSIS}<|start|>assistant to=functions.f<|channel|>commentary<|message|>4", None),
        (f"{ANALYSIS}<|start|>assistant<|channel|>commentary<|message|>\\boxed{{42}}<|end|>", None),
        (f'{ANALYSIS[:-7]} "<|channel|>final<|message|>" \\boxed{{42}}', None),
        (f"{OPENED}maybe \\boxed{{41}}<|end|>{FINAL}42", "42"),
        # the same with its special tokens stripped
        ("analysismaybe \\boxed{41}assistantfinalThe answer is 42.", "The answer is 42."),
        ("analysisWe need. \\boxed{41}assistantfinal42", "42"),
        ("analysismaybe \\boxed{42}, let me check", None),
        ("analysis We need \\boxed{42}, let me check", None),
        ("We need \\boxed{41}.assistantfinal42", "42"),
        ("analysisa.assistantfinal", ""),
        ("analysisa.assistantcommentary to=f.g code41assistantanalysisb.assistantfinal42", "42"),
        ('analysisa.assistantcommentary to=functions.fjson{"x": "\\boxed{42}"}', None),
        ("commentary to=functions.f json{}assistantfinal42", "42"),
        # other channels
        ("to=self<|message|>maybe 41<|eom|><|start|>assistant to=user<|message|>42<|eot|>", "42"),
        ("to=self<|message|>maybe \\boxed{42}", None),
        # not harmony at all
        ("analysis of the data gives \\boxed{42}", "analysis of the data gives \\boxed{42}"),
        ("Analysis: \\boxed{42}", "Analysis: \\boxed{42}"),
        ('Split at "<|channel|>final": \\boxed{42}', 'Split at "<|channel|>final": \\boxed{42}'),
    ],
)  # fmt: skip
def test_channels(text: str, expected: str | None) -> None:
    assert answer_part(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a</think>b", True),
        ("<think>a</think>b", False),
        ("</think>b", False),  # of a model that was told not to think
        ("no mark at all", None),
        ("It ends with `</think>`, as asked.", None),
    ],
)
def test_thinking_that_the_prompt_opened(text: str, expected: bool | None) -> None:
    assert begins_inside(text) is expected


@pytest.mark.parametrize(
    "text",
    [
        "</think>" * 70_000,
        "<think>" * 70_000,
        "<think></think>" * 30_000,
        "</think>a" * 60_000,
        "</think>" + "`</think>" * 50_000,
        "<think>a</think>" + "```\n<think>\n" * 30_000,
        '"</think>"' * 50_000,
        "<" * 500_000,
        "[" * 500_000,
        " " * 500_000 + "x",
        "analysis" + "assistantfinal" * 40_000,
        "<|channel|>" * 50_000,
        "<|channel|>final" * 30_000,
        "<|start|>assistant " * 30_000 + "<|channel|>",
        "to=self<|message|>" + "to=" * 100_000,
        "</my_think>" * 40_000,
        "".join(f"</think{n}x>" for n in range(30_000)),
        "\n" * 300_000 + "Here is my thought process:",
        "&lt;/think&gt;" * 50_000,
        "< " * 200_000,
        "analysis. " + "assistant " * 50_000,
        "analysis. " + "assistant final " * 30_000,
        "<tool_call>" * 40_000,
        "`<|user|>`" * 40_000,
        "<|tool_call><tool_call|>" * 20_000,
        "<|im_start|>think<|im_start|>answer" * 20_000,
        "<my_think>" + "</my_think>" * 40_000,
        "<my_think>" * 40_000,
        "think\n" + "\nanswer" * 60_000,
        "```</think>" * 40_000,
        "</think>" + " " * 100_000 + "</think>" * 20_000,
    ],
    ids=lambda text: text[:24].strip() or "blank",
)
def test_time_is_linear(text: str) -> None:
    begin = time.process_time()
    answer_part(text)
    unknown(text)
    assert time.process_time() - begin < 3.0  # quadratic would be minutes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # blanks within marks, HTML-escaped and JSON-escaped marks
        ("< think >a</ think >b", "b"),
        ("<think >a</think >b", "b"),
        ("< think >a \\boxed{42}", None),
        ("&lt;think&gt;a&lt;/think&gt;b", "b"),
        ("&lt;Thinking&gt;a \\boxed{42}", None),
        ("work \\boxed{42}&lt;/think&gt;\n", ""),
        ("&lt;|START_THINKING|&gt;a&lt;|END_THINKING|&gt;b", "b"),
        ("<think>a<\\/think>b", "b"),
        ("◁ think ▷ a ◁ /think ▷b", "b"),
        ("[think]a[/think]b", "b"),
        ("&lt;|channel|&gt;analysis&lt;|message|&gt;a&lt;|end|&gt;", None),
        (("&lt;|channel|&gt;analysis&lt;|message|&gt;a&lt;|end|&gt;&lt;|start|&gt;assistant"
         "&lt;|channel|&gt;final&lt;|message|&gt;b"), "b"),
        ("<|channel|>Analysis<|message|>a<|end|><|channel|>Final<|message|>b", "b"),
        ("3 < think and 5 > 2", "3 < think and 5 > 2"),
        # blanks where Harmony's special tokens were
        ("analysis a? assistant final b", " b"),
        ("analysis\n\na\n\nassistant\nfinal\n\nb", "\n\nb"),
        ("analysis by the assistant final", "analysis by the assistant final"),
        # what an answer is wrapped in
        ("<think>a</think><response>b</response>", "b"),
        ("a</think>\n\n<response>\nb\n</response>\n", "\nb\n"),
        ("<think>a</think><answer></answer>", ""),
        ("<think>a</think>\n<|begin_of_box|>42<|end_of_box|>", "\n<answer>42</answer>"),
        ("<scratchpad>a</scratchpad>b", "b"),
        ("<analysis>a</analysis><answer>b</answer>", "<answer>b</answer>"),
        # what a tool is given
        ('<think>a</think><tool_call>{"x": "\\boxed{42}"}</tool_call>', "\n"),
        ("<think>a</think>b<tool_call>42", "b\n"),
        ("[THINK]a[/THINK][TOOL_CALLS]f[ARGS]{}", "\n"),
        ("Write `<tool_call>42</tool_call>` for it.", "Write `<tool_call>42</tool_call>` for it."),
        ("<|inner_prefix|>a<|inner_suffix|><|tools_prefix|>[42]<|tools_suffix|>b", "\nb"),
        ("a</think><｜DSML｜function_calls>42</｜DSML｜function_calls>", "\n"),
        ("a</think><function_calls>\nf(42)\n</function_calls>b", "\nb"),
        ("a</think><TOOLCALL>[42]</TOOLCALL>b", "\nb"),
        ("a</think><function=f>42</function>", "\n"),
        ("a</think><tool_response>42</tool_response>b", "\nb"),
        ("<seed:think>a</seed:think>b<seed:cot_budget_reflect>42</seed:cot_budget_reflect>", "b\n"),
        ("The <function f> and a tool.", "The <function f> and a tool."),
        # the mark that begins the answer ends thinking that was not closed
        ("<|START_THINKING|>a \\boxed{41}<|START_RESPONSE|>b<|END_RESPONSE|>", "b"),
        ("<|open|>think<|sep|>a<|open|>response<|sep|>b<|close|>response<|sep|>", "b"),
        ("<|begin_of_thought|>a<|begin_of_solution|>b<|end_of_solution|>", "b"),
        ("<|content_thinking|>a<|content_text|>b<|end_message|>", "b"),
        # wrapped answers, and what ends a turn
        ("<Thought>a</Thought><Output>b</Output>", "b"),
        ("<REASONING>a</REASONING><CONCLUSION>b</CONCLUSION>", "<CONCLUSION>b</CONCLUSION>"),
        (("a<|close|>think<|sep|><|open|>response<|sep|>b<|close|>response<|sep|>"
          "<|close|>message<|sep|>"), "b"),
        ("[unused16]a[unused17]b[unused10]", "b"),
        ("<seed:think>a</seed:think>b<seed:eos>", "b"),
        ("<reasoning>a</reasoning>b <sep>", "b "),
        # headings, and roles that lost their special tokens
        ("## Thinking\n\na\n\n## Final Response\n\nb", "\n\nb"),
        ("## Thinking\n\nmaybe \\boxed{42} but", None),
        ("think\na\nanswer\nb", "b"),
        ("think\nmaybe \\boxed{42} but", None),
        ("think of 42 as 6 * 7", "think of 42 as 6 * 7"),
        ("## Thinking\r\n\r\na\r\n## Final Response\r\nb", "\r\nb"),
        # marks as Markdown and JSON escape them, and after a byte order mark; closed in themselves
        ("\\<think\\>a\\</think\\>b", "b"),
        ("\\<think\\>maybe \\boxed{42} but", None),
        ("\\u003cthink\\u003ea\\u003c/think\\u003eb", "b"),
        ("\\u003cthink\\u003emaybe \\boxed{42} but", None),
        ("<think />\n42", "<think />\n42"),
        # spoken of in LaTeX
        ("<think>a</think>\\texttt{<think>} is a tag: b", "\\texttt{<think>} is a tag: b"),
        ("<cot>maybe \\boxed{42} but", None),
        ("<思考>a</思考>b", "b"),
        ("<think>a</think><use_mcp_tool>\\boxed{42}</use_mcp_tool>", "\n"),
        ("Here are my reasoning steps:\na[BEGIN FINAL RESPONSE]b[END FINAL RESPONSE]<|end|>", "b"),
        # a block of code that thinking, or a channel, ends with
        ("<think>a\n```\nx\n```</think>```\ny\n```", "```\ny\n```"),
        ("analysis```\nx\n```assistantfinal```\ny\n```", "```\ny\n```"),
        # only a final channel, without its special tokens
        ("finalThe answer is 42.", "The answer is 42."),
        ("final<|message|>42<|return|>", "42"),
        ("final answers: 42", "final answers: 42"),
        # Qwen's template gives what a tool returned in the user's name
        (('<think>a</think><tool_call>{}</tool_call><|im_end|>\n<|im_start|>user\n<tool_response>\n41'
          "\n</tool_response><|im_end|>\n<|im_start|>assistant\n<think>\nb\n</think>\n\n42<|im_end|>"),
         "\n\n42"),
        # s1: roles of ChatML
        ("<|im_start|>think\na\n<|im_start|>answer\nb<|im_end|>", "\nb"),
        ("<|im_start|>think\n\\boxed{42}\nWait", None),
    ],
)  # fmt: skip
def test_other_ways_to_write_it(text: str, expected: str | None) -> None:
    assert answer_part(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<think>a</think>b<|im_end|>\n<|im_start|>user\n42?<|im_end|>", "b"),
        ("b<|eot_id|><|start_header_id|>user<|end_header_id|>\n\n42", "b"),
        ("b<end_of_turn>\n<start_of_turn>user\n42<end_of_turn>", "b"),
        ("<think>a</think>b<|user|>\nc<|assistant|><think>d</think>e", "b"),
        ("<think>a \\boxed{42}<|im_end|>\n<|im_start|>user\nb</think>c", None),
        ("<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n<think>b</think>c", "c"),
        (("<|im_start|>system\na<|im_end|>\n<|im_start|>user\nb<|im_end|>\n"
          "<|im_start|>assistant\n<think>c</think>d"), "d"),
        ("The mark `<|user|>` begins b", "The mark `<|user|>` begins b"),
    ],
)  # fmt: skip
def test_the_next_users_turn_is_no_answer(text: str, expected: str | None) -> None:
    """Of a model that does not stop; a prompt that is logged before the answer is left alone."""
    assert answer_part(text) == expected


@pytest.mark.parametrize(("opens", "closes"), ASIDES)
def test_what_is_not_for_the_reader_is_no_answer(opens: str, closes: str) -> None:
    """Calls of tools in every form, closed or cut off."""
    assert answer_part(f"<think>a</think>{opens}f(\\boxed{{42}}){closes}") == "\n"
    assert answer_part(f"<think>a</think>b{opens}f(\\boxed{{42}})") == "b\n"
    if closes:
        assert answer_part(f"<think>a</think>{opens}f(41){closes}b") == "\nb"
