from __future__ import annotations

import time

import pytest

from smallscale_ci.judges.extract import boxed, candidates, last_number, stated


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"so \boxed{5}.", "5"),
        (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{1}{\sqrt{2}}"),
        (r"\boxed 5", "5"),
        (r"$\boxed 52$ is it", "52"),
        (r"\boxed{1} no wait, \boxed{2}", "2"),
        (r"\boxed{1}, and $\boxed{2}$", "1, 2"),
        (r"$x=\boxed{1}$ or $\boxed{2}$", "1, 2"),
        (r"$x=\boxed{1}$ or $x=\boxed{2}$", "1, 2"),
        (r"$a=\boxed{1}$ and $b=\boxed{2}$", "2"),
        (r"$x = \boxed{1}$ and $x=\boxed{2}$", "1, 2"),
        (r"$x = \boxed{1}$ or, the other way round, $x=\boxed{-1}$", "1, -1"),
        (r"$x = \boxed{1}$. No: or rather $x=\boxed{-1}$", "-1"),
        (r"\boxed{1} \text{ for (a) and } \boxed{2}", "1, 2"),
        (r"so \\boxed{7}", "7"),
        (r"so \\\\boxed{7}", "7"),
        ("\\boxed{7}\n\n\\boxed{7}", "7"),
        (r"\boxed{3}. Again: \boxed{}", "3"),
        (r"\boxed{}", None),
        (r"\boxed{ }", None),
        (r"\boxed{\boxed{4}}", r"\boxed{4}"),
        (r"\fbox{9}", "9"),
        (r"a set { and \boxed{5}", "5"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"$\boxed{\frac{1}{2}$ is the answer", r"\frac{1}{2}"),
        (r"\boxed{12", None),
        (r"\boxed{3} then \boxed{12", "3"),
        ("nothing", None),
        (r"\boxedtext{5}", None),
    ],
)
def test_boxed(text: str, expected: str | None) -> None:
    assert boxed(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The answer is 5.", "5"),
        ("### Answer\n5", "5"),
        ("So it is.\n\n**Final Answer**\n\n**5**", "5"),
        ("### Final Answer:\n$x = 5$", "$x = 5$"),
        ("### Answer\nWe had five of them at first.", None),
        ("<answer>5</answer>", "5"),
        ("\\textbf{Answer: } 5", "5"),
        ("The answer is 3.5. Good.", "3.5"),
        ("Therefore, the final answer is: $\\frac{1}{2}$.", "$\\frac{1}{2}$"),
        ("**Answer:** 12 apples", "12 apples"),
        ("**Final Answer**\n\n**Answer: 7**", "7"),
        ("#### 42", "42"),
        ("The answer is 4. No: the answer is 5 because 2+3=5.", "5"),
        ("The correct answer to the question is B, which is blue", "B"),
        ("The answer is:\n\n12\n\nDone", "12"),
        ("The answer is:\n\n$$\n12\n$$\nDone", "12"),
        ("**Final answer:**\n\\[\n\\frac{1}{2}\n\\]", "\\frac{1}{2}"),
        ("The answer is $$12$$.", "$$12$$"),
        ("The answer is not 5", None),
        ("I cannot answer.", None),
        ("The answer is actually 16.", "16"),
        ("The answer is indeed simply 7.", "7"),
        ("The answer is equal to 7.", "7"),
        ("The answer is always 2.", "2"),
        ("The answer is, of course, $7$.", "$7$"),
        ("The answer is most likely -3.", "-3"),
        ("The answer is obviously \\frac{1}{2}.", "\\frac{1}{2}"),
        ("The answer is always even.", "always even"),
        ("The answer is at least 2.", "at least 2"),
        ("The answer is therefore given by $x^2$.", "$x^2$"),
        ("The answer is approximately 3.2.", "3.2"),
        ("The answer is $\\frac{1}{2}$, i.e. 0.5.", "$\\frac{1}{2}$"),
        ("The answer is 5, that is, five.", "5"),
        ("the answer is now known", "known"),
        ("The correct option is B.", "B"),
        ("the best choice: 7", "7"),
        ("the option is yours", None),
        ("<answer>\nSo the result", None),  # cut off
        ("The answer is 4. <answer>\nThe final value", None),
        ("<answer>so 5", "so 5"),  # stopped at </answer>, which is left out
        ("<answer>Paris", "Paris"),
        ("<answer>So the result</answer>", "So the result"),
        ("<SOLUTION>36</SOLUTION>", "36"),
        ("<SOLUTION>\n\\frac{1}{2}\n</SOLUTION>", "\\frac{1}{2}"),
        ("<CONCLUSION> 36 </CONCLUSION>", "36"),
        ("<final_answer>36</final_answer>", "36"),
        ("<solution>6 apples</solution>", "6 apples"),
        ("<solution>There is not enough information</solution>", None),
        ("<solution>First we add 3.\nThen 4.</solution>", None),
        ("<solution>36", None),
        ('{"answer": 8}', "8"),
        ('```json\n{"steps": ["2+6"], "final_answer": "8"}\n```', "8"),
        ('{"answer": "\\\\frac{1}{2}"}', "\\frac{1}{2}"),
        ('{"answer": "\\frac{1}{2}"}', "\\frac{1}{2}"),  # a backslash that JSON asks to double
        ('{"answer": "-3,5", "confidence": 0.9}', "-3,5"),
        ('{"answer": ""}', None),
        ('{"answer": null}', None),
        ('{"answer": 8} No: the answer is 9.', "9"),
        ('The answer is 9. {"answer": 8}', "8"),
    ],
)
def test_stated(text: str, expected: str | None) -> None:
    assert stated(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("so 3 + 4 = 7.", "7"),
        ("it is -5", "-5"),
        ("8-5", "5"),
        ("we get $1,234.50 in all", "$1,234.50"),
        ("that is 30%", "30%"),
        ("about 1/2", "1/2"),
        ("gives \\frac{3}{4} of it", "\\frac{3}{4}"),
        ("none", None),
    ],
)
def test_last_number(text: str, expected: str | None) -> None:
    assert last_number(text) == expected


