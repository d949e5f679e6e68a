"""A loaded suite: its plan, and what its hash and its problems' ids are made of."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smallscale_ci.config.suite import JudgeConfig, PromptConfig, TaskConfig
from smallscale_ci.errors import UsageError
from smallscale_ci.records import CodeTest, Problem
from smallscale_ci.suite.model import ID_LENGTH, Suite, problem_id, suite_hash


def task(name: str = "t", **settings: Any) -> TaskConfig:
    return TaskConfig(name=name, source="a.jsonl", judge=JudgeConfig(name="math"), **settings)


def problem(name: str, of: str = "t") -> Problem:
    return Problem(problem_id(of, name, (), ("1",), ()), of, name, "1")


def suite(*tasks: TaskConfig, problems: int = 3) -> Suite:
    made = tuple(problem(f"{t.name}{n}", t.name) for t in tasks for n in range(problems))
    return Suite("s", tasks, made, suite_hash(tasks, made))


@settings(max_examples=25)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), st.integers(0, 3), st.integers(0, 3))
def test_every_sample_of_every_epoch_is_planned_once(
    epochs: list[int], before: int, more: int
) -> None:
    tasks = tuple(task(f"t{n}", epochs=times) for n, times in enumerate(epochs))
    found = suite(*tasks)
    plan = [(one.id, index) for one, index in found.plan(range(before, before + more))]
    assert len(plan) == len({*plan}) == more * found.samples_per_epoch
    for one in found.problems:
        times = found.repeats[one.task]
        indexes = [index for key, index in plan if key == one.id]
        assert indexes == list(range(before * times, (before + more) * times))


def test_what_changes_no_sample_and_no_ruling_changes_no_hash() -> None:
    base = suite(task())
    for same in (task(epochs=4), task(sha256="0" * 64), task(limit=9), task(repeats=0)):
        assert suite_hash([same], base.problems) == base.hash
    for other in (
        task(prompt=PromptConfig(user="Q: {question}")),
        task(metric="avg@k"),
        task("u"),
        TaskConfig(name="t", source="a.jsonl", judge=JudgeConfig(name="mcq")),
    ):
        assert suite_hash([other], base.problems) != base.hash
    assert suite_hash(base.tasks, base.problems[::-1]) != base.hash
    assert suite_hash(base.tasks, base.problems[1:]) != base.hash


_TEXTS = st.lists(st.text(max_size=3), max_size=3).map(tuple)
_SEEN = st.tuples(
    st.text(max_size=3),
    st.text(max_size=3),
    _TEXTS,
    st.lists(st.text(max_size=3), min_size=1, max_size=3).map(tuple),
    st.lists(st.builds(CodeTest, st.text(max_size=2), st.text(max_size=2)), max_size=2).map(tuple),
)


@settings(max_examples=40)
@given(_SEEN, _SEEN)
def test_ids_are_the_same_for_the_same_and_differ_for_all_else(one: Any, other: Any) -> None:
    """Also where texts that are put together would be the same: ("a", "bc") and ("ab", "c")."""
    assert len(problem_id(*one)) == ID_LENGTH
    assert (problem_id(*one) == problem_id(*other)) == (one == other)


def test_a_name_of_a_function_is_part_of_the_test() -> None:
    tests = (CodeTest("1", "2"), CodeTest("1", "2", "f"))
    assert len({problem_id("t", "q", (), (), (test,)) for test in tests}) == 2


def test_a_task_by_its_name() -> None:
    found = suite(task("a"), task("b"))
    assert found.task("b").name == "b"
    assert [one.question for one in found.of("b")] == ["b0", "b1", "b2"]
    with pytest.raises(UsageError, match="The suite s has no task 'c'") as caught:
        found.task("c")
    assert caught.value.hint == "It has: a, b."
    assert replace(found, problems=()).samples_per_epoch == 0
