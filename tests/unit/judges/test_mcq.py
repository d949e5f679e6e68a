from __future__ import annotations

import json
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from helpers.published import data_file
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.mcq import McqJudge
from smallscale_ci.judges.options import options_of
from smallscale_ci.records import Outcome, Problem

SPEC = JudgeSpec("mcq")
QUESTION = """Which effect is the most likely?

Options:
A. Planetary density will decrease.
B. Planetary years will become longer.
C. Planetary days will become shorter.
D. Planetary gravity will become stronger.
"""
METALS = "Which one is attracted by magnets?\nA. copper\nB. iron\nC. gold\nD. silver"
CORPUS = Path(__file__).parents[2] / "data/mcq_corpus.jsonl"
ARC = "data/bench/mcq/arc-c/test_arc-c.parquet"


def rule(text: str, gold: str = "C", question: str = QUESTION, spec: JudgeSpec = SPEC) -> Outcome:
    return McqJudge().judge(Problem("p", "t", question, gold), text, spec).outcome


@pytest.mark.parametrize(
    "text",
    [
        r"\boxed{C}",
        r"\boxed{(C)}",
        r"\boxed{c}",
        r"\boxed{\text{C}}",
        r"\boxed{\textbf{(C) }}",
        r"\boxed{C.}",
        r"\boxed{C. Planetary days will become shorter.}",
        r"\boxed{C Planetary days will become shorter}",
        r"\boxed{\text{Planetary days will become shorter}}",
        r"\boxed{Option C}",
        "The answer is C.",
        "The correct answer is (C) because days shorten.",
        "The answer is **C**.",
        "Answer: C",
        "The answer is: C. Planetary days will become shorter.",
        "<think>\\boxed{A}</think> so \\boxed{C}",
        "\\boxed{A} no, \\boxed{C}",
        "the answer is planetary days will become shorter.",
        "The correct option is C",
        "### Answer\nC",
        "<answer>C</answer>",
        "<SOLUTION>C</SOLUTION>",
        "<CONCLUSION> C </CONCLUSION>",
        "So the best choice here is (C).",
        "C",
        "Option C is the right choice of many.",
        "The answer is C, not A.",
        r"\boxed{Ｃ}",
        "__C__",
        "Is it B? No. Therefore, C.",
        '{"answer": ["C"]}',
        "So my final answer would be C.",
        "Damit ist Antwort C richtig.",
        "Daher ist die Antwort C korrekt.",
        "C'est donc la réponse C qui est juste.",
        "Por lo tanto, es correcta la opción C.",
        "Quindi è corretta la risposta C.",
        "Portanto, está correta a alternativa C.",
        r"\boxed{'C'}",
        r"\boxed{C, planetary days will become shorter}",
        r"\boxed{\rm C}",
        r"\boxed{\boldsymbol{C}}",
        r"\boxed{\textrm{(C)}}",
        r"\boxed{C \quad \text{planetary days will become shorter}}",
        r"\boxed{C\ \text{planetary~days will become shorter}}",
        r"\boxed{\text{C (Planetary days will become shorter)}}",
    ],
)
def test_correct(text: str) -> None:
    assert rule(text) is Outcome.CORRECT


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\boxed{B}", Outcome.WRONG),
        (r"\boxed{E}", Outcome.WRONG),
        (r"\boxed{B, C}", Outcome.WRONG),
        (r"\boxed{A and C}", Outcome.WRONG),
        (r"\boxed{\text{A (Planetary days will become shorter)}}", Outcome.WRONG),
        (r"\boxed{BC}", Outcome.WRONG),
        (r"\boxed{A. Planetary days will become shorter.}", Outcome.WRONG),
        (r"\boxed{}", Outcome.UNPARSED),
        ("", Outcome.UNPARSED),
        ("A planet turns faster. Consider C", Outcome.UNPARSED),
        ("The answer is A planet.", Outcome.UNPARSED),
        ("<think> so \\boxed{C}", Outcome.UNPARSED),
        (r"\boxed{days}", Outcome.UNPARSED),
        (r"\boxed{not C}", Outcome.UNPARSED),
        ("Ist Option C richtig?", Outcome.UNPARSED),
        ('{"answer": ["C", "B"]}', Outcome.WRONG),
        ("If days were longer, the answer would be C, but nothing is said.", Outcome.UNPARSED),
        ("Wenn es so ist, wäre die Antwort C.", Outcome.UNPARSED),
        ("Nicht richtig ist Antwort C.", Outcome.UNPARSED),
        ("Damit ist Antwort C nicht richtig.", Outcome.UNPARSED),
        ("No es correcta la opción C.", Outcome.UNPARSED),
        ("No es la opción C.", Outcome.UNPARSED),
        ("Non è la risposta C.", Outcome.UNPARSED),
        ("Não é a alternativa C.", Outcome.UNPARSED),
        ("Das ist nicht Option C.", Outcome.UNPARSED),
        ("Ce n'est donc pas la réponse C qui convient.", Outcome.UNPARSED),
        ("The answer is not C.", Outcome.UNPARSED),
        ("A, B, C or D", Outcome.UNPARSED),
    ],
)
def test_not_correct(text: str, expected: Outcome) -> None:
    assert rule(text) is expected