def test_rules_are_tried_in_the_order_given() -> None:
    text = r"The answer is 4. I mean \boxed{5}. There are 6."
    finds = [(found.text, found.rule) for found in candidates(text, ("stated", "boxed"))]
    assert finds == [("4", "stated"), ("5", "boxed")]
    assert next(candidates(text, ("last-number",))).text == "6"


def test_boxes_with_several_names_are_kept_with_their_names() -> None:
    found = next(candidates(r"$a=\boxed{1}$ and $b=\boxed{2}$", ("boxed",)))
    assert (found.text, found.named) == ("2", "a = 1, b = 2")
    assert next(candidates(r"$b=\boxed{2}$", ("boxed",))).named is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<p><b>Answer:</b> 42</p>", "42"),
        ("<div>The answer is <strong>4</strong>.</div>", "4"),
        ("The answer is x<sup>2</sup>.<br>Done.</p>", "x^{2}"),
        ("答案：42", "42"),
        ("所以最终答案为 42。", "42"),
        ("したがって、答えは42です。", "42"),
        ("정답은 42입니다.", "42"),
    ],
)
def test_statements_in_html_and_other_scripts(text: str, expected: str) -> None:
    assert next(candidates(text, ("stated",))).text == expected


def test_special_tokens_are_no_part_of_an_answer() -> None:
    assert next(candidates("The answer is 5<|im_end|>", ("stated",))).text == "5"


@pytest.mark.parametrize(
    "text",
    [
        "\\boxed{" * 20_000,
        "\\boxed{" * 20_000 + "}" * 20_000,
        "\\boxed" * 20_000,
        "{" * 100_000 + "\\boxed{1}",
        "the answer is " * 10_000,
        "answer" * 20_000,
        "the correct option " * 10_000,
        "1," * 50_000,
        " " * 100_000,
        "\n" * 100_000 + "5",
        "### answer\n" * 10_000,
        "x=\\boxed{5} or " * 10_000,
        "9" * 100_000,
        "\\frac{" * 20_000,
        "<solution>" * 20_000,
        "<solution>" + " " * 200_000 + "x",
        '{"answer": "' * 20_000,
        '{"answer": "' + "a" * 200_000,
    ],
)
def test_time_is_linear(text: str) -> None:
    begin = time.process_time()
    list(candidates(text, ("boxed", "stated", "last-number")))
    assert time.process_time() - begin < 5.0  # quadratic would be minutes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"It is $\boxed{4}$, not $\boxed{6}$.", "4"),
        (r"It isn't $\boxed{6}$ but $\boxed{4}$.", "4"),
        (r"$\boxed{4}$. Rather tempting: $\boxed{6}$ is wrong.", "4"),
        (r"\boxed{4}. Clearly \(\boxed{6}\) isn't correct.", "4"),
        (r"\boxed{6} is incorrect.", None),
        (r"If it is not, then $\boxed{4}$.", "4"),
        (r"The number is larger than $\boxed{4}$.", "4"),
    ],
)
def test_a_box_that_is_denied_does_not_count(text, expected):
    assert boxed(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "Die Antwort lautet: 42.",
        "Antwort: 42",
        "Die Lösung ist also 42, da 6 mal 7 so viel ergibt.",
        "La réponse finale est 42.",
        "Réponse : 42",
        "La respuesta es 42, porque 6 por 7 es eso.",
        "La risposta corretta è 42.",
        "Resposta: 42",
        "Ответ: 42",
        "Ответ — 42.",
        "Odpowiedź: 42",
        "Cevap: 42",
        "Đáp số: 42",
    ],
)
def test_stated_in_other_languages(text):
    assert stated(text) == "42"


@pytest.mark.parametrize("text", ["The answer is 27, not 72.", "The answer is 27, rather than 72."])
def test_what_an_answer_is_set_against_is_no_part_of_it(text):
    assert stated(text) == "27"
