"""What all configuration files have in common."""

import math
import typing

import pytest
from pydantic import ValidationError

from smallscale_ci.config import grid, pairs, policy, profile, run, suite, train
from smallscale_ci.config.base import Config, NamedConfig

# A set's order is each process's own, and all of them have to collect the same tests.
MODELS = sorted(
    {
        model
        for module in (grid, pairs, policy, profile, run, suite, train)
        for model in vars(module).values()
        if isinstance(model, type) and issubclass(model, Config) and model is not NamedConfig
    },
    key=str,
)
NUMBERS = sorted(
    (
        (model, field)
        for model in MODELS
        for field in model.model_fields
        if "float" in str(typing.get_type_hints(model, include_extras=True)[field])
        and "dict" not in str(typing.get_type_hints(model)[field])
    ),
    key=str,
)


def problems(model, value):
    with pytest.raises(ValidationError) as caught:
        model.model_validate(value)
    return {error["loc"]: error["type"] for error in caught.value.errors()}


@pytest.mark.parametrize(("model", "field"), NUMBERS, ids=lambda one: getattr(one, "__name__", one))
def test_no_number_of_a_file_is_infinite_or_none(model, field):
    """`eval --time-budget inf` wrote a run folder that nothing could read back."""
    for value in (math.inf, math.nan, [math.inf]):
        found = problems(model, {field: value})
        assert any(loc[0] == field for loc in found)


def test_there_are_numbers_to_look_at():
    assert {"temperature", "price_per_gpu_hour", "learning_rate", "accuracy"} <= {
        field for _, field in NUMBERS
    }


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_no_file_has_keys_that_nobody_reads(model):
    assert problems(model, {"no_such_key": 1})[("no_such_key",)] == "extra_forbidden"


@pytest.mark.parametrize("name", ["a", "A.b-c_1", "7b"])
def test_names_can_be_names_of_folders(name):
    assert NamedConfig(name=name).name == name


@pytest.mark.parametrize("name", ["", ".", "../x", "a/b", "-x", "a b", "ä", "a\n"])
def test_a_name_that_leads_elsewhere_is_refused(name):
    assert ("name",) in problems(NamedConfig, {"name": name})


def test_a_text_is_not_taken_for_a_number_nor_one_for_true():
    assert problems(suite.SamplingConfig, {"max_tokens": "512"}) == {("max_tokens",): "int_type"}
    assert problems(train.TrainRecipe, {"offload": 1})[("offload",)] == "bool_type"
