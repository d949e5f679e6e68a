"""What is wrong with a file, in words."""

import pytest
from pydantic import ValidationError

from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.config.problems import article, schema_hint, sentence
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.errors import own_problems

TASK = {
    "name": "t",
    "source": "f.jsonl",
    "prompt": {"user": "{question}"},
    "judge": {"name": "math"},
}


def problems(model, value):
    with pytest.raises(ValidationError) as error:
        model.model_validate(value)
    return [sentence(model, item) for item in own_problems(error.value)]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "is missing"),
        ({"name": 3}, "must be a string (quote it), not 3"),
        ({"name": "a b"}, "\"a b\" may hold letters, digits, '.', '_' and '-' only"),
        ({"name": "g", "alpha_pas": 0.1}, "unknown key (did you mean alpha_pass?)"),
        ({"name": "g", "max_epochs": "3"}, 'must be a whole number, not "3"'),
        ({"name": "g", "margins": [1]}, "must be a mapping, not a list"),
        ({"name": "g", "looks_per_epoch": 8}, "8 is not one of 1, 2, 4"),
        ({"name": "g", "looks_per_epoch": "2"}, '"2" is not one of 1, 2, 4'),
    ],
)
def test_a_problem_says_what_must_be_and_what_is(value, said):
    found = problems(GatePolicy, value)
    assert len(found) == 1
    assert found[0].replace("'alpha_pass'", "alpha_pass") == said


def test_a_list_is_not_too_short_because_its_items_are_wrong():
    task = {**TASK, "judge": {"name": "maths"}}
    found = problems(SuiteConfig, {"name": "s", "gate": "default", "tasks": (task,)})
    assert len(found) == 1
    assert '"maths" is not one of math,' in found[0]
    assert "math" in found[0].rpartition("(")[2]
    assert problems(SuiteConfig, {"name": "s", "gate": "g", "tasks": ()}) == ["must not be empty"]


def test_files_that_people_write_have_a_schema():
    assert "smallscale schema gate" in schema_hint(GatePolicy)
    assert (article("engine"), article("suite")) == ("an engine", "a suite")
