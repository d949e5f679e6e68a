"""Suites as files may write them: how tasks are asked, sampled and judged."""

import pytest

from smallscale_ci.config.load import parse
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.errors import ConfigError

TASK = "name: t, source: t.parquet"


def suite(task="judge: {name: math}", lines=""):
    return parse(SuiteConfig, f"name: s\n{lines}\ntasks: [{{{TASK}, {task}}}]", "s.yaml")


def refused(task="judge: {name: math}", lines=""):
    with pytest.raises(ConfigError) as caught:
        suite(task, lines)
    return " ".join(caught.value.problems)


@pytest.mark.parametrize(
    ("task", "said"),
    [
        ("judge: {name: llm}", "the judge 'llm' needs the name of its model"),
        (
            "judge: {name: math, model: m}",
            "model, request, rule and measured are options of an LLM judge only",
        ),
        ("judge: {name: math, rule: mcq}", "options of an LLM judge only"),
        ("judge: {name: llm, model: m, rule: llm}", "rule"),
        ("judge: {name: llm, model: m, request: {api_key: x}}", "looks like a secret"),
        (
            "judge: {name: llm, model: m, measured: {right: [9, 8], wrong: [1, 8]}}",
            "right: 9 of 8 is more than all of them",
        ),
        (
            "judge: {name: llm, model: m, measured: {right: [4, 8], wrong: [4, 8]}}",
            "no better than chance",
        ),
        ("judge: {name: math, timeout_s: 0}", "timeout_s: must be greater than 0"),
        ('judge: {name: math}, prompt: {user: "Solve it."}', "must contain {question}"),
        (
            'judge: {name: math}, prompt: {user: "{question} {options}"}',
            "unknown placeholder {options}; known are {question} and {choices}",
        ),
        (
            'judge: {name: math}, prompt: {user: "{question}{choises}"}',
            "unknown placeholder {choises}",
        ),
        (
            "judge: {name: math}, skip: [{row: 3, reason: empty}]",
            "skip numbers the rows of one file: pin it with sha256 or blob",
        ),
        (
            "judge: {name: math}, sha256: a, skip: [{row: 3, reason: x}, {row: 3, reason: y}]",
            "skip lists a row twice",
        ),
        ("judge: {name: math}, sha256: a, skip: [{row: 3, reason: ''}]", "reason"),
        ("judge: {name: math}, gold_index: 2", "gold_index"),
        ("judge: {name: math}, epochs: 0", "epochs"),
        ("judge: {name: math}, metric: pass", "metric"),
    ],
)
def test_what_cannot_be_meant_is_refused(task, said):
    assert said in refused(task)


@pytest.mark.parametrize(
    ("sampling", "said"),
    [
        ("temperature: 0.001", "use 0 (greedy) or at least 0.01"),
        ("temperature: 3", "temperature: must be less than or equal to 2"),
        ("top_p: 0", "top_p: must be greater than 0"),
        ("seed: 2147483648", "seed: must be less than 2147483648"),
        ("max_tokens: 1.5", "max_tokens"),
    ],
)
def test_sampling_that_engines_do_not_do_is_refused(sampling, said):
    assert said in refused(lines=f"sampling: {{{sampling}}}")


@pytest.mark.parametrize("temperature", [0, 0.01, 2])
def test_sampling_that_engines_do_is_taken(temperature):
    found = suite(lines=f"sampling: {{temperature: {temperature}}}")
    assert found.sampling.temperature == temperature


def test_braces_of_latex_are_no_placeholders():
    user = r"{question} Put it into \\boxed{answer}, as in \\frac{a}{b}, {question}{choices}."
    assert suite(f'judge: {{name: math}}, prompt: {{user: "{user}"}}').tasks[0].prompt.user


def test_a_measured_judge_that_is_better_than_chance_is_taken():
    judge = "judge: {name: llm, model: m, measured: {right: [8, 8], wrong: [1, 8]}}"
    assert suite(judge).tasks[0].judge.measured.right == (8, 8)
