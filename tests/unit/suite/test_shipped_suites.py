"""The published benchmarks as suites: names, pins, prompts; and tasks taken from other suites."""

import json
from pathlib import Path

import pytest
from helpers.published import data_file

from smallscale_ci.config.folders import default_roots
from smallscale_ci.config.load import dump, load, parse
from smallscale_ci.config.schema import schema
from smallscale_ci.config.suite import SamplingConfig, SuiteConfig
from smallscale_ci.errors import ConfigError
from smallscale_ci.records import Problem
from smallscale_ci.suite.prompts import messages

ROOTS = default_roots(Path(__file__).parents[3])
MATH = [
    "math",
    "math-500",
    "gsm8k",
    "aime24",
    "aime25",
    "amc23",
    "olympiadbench",
    "minervamath",
    "limr",
    "hle-math",
]
MCQ = ["mmlu", "gpqa-d", "winogrande", "arc-c"]
GROUPS = {
    "paper": ["math-500", "gsm8k", "minervamath", "aime24", "amc23", "olympiadbench"],
    "ood": ["mmlu", "gpqa-d", "winogrande"],
    "full": [*MATH, *MCQ, "lcb"],
    "quick": ["gsm8k", "math-500", "arc-c"],
}


def asked(name: str) -> str:
    (task,) = load(SuiteConfig, name, ROOTS).tasks
    (message,) = messages(task.prompt, Problem("i", name, "What?", "1"))
    assert message["role"] == "user"
    return message["content"]


@pytest.mark.parametrize("name", [*MATH, *MCQ, "lcb"])
def test_protocol_of_the_toolkit(name: str) -> None:
    suite = load(SuiteConfig, name, ROOTS)
    assert suite.sampling == SamplingConfig(temperature=0.6, top_p=0.95, max_tokens=32768)
    (task,) = suite.tasks
    assert task.name == name
    repeated = name in {"aime24", "aime25", "amc23"}
    assert (task.epochs, task.repeats == 16) == (16 if repeated else 1, repeated)
    kind = "math" if name in MATH else "mcq" if name in MCQ else "code"
    metric = "pass@k" if name == "lcb" else "avg@k" if repeated else "accuracy"
    assert (task.judge.name, task.metric) == (kind, metric)
    if name != "lcb":
        assert task.source == f"toolkit:{kind}/{name}"


@pytest.mark.parametrize("name", MATH)
def test_prompt_of_mathematics(name: str) -> None:
    assert asked(name) == (
        "What?Please reason step by step, and put your final answer within \\boxed{}."
    )


@pytest.mark.parametrize("name", MCQ)
def test_prompt_of_multiple_choice(name: str) -> None:
    assert asked(name) == (
        "What?\n\nPlease reason step by step and put your final answer (eg, A, B, C, D) within "
        '\\boxed{}, such as "\\boxed{A}".'
    )


def test_prompt_of_code() -> None:
    assert asked("lcb") == (
        "You will be given a question (problem specification) and will generate a correct Python "
        "program that matches the specification and passes all tests.\n\nQuestion: What?\n\n"
    )


@pytest.mark.parametrize("name", [*MATH, *MCQ])
def test_pins_are_those_of_the_data_notes(name: str) -> None:
    notes = data_file("data/README.md").read_text()
    (task,) = load(SuiteConfig, name, ROOTS).tasks
    (line,) = [line for line in notes.splitlines() if f"/test_{name}.parquet`" in line]
    sha256, blob = (cell.strip(" `") for cell in line.split("|")[3:5])
    assert (task.sha256 or "-", task.blob or blob) == (sha256, blob)
    assert task.sha256 or task.blob


@pytest.mark.parametrize("name", GROUPS)
def test_groups_take_their_tasks_as_they_are(name: str) -> None:
    group = load(SuiteConfig, name, ROOTS)
    assert [task.name for task in group.tasks] == GROUPS[name]
    for task in group.tasks:
        (alone,) = load(SuiteConfig, task.name, ROOTS).tasks
        assert task.model_copy(update={"limit": None}) == alone
    assert parse(SuiteConfig, dump(group), "dump.yaml") == group


@pytest.fixture
def roots(tmp_path: Path) -> tuple[Path, ...]:
    (tmp_path / "suites").mkdir()
    return (tmp_path,)


def write(roots: tuple[Path, ...], name: str, tasks: str) -> None:
    (roots[0] / "suites" / f"{name}.yaml").write_text(f"name: {name}\ntasks:\n{tasks}\n")


BASE = "  - {name: a, source: a.jsonl, sha256: ab, judge: {name: math}}"


def test_own_keys_win_and_another_source_has_another_pin(roots: tuple[Path, ...]) -> None:
    write(roots, "base", BASE)
    (roots[0] / "suites" / "a.jsonl").write_text("{}")
    write(roots, "mine", "  - {from: base, name: b, epochs: 3}\n  - {from: base, source: c.jsonl}")
    first, second = load(SuiteConfig, "mine", roots).tasks
    assert (first.name, first.epochs, first.sha256, first.judge.name) == ("b", 3, "ab", "math")
    assert first.source == str(roots[0] / "suites" / "a.jsonl")  # found from anywhere
    assert (second.name, second.source, second.sha256) == ("a", "c.jsonl", None)


def test_one_task_of_several(roots: tuple[Path, ...]) -> None:
    write(roots, "base", f"{BASE}\n{BASE.replace('name: a', 'name: b')}")
    write(roots, "mine", "  - from: base/b")
    assert [task.name for task in load(SuiteConfig, "mine", roots).tasks] == ["b"]
    write(roots, "mine", "  - from: base")
    with pytest.raises(ConfigError) as caught:
        load(SuiteConfig, "mine", roots)
    assert "has the tasks a, b: name one" in caught.value.problems[0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("  - from: bse", "mine.yaml:3: tasks[0]: from: There is no suite 'bse' (did you mean"),
        ("  - from: mine", "'mine' refers back to this suite"),
        ("  - from: ring", "'mine' refers back to this suite"),
        ("  - {from: base, epochs: many}", 'tasks[0].epochs: must be a whole number, not "many"'),
        ("  - {from: base, epoch: 2}", "tasks[0].epoch: unknown key (did you mean 'epochs'?)"),
    ],
)
def test_mistakes_keep_their_place(roots: tuple[Path, ...], line: str, message: str) -> None:
    write(roots, "base", BASE)
    write(roots, "ring", "  - from: mine")
    write(roots, "mine", line)
    with pytest.raises(ConfigError) as caught:
        load(SuiteConfig, "mine", roots)
    (problem,) = caught.value.problems
    assert message in problem


def test_editors_know_from() -> None:
    task = schema("suite")["$defs"]["TaskConfig"]
    assert task["properties"]["from"]["type"] == "string"
    assert {"required": ["from"]} in task["anyOf"]
    json.dumps(task)
