from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.config.load import load
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.pairs.leakage import find_leaks, refuse, similarity, words
from smallscale_ci.records import Problem
from smallscale_ci.suite.local import load_suite

CONFIGS = Path(__file__).parents[3] / "configs"
LONG = (
    "A train leaves the station at 9 in the morning with 120 passengers. At the next stop 35 of "
    "them get off and 20 others get on. How many passengers are on the train now?"
)


def problem(
    question: str, gold: str = "1", choices: tuple[str, ...] = (), name: str = ""
) -> Problem:
    return Problem(name or f"id-{question[:8]}", "task", question, gold, choices)


def kinds(training: Problem, *evaluation: Problem) -> list[str]:
    return [leak.kind for leak in find_leaks([training], {"held-out": evaluation})]


def suite(name: str) -> tuple[Problem, ...]:
    return load_suite(load(SuiteConfig, name, (CONFIGS,)), CONFIGS / "suites").problems


@pytest.mark.parametrize(
    "same",
    [
        "What is $12 \\times 5$?",
        "what is 12 × 5",
        "  WHAT   is 12 · 5 ?!",
        "What is\n\\left. 12 \\cdot 5 ?",
    ],
)
def test_case_marks_and_mathematical_notation_hide_nothing(same):
    assert kinds(problem(same), problem("What is 12 * 5?")) == ["exact"]


@pytest.mark.parametrize("other", ["What is 12 * 6?", "What is 12 + 5?", "What is 1.2 * 5?"])
def test_other_numbers_or_operators_make_another_problem(other):
    assert kinds(problem(other), problem("What is 12 * 5?")) == []


def test_a_word_changed_or_a_sentence_added_is_found():
    near = LONG.replace("How many passengers", "How many people")
    assert kinds(problem(near), problem(LONG)) == ["near"]
    around = f"Solve this. {LONG} Think step by step, write down all that you do, and check it."
    assert kinds(problem(around), problem(LONG)) == ["contains"]
    assert kinds(problem(f"{LONG} And {LONG.lower()}"), problem(LONG)) == ["contains"]


FARM = "A farmer has 12 sheep and buys 7 more. How many sheep does he have now?"
RIVER = "What is the name of the river on which the city of Paris lies?"
METAL = (
    "Which property of a metal makes it a good material for the wires that carry a current through "
    "a house?"
)


@pytest.mark.parametrize(
    ("near", "text"),
    [
        (FARM.replace("7 more", "7 more sheep"), FARM),
        (FARM.replace("A farmer", "A shepherd"), FARM),
        (METAL.replace("a current", "the current"), METAL),
    ],
)
def test_a_word_changed_in_a_text_of_a_sentence_or_two_is_found(near, text):
    assert kinds(problem(near), problem(text)) == ["near"]


@pytest.mark.parametrize(
    ("other", "text"),
    [
        (FARM.replace("12", "13"), FARM),
        (FARM.replace("7", "12").replace("12 sheep", "7 sheep"), FARM),
        ("Solve for x: 3x − 5 = 20", "Solve for x: 3x + 5 = 20"),
        ("What is the sum of 12 and 30?", "What is the product of 12 and 30?"),
        (RIVER.replace("Paris", "London"), RIVER),
    ],
)
def test_another_number_or_name_in_a_short_text_makes_another_problem(other, text):
    assert kinds(problem(other), problem(text)) == []


def test_options_count_where_the_question_says_nothing():
    true = "Which of these is true?"
    one = problem(true, "B", ("Snow is red", "Coal is black"))
    assert kinds(one, problem(true, "A", ("Milk is white", "Tar is blue"))) == []
    assert kinds(one, problem(true, "A", ("Coal is black", "Tar is blue"))) == ["exact"]
    assert kinds(problem("What is 3 + 4?", "7"), problem("What is 3 + 4?", "A", ("7", "8"))) == [
        "exact"
    ]


def test_each_problem_is_named_with_what_it_resembles_most():
    near = LONG.replace("120", "130")
    leaks = find_leaks([problem(near, name="mine")], {"held-out": [problem(LONG, name="theirs")]})
    error = refuse(leaks * 7)
    assert "7 training problems are in the evaluation" in error.message
    assert "task/mine (“A train leaves" in error.message
    assert "% like held-out/task/theirs (“A train" in error.message
    assert "and 2 more" in error.message
    assert "pairs.leaks=drop" in error.hint


def test_the_shipped_training_suite_is_in_no_shipped_evaluation():
    evaluation = {name: suite(name) for name in ("smoke", "smoke-code")}
    assert find_leaks(suite("smoke-train"), evaluation, threshold=0.6) == ()
    assert len(find_leaks(suite("smoke"), evaluation)) == 600


texts = st.lists(
    st.sampled_from(["a", "b", "c", "1", "2", "+", "the", "of"]), min_size=1, max_size=12
)


@given(st.lists(texts, min_size=1, max_size=6), texts, st.sampled_from([0.5, 0.8, 1.0]))
def test_the_index_finds_what_comparing_every_pair_finds(evaluation, training, threshold):
    theirs = [" ".join(text) for text in evaluation]
    found = find_leaks(
        [problem(" ".join(training), "")], {"e": [problem(text, "") for text in theirs]}, threshold
    )
    best = max(similarity(words(" ".join(training)), words(text)) for text in theirs)
    if best >= threshold:
        assert found[0].similarity == pytest.approx(best)
    elif found:
        assert found[0].kind == "contains"


def test_an_empty_text_resembles_nothing():
    assert kinds(problem("?!"), problem(LONG), problem("…")) == []
