"""YAML as plain data, with every problem at its line."""

import pytest

from smallscale_ci.config.document import Document
from smallscale_ci.errors import ConfigError


def read(text):
    document = Document("f.yaml")
    return document.read(text), [said for _, said in document.problems]


def test_values_are_those_that_people_mean():
    found, problems = read("a: 1e-6\nb: 2026-01-31\nc: [1, x, null]\nd: {e: true}\n")
    assert found == {"a": 1e-6, "b": "2026-01-31", "c": [1, "x", None], "d": {"e": True}}
    assert problems == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "f.yaml:3: a: is given twice, first in line 1"),
        ("a: .inf\n", "f.yaml:1: a: must be a finite number, not .inf"),
        ("x:\n  ? [1]\n  : 2\n", "f.yaml:2: x: a key must be a single word"),
        ("a: &b\n  c: *b\n", "f.yaml:2: a.c: refers to itself"),
    ],
)
def test_a_problem_has_its_line_and_key(text, said):
    assert said in read(text)[1]


def test_a_problem_inside_a_list_names_its_place():
    document = Document("f.yaml")
    document.read("tasks:\n  - name: a\n  - name: b\n")
    document.problem(("tasks", 1, "name"), "is taken")
    document.problem(("tasks", 1, "missing"), "is missing")
    assert [said for _, said in document.problems] == [
        "f.yaml:3: tasks[1].name: is taken",
        "f.yaml:3: tasks[1].missing: is missing",
    ]


@pytest.mark.parametrize("text", ["a: [1\n", "a: b: c\n"])
def test_what_is_no_yaml_is_refused_with_its_line(text):
    with pytest.raises(ConfigError, match=r"f\.yaml is not valid YAML"):
        read(text)