@pytest.mark.parametrize("word", ["certainly", "obviously", "of course", "in fact", "only"])
def test_words_between_the_phrase_and_the_label(word: str) -> None:
    assert rule(f"We look. The answer is {word} C.") is Outcome.CORRECT
    assert rule(f"We look. The answer is {word} B.") is Outcome.WRONG


@pytest.mark.parametrize(
    "text",
    [
        "Many people say the answer is certainly C. They're mistaken.",
        "The answer is most likely C. Actually B.",
        "The most tempting choice is presumably C, but B is correct.",
        "One might expect that the answer must be C. It isn't; choose B.",
        "The answer is B. Many think the answer must be C.",
    ],
)
def test_what_others_think_and_what_is_only_likely_is_no_statement(text: str) -> None:
    assert rule(text) is not Outcome.CORRECT


def test_such_a_word_may_be_an_option() -> None:
    question = "When does it rain?\nA. always\nB. never\nC. only once"
    assert rule("The answer is always.", "A", question) is Outcome.CORRECT
    assert rule("The answer is only once.", "C", question) is Outcome.CORRECT


def test_letter_rule_takes_letters_that_stand_alone() -> None:
    spec = JudgeSpec("mcq", ("boxed", "stated", "letter"))
    for text in ("C", "(C)", "C.", "**C**", "C. Planetary days", "It slows.\n\nC"):
        assert rule(text, spec=spec) is Outcome.CORRECT, text
    assert rule("A planet turns", spec=spec) is Outcome.UNPARSED


def test_options_come_from_choices_or_from_the_question() -> None:
    problem = Problem("p", "t", "Pick", "B", choices=("red", "blue", "navy blue"))
    assert McqJudge().judge(problem, r"\boxed{blue}", SPEC).outcome is Outcome.CORRECT
    assert options_of(Problem("p", "t", QUESTION, "A")).labels == ("A", "B", "C", "D")


def test_two_options_with_the_same_text_identify_none() -> None:
    problem = Problem("p", "t", "Pick", "B", choices=("the red", "red", "blue"))
    assert McqJudge().judge(problem, r"\boxed{red}", SPEC).outcome is Outcome.UNPARSED


def test_options_that_are_numbers() -> None:
    question = "How many?\nA. 1\nB. 2\nC. 12\nD. 0.5"
    assert rule(r"\boxed{12}", "C", question) is Outcome.CORRECT
    assert rule(r"\boxed{2}", "B", question) is Outcome.CORRECT
    assert rule(r"\boxed{3}", "C", question) is Outcome.UNPARSED


