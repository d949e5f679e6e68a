"""The options that several commands have, as a request names them."""

from dataclasses import fields
from pathlib import Path

import pytest

from smallscale_ci.cli.groups import Budget, Engine, Folders, named_gpus
from smallscale_ci.cli.options import RuntimeName
from smallscale_ci.errors import UsageError
from smallscale_ci.pipeline.request import Request


@pytest.mark.parametrize(
    ("text", "gpus"),
    [
        ("", ()),
        ("all", ()),  # as docker's option of that name: it was one GPU called all
        ("0", ("0",)),
        (" 0, 1 ,2,", ("0", "1", "2")),
        ("GPU-8f3a-11,MIG-77aa", ("GPU-8f3a-11", "MIG-77aa")),
        ("nvidia.com/gpu=1:0", ("nvidia.com/gpu=1:0",)),
    ],
)
def test_gpus_are_named_one_by_one(text, gpus):
    assert named_gpus(text) == gpus


@pytest.mark.parametrize("text", ["0 1", "0-3", "0,1-2", "0,1 2"])
def test_several_gpus_in_one_word_are_refused(text):
    """The process would have been given a GPU called 0-3, and seen none."""
    with pytest.raises(UsageError, match="is not a GPU") as caught:
        named_gpus(text)
    assert "--gpus 0,1,2,3" in caught.value.hint


@pytest.mark.parametrize("text", ["0,0", "0,1, 0"])
def test_a_gpu_is_named_once(text):
    with pytest.raises(UsageError, match="names a GPU twice") as caught:
        named_gpus(text)
    assert "ranks_per_gpu" in caught.value.hint


def test_every_option_reaches_the_request_under_its_name_there():
    known = {field.name for field in fields(Request)}
    engine = Engine(seed=7, template=["a=1"], ranks=2, tp=4, gpus="0,1", runtime=RuntimeName.DOCKER)
    asked = {**engine.request(), **Budget(3, 1000, 2.5, 9.0).request()}
    assert asked.keys() <= known
    made = Request("m", **asked)
    assert (made.seed, made.template, made.ranks, made.tensor_parallel) == (7, ("a=1",), 2, 4)
    assert (made.gpus, made.runtime) == (("0", "1"), "docker")
    assert (made.max_epochs, made.token_budget, made.time_budget_min) == (3, 1000, 2.5)


def test_what_is_not_given_is_left_to_the_suite_and_the_profile():
    asked = {**Engine().request(), **Budget().request()}
    assert Request("m", **asked) == Request("m")
    assert Folders().places() == {"runs": None, "baselines": None}
    assert Folders(Path("r"), Path("b")).places() == {"runs": Path("r"), "baselines": Path("b")}
