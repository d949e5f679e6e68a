"""Errors of users: each kind ends in the code that its family promises."""

import ast
import inspect
import pickle
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field, TypeAdapter, ValidationError

import smallscale_ci
from smallscale_ci import errors
from smallscale_ci.errors import SmallscaleError, did_you_mean, own_problems, sentence, shown

KINDS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, SmallscaleError)
]
CODES = {
    "SmallscaleError": 3, "EngineError": 3, "ContainerError": 3, "JudgeError": 3,
    "DownloadError": 3, "StorageError": 3, "UsageError": 2, "ConfigError": 2, "DataError": 2,
    "BadSamplesError": 4, "InvalidError": 4, "RunInterruptedError": 130,
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_each_family_has_its_exit_code_and_none_is_a_verdict(kind: type[SmallscaleError]) -> None:
    assert kind.exit_code == CODES[kind.__name__]
    assert kind.exit_code not in (errors.EXIT_OK, errors.EXIT_REGRESSED, errors.EXIT_INCONCLUSIVE)
    error = kind("It broke.", hint="Mend it.")
    assert (str(error), error.message, error.hint) == ("It broke.", "It broke.", "Mend it.")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_an_error_of_a_worker_process_arrives_whole(kind: type[SmallscaleError]) -> None:
    """Pickled, as from a process pool: all that it knows comes with it."""
    error = kind("It broke.", hint="Mend it.")
    found = pickle.loads(pickle.dumps(error))
    assert type(found) is kind
    assert vars(found) == vars(error)


def test_the_nearest_word_is_meant_and_a_far_one_is_not() -> None:
    assert did_you_mean("gms8k", ["gsm8k", "math-500"]) == " (did you mean 'gsm8k'?)"
    assert did_you_mean("xyz", ["gsm8k", "math-500"]) == ""
    assert did_you_mean("gsm8k", iter(())) == ""


@settings(max_examples=25)
@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=4))
def test_only_a_known_word_is_ever_meant(word: str, known: list[str]) -> None:
    found = did_you_mean(word, known)
    assert found == "" or any(found == f" (did you mean '{one}'?)" for one in known)


@dataclass
class Parts:
    count: int
    kind: Literal["left", "right"] = "left"


def said(kind: object, value: object) -> str:
    with pytest.raises(ValidationError) as error:
        TypeAdapter(kind).validate_python(value)
    return sentence(own_problems(error.value)[0])


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (int, "x", 'must be a whole number, not "x"'),
        (int, 1.5, "must be a whole number, not 1.5"),
        (float, "x", 'must be a number, not "x"'),
        (bool, "maybe", 'must be true or false, not "maybe"'),
        (dict[str, int], [1], "must be a mapping, not a list"),
        (Parts, [1], "must be a mapping, not a list"),
        (Parts, {}, "is missing"),
        (
            Parts,
            {"count": 1, "kind": "lef"},
            "\"lef\" is not one of left, right (did you mean 'left'?)",
        ),
    ],
)
def test_what_must_be_and_what_is(kind: object, value: object, words: str) -> None:
    assert said(kind, value) == words


def test_a_problem_that_follows_from_none_is_reported() -> None:
    """A list that is too short by itself, though not empty: nothing was reported."""

    least_two = Annotated[list[int], Field(min_length=2)]
    assert said(least_two, [1]) == "must have at least 2 items"
    assert said(Annotated[list[int], Field(min_length=1)], []) == "must not be empty"


def test_long_values_are_cut_and_what_is_no_text_is_escaped() -> None:
    assert shown("x" * 100).endswith("…")
    assert shown("\ud800") == '"\\ud800"'
    assert (shown({}), shown([1])) == ("a mapping", "a list")


# Names that a message may begin with, and what else takes the beginning of one.
NAMES = {"git", "podman", "eval", "report", "meta"}
RAISED = {*(kind.__name__ for kind in KINDS), "PublishError", "told", "storage_errors"}


def beginnings(module: Path) -> Iterator[tuple[int, str]]:
    """The line and the first words of every message in ``module``."""
    for call in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and call.args and ast.unparse(call.func) in RAISED:
            message = call.args[0]
            for one in (
                [message.body, message.orelse] if isinstance(message, ast.IfExp) else [message]
            ):
                part = one.values[0] if isinstance(one, ast.JoinedStr) else one
                if isinstance(part, ast.Constant):
                    yield call.lineno, str(part.value)


def test_messages_begin_with_a_capital_unless_with_a_name():
    """A list of first words decided when they were shown, and half of them were not in it."""
    package = Path(smallscale_ci.__file__).parent
    found = [
        f"{module.relative_to(package)}:{line}: {text}"
        for module in package.rglob("*.py")
        for line, text in beginnings(module)
        if text[:1].islower() and re.split(r"\W", text)[0] not in NAMES
    ]
    assert found == []