def test_labels_that_are_digits() -> None:
    question = "How many?\nOptions:\n1. 23\n2. 47\n3. 94\n4. 188\n"
    assert rule(r"\boxed{2}", "2", question) is Outcome.CORRECT
    assert rule(r"\boxed{B}", "2", question) is Outcome.CORRECT
    assert rule(r"\boxed{47}", "2", question) is Outcome.CORRECT
    assert rule(r"\boxed{3}", "2", question) is Outcome.WRONG


def test_a_gold_that_is_no_option_is_an_error_not_a_wrong_answer() -> None:
    assert rule(r"\boxed{C}", gold="F") is Outcome.ERRORED


def test_every_published_gold_is_equal_to_itself() -> None:
    rows = pq.read_table(data_file(ARC)).to_pylist()
    wrong = [
        row
        for row in rows
        if rule(f"\\boxed{{{row['answer']}}}", row["answer"], row["problem"]) is not Outcome.CORRECT
    ]
    assert (len(rows), wrong) == (1172, [])
    for row in rows:  # its text alone names it, too, where no other option has the same text
        options = options_of(Problem("p", "t", row["problem"], row["answer"]))
        index = options.index(row["answer"])
        assert index is not None
        if options.texts.count(options.texts[index]) == 1:
            text = f"The answer is:\n\\boxed{{\\text{{{options.texts[index]}}}}}"
            assert rule(text, row["answer"], row["problem"]) is Outcome.CORRECT, row


PIECES = st.sampled_from(
    [
        *"ABCDab12.,;:!'\"()[]{}$*#|\\\n\x00Ａ",
        *(
            "the answer is ",
            "Answer: ",
            r"\boxed{",
            r"\text{",
            "<think>",
            "</think>",
            "not ",
            " or ",
        ),
        *("option ", "Planetary days will become shorter", "A. Planetary", "```", "\ud800"),
    ]
)


@settings(max_examples=300, deadline=2000, derandomize=True)
@given(text=st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=200))
def test_no_text_raises(text: str) -> None:
    spec = JudgeSpec("mcq", ("boxed", "stated", "letter"))
    ruling = McqJudge().judge(Problem("p", "t", QUESTION, "C"), text, spec)
    assert ruling.outcome is not Outcome.ERRORED


def test_the_corpus_is_judged_as_labelled() -> None:
    """860 answers in eleven languages, labelled before the judge saw them."""
    wrong = []
    for row in map(json.loads, CORPUS.read_text(encoding="utf-8").splitlines()):
        question = "\n".join(["Which?", *row["options"]]) if "options" in row else METALS
        found = rule(row["text"], row["gold"], question)
        if found.value != row["expected"]:
            wrong.append((row["text"], row["expected"], found.value))
    assert wrong == []


def test_repeated_options_are_no_answer_with_the_rule_letter_either() -> None:
    spec = JudgeSpec("mcq", ("boxed", "stated", "letter"))
    listed = METALS.partition("\n")[2]
    for gold in "ABCD":
        assert rule(listed, gold, METALS, spec) is Outcome.UNPARSED
        assert rule(f"{METALS}\n\nAnswer:", gold, METALS, spec) is Outcome.UNPARSED


def test_texts_go_before_letters_in_the_gold() -> None:
    problem = Problem("p", "t", "Pick", "4", choices=("2", "3", "4", "5"))
    assert McqJudge().judge(problem, r"\boxed{C}", SPEC).outcome is Outcome.CORRECT
    assert McqJudge().judge(problem, r"\boxed{D}", SPEC).outcome is Outcome.WRONG
    several = Problem("p", "t", "Pick", "B", choices=("2", "3", "4"), also=("4",))
    assert McqJudge().judge(several, r"\boxed{C}", SPEC).outcome is Outcome.CORRECT


