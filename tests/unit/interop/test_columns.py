"""Which column holds what: as files usually call them, or as --columns says."""

from pathlib import Path

import pytest

from smallscale_ci.errors import UsageError
from smallscale_ci.interop.columns import cell, columns_of, without_verdicts
from smallscale_ci.interop.rows import RowFile


def file(*columns: str) -> RowFile:
    return RowFile(Path("f.jsonl"), columns, None, {})


def test_usual_names_are_known_in_any_spelling():
    found = columns_of(file("Question ID", "prompt", "Model Output", "is-correct", "extra"), {})
    assert found == {
        "problem": "Question ID",
        "question": "prompt",
        "text": "Model Output",
        "score": "is-correct",
    }


def test_the_exact_name_goes_before_another_spelling_of_it():
    assert columns_of(file("Text", "text"), {})["text"] == "text"


def test_what_is_named_replaces_what_was_found_and_is_used_once():
    found = columns_of(file("answer", "gold"), {"text": "answer"})
    assert found == {"text": "answer", "gold": "gold"}
    assert "gold" not in columns_of(file("answer"), {"text": "answer"})


def test_the_batch_api_holds_the_answer_deep_inside():
    found = columns_of(file("custom_id", "response", "error"), {})
    row = {"response": {"body": {"choices": [{"message": {"content": "4"}}]}}}
    assert cell(row, found["text"]) == "4"
    assert cell(row, found["finish"]) is None


def test_a_column_whose_name_has_a_dot_is_itself():
    assert cell({"a.b": 1, "a": {"b": 2}}, "a.b") == 1
    assert cell({"a": [{"b": 2}]}, "a.0.b") == 2
    assert cell({"a": [{"b": 2}]}, "a.1.b") is None


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"txet": "output"}, "unknown column 'txet'"),
        ({"text": "outptu"}, "has no column 'outptu'"),
    ],
)
def test_a_name_that_is_wrong_is_refused_with_the_nearest_one(named, said):
    with pytest.raises(UsageError, match=said) as error:
        columns_of(file("output"), named)
    assert "did you mean" in error.value.message.lower()


def test_without_the_tools_verdicts_its_texts_are_left():
    assert without_verdicts({"text": "a", "score": "b", "outcome": "c"}) == {"text": "a"}


@pytest.mark.parametrize(
    ("columns", "gold"),
    [
        (("ctx", "endings", "label"), "label"),
        (("question", "opa", "opb", "opc", "opd", "cop"), "cop"),
        (("premise", "choice1", "choice2", "label"), "label"),
        (("sentence", "option1", "option2", "answer", "label"), "answer"),
        (("question", "answerA", "answerB", "answerC", "label"), "label"),
        (("problem", "solution", "response"), "solution"),
        (("prompt", "reward_model", "output"), "reward_model.ground_truth"),
        (("text", "label"), None),  # it may be a verdict, or anything
    ],
)
def test_golds_of_published_data_sets(columns, gold):
    assert columns_of(file(*columns), {}).get("gold") == gold
