import time

import pytest

from smallscale_ci.judges.verdict import verdict

REASON = "The reference is 4, and the answer is four."


@pytest.mark.parametrize(
    "form",
    [
        "§", "§.", " **§.**\n", "'§'", "`§`", "§!", "§, because they agree.",
        "§ because they agree.", "§: they are equal.", "§ - " + REASON, "§. " + REASON,
        "Answer: §", "answer: §", "**Answer:** §", "Final answer: §", "Verdict: §.",
        "My verdict is: §", "The answer is §.", "Judgement: **§**", "## Verdict\n\n§",
        r"\boxed{§}", r"$\boxed{\text{§}}$", "The verdict: \\boxed{§}",
        REASON + "\n\n§", REASON + "\n§.", REASON + "\nAnswer: §", REASON + " §.",
        '{"answer": "§"}', '{"verdict": "§", "reason": "x"}', '```json\n{"answer": "§"}\n```',
        "<answer>§</answer>", "<think>Yes? No? Yes.</think>\n§", "§\n\n" + REASON,
        "[[§]]", "(§)", "> §", "[§]", "# §", "### §\n\n" + REASON, "Verdict: [[§]]",
        "§ ✅", "❌ §", "Verdict — §", "§ (the terms are in another order)",
        "§\n\nExplanation: yes and no.",
        "§, the answer comes to the same result.", "§\n§", "Therefore, §.",
        '[{"type": "text", "text": "§"}]',
    ],
)  # fmt: skip
@pytest.mark.parametrize(("word", "agrees"), [("Yes", True), ("no", False), ("No", False)])
def test_forms_of_yes_and_no(form, word, agrees):
    assert verdict(form.replace("§", word)) is agrees


@pytest.mark.parametrize(
    ("said", "agrees"),
    [
        ('{"correct": true}', True),
        ('{"equal": false}', False),
        ('{"is_equivalent": true}', True),
        ('{"is_correct": false, "why": "No."}', False),
    ],
)
def test_truth_values_of_json(said, agrees):
    assert verdict(said) is agrees


@pytest.mark.parametrize(
    "said",
    [
        "", "maybe", "yes no", "Yes/No", "Answer: Yes or No", "Yesterday", "No doubt about it",
        "Nothing", "Yes. No.", "Yes, they agree. No, they do not.", "Answer: Yes\nAnswer: No",
        "Answer: Yes\n\nNo.", "<think>Yes", "I think it may be", '{"answer": "maybe"}',
        '{"answer": "yes", "verdict": "no"}', "Reply Yes or No", "There is no difference",
        r"\boxed{Yes} but no: \boxed{No}", "I would say that the answer might be right", "{}",
    ],
)  # fmt: skip
def test_anything_else_is_no_verdict(said):
    assert verdict(said) is None


@pytest.mark.parametrize(
    ("said", "agrees"),
    [
        ("A: CORRECT", True), ("B: INCORRECT", False),
        ("Result: incorrect", False), ("They differ.", False),
        ("Correct", True), ("Incorrect.", False), ("True", True), ("false", False),
        ("The answer is correct.", True), ("The answer is not correct.", False),
        ("The model's answer is incorrect.", False), ("They are equivalent.", True),
        ("The two answers are not equivalent.", False), ("They aren't equal.", False),
        ("Both are the same.", True), ("They do not match.", False), ("Verdict: incorrect", False),
        ("1/3 is 0.333…\n\nThe answers are equal.", True), ("2/4 is 1/2, so yes.", True),
        ("The answers match.", True), ("Mismatch", False), ("I would say yes.", True),
        ("The given answer is equivalent to the reference.", True),
        ("It is not the same as the reference answer.", False), ("I say that it depends", None),
        ("Yes. On second thought, no.", None), ("Yes, but the signs differ, so strictly no.", None),
        ("Yes, partially.", None), ("Incorrect. The final answer is 6.", False),
        ('The gold is "No", the answer is "Yes". They differ.', False),
        ("It is the same. → Yes", True), ("They differ => No", False),
        ("Yes.\nThe answer is wrong.", None), ("The reference answer is correct.", None),
        ("It is correct that the signs differ", None), ("The student's answer is correct.", True),
        ("The student's final answer is incorrect.", False),
        ("The submitted solution is wrong.", False),
        ("The assistant’s response is equivalent to the reference.", True),
        ("The predicted answer does not match the reference answer.", False),
        ("The reference solution is correct.", None), ("The student is right.", None),
    ],
)  # fmt: skip
def test_verdicts_in_other_words(said, agrees):
    assert verdict(said) is agrees


def test_long_answers_take_no_time():
    begin = time.process_time()
    for unit in ("the answer is not ", "yes, ", "Answer ", "yes ", "No, ", "{", "\\boxed{", "- "):
        verdict(unit * 50_000)
    assert time.process_time() - begin < 5