HOSTILE = (
    "The answer is ", "if not whether the ", "(A) ", "Option A, ", "A. copper\n", "so it is ",
    "((", '"answer": "', "答案是", "**B, x", "   ", "\n", "***", "A is ", "<answer>",
)  # fmt: skip


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_texts_take_no_time(unit: str) -> None:
    spec = JudgeSpec("mcq", ("boxed", "stated", "letter"))
    begin = time.process_time()
    rule(unit * (400_000 // len(unit)), "B", METALS, spec)
    assert time.process_time() - begin < 5


@pytest.mark.parametrize(
    "line",
    ["{}. {}", "{}) {}", "({}) {}", "{}: {}", "- {}. {}", "**{}.** {}", "[{}] {}", "{} - {}"],
)
def test_lines_of_options(line: str) -> None:
    texts = ("copper", "iron", "gold", "silver")
    listed = [line.format(label, text) for label, text in zip("ABCD", texts, strict=True)]
    found = options_of(Problem("p", "t", "\n".join(["Which?", *listed, "Answer:"]), "B"))
    assert (found.labels, found.texts) == (tuple("ABCD"), texts)


def test_negative_numbers_keep_their_sign() -> None:
    question = "How much?\nA. 12\nB. -12\nC. 1.5\nD. -1.5"
    for text in ("The answer is -12.", "Answer: -12", r"\boxed{-12}", "= -12\n\n-12"):
        assert rule(text, "B", question) is Outcome.CORRECT, text


def test_every_published_question_that_is_only_repeated_is_not_answered() -> None:
    answered = []
    for row in pq.read_table(data_file(ARC)).to_pylist():
        options = options_of(Problem("p", "t", row["problem"], row["answer"]))
        pairs = list(zip(options.labels, options.texts, strict=True))
        right = options.texts[options.index(row["answer"]) or 0]
        repeated = (
            row["problem"],
            "\n".join(f"{label}. {text}" for label, text in pairs),
            "Options: " + " ".join(f"({label}) {text}" for label, text in pairs),
            "\n\n".join(f"**{label}. {text}** Let us see." for label, text in pairs),
        )
        ruled = [(text, rule(text, row["answer"], row["problem"])) for text in repeated]
        answered += [text for text, outcome in ruled if outcome is not Outcome.UNPARSED]
        after = "\n".join(f"{label}. {text}: see above." for label, text in pairs)
        for text in (
            f"So.\n\n**{row['answer']}. {right}**",
            f"Answer: {row['answer']}\n\n{after}",
            f"The correct answer is {row['answer']}: {right}",
        ):
            assert rule(text, row["answer"], row["problem"]) is Outcome.CORRECT, text
    assert answered == []


@pytest.mark.parametrize(
    "text",
    [
        "The answer isn't B but C.",
        "So I'll change my answer to C.",
        "I'm switching my choice from B to C.",
        "Answer: B\n\nWait, days are what changes.\n\nAnswer: C",
        "Eliminate A, B and D. The remaining option is C.",
        "It is C: planetary days will become shorter, which is the correct answer.",
        "The answer is 3.",
        "Jibu sahihi ni C.",
        "Oikea vastaus on C.",
        "Ang tamang sagot ay C.",
        "درست جواب C ہے۔",
        "योग्य उत्तर: C",
        "Câu trả lời đúng là C.",
        "התשובה הנכונה היא C.",
    ],
)
def test_changes_of_mind_numbers_and_more_languages(text):
    assert rule(text) is Outcome.CORRECT


@pytest.mark.parametrize(
    "text",
    [
        "The answer isn't C but B.",
        "The answer isn't C.",
        "I won't change my answer to C without a reason. The answer is B.",
        "Answer: C\n\nWait, years are what changes.\n\nAnswer: B",
        "Planetary days will become shorter, which is not the correct answer.",
        "The answer is 2.",
    ],
)
def test_what_is_left_behind_is_no_answer(text):
    assert rule(text) is not Outcome.CORRECT
