import json
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smallscale_ci.config.load import load
from smallscale_ci.config.suite import SuiteConfig
from smallscale_ci.suite.local import load_suite
from smallscale_ci.suite.model import Suite
from smallscale_ci.suite.prompts import build
from smallscale_ci.suite.smoke import code_rows, main, math_rows, mcq_rows, table
from smallscale_ci.suite.smoke_train import train_math_rows, train_mcq_rows
from smallscale_ci.suite.source import SHIPPED

CONFIGS = Path(__file__).parents[3] / "configs"


def suite(name: str) -> Suite:
    return load_suite(load(SuiteConfig, name, (CONFIGS,)), CONFIGS / "suites")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("math", math_rows),
        ("mcq", mcq_rows),
        ("code", code_rows),
        ("train-math", train_math_rows),
        ("train-mcq", train_mcq_rows),
    ],
)
def test_shipped_files_are_what_the_generator_makes(name: str, rows: object) -> None:
    shipped = pq.read_table(SHIPPED / f"smoke-{name}.parquet")
    assert shipped.equals(table(rows()))  # type: ignore[operator]


def test_generator_writes_the_same_bytes_again(tmp_path: Path) -> None:
    main(tmp_path / "a")
    command = [sys.executable, "-m", "smallscale_ci.suite.smoke", str(tmp_path / "b")]
    subprocess.run(command, check=True)
    for path in sorted((tmp_path / "a").iterdir()):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()
        written_by = pq.ParquetFile(SHIPPED / path.name).metadata.created_by
        if written_by.endswith(pa.__version__):  # the writer's version is part of the file
            assert path.read_bytes() == (SHIPPED / path.name).read_bytes()


def test_sizes_and_identities() -> None:
    smoke, code = suite("smoke"), suite("smoke-code")
    assert Counter(p.task for p in smoke.problems) == {"math": 300, "mcq": 300}
    assert len(code.problems) == 60
    everything = [*smoke.problems, *code.problems]
    assert len({p.id for p in everything}) == 660
    assert len({(p.task, p.question) for p in everything}) == 660


def test_mcq_letters_are_balanced_and_options_differ() -> None:
    problems = list(suite("smoke").of("mcq"))
    assert Counter(p.gold for p in problems) == dict.fromkeys("ABCD", 75)
    assert all(len(set(p.choices)) == 4 for p in problems)


def test_sums_and_products_have_the_right_gold() -> None:
    pattern = re.compile(r"What is (\d+) (\+|-|times|divided by) (\d+)\?")
    checked = 0
    for problem in suite("smoke").problems:
        if found := pattern.fullmatch(problem.question):
            a, b = int(found[1]), int(found[3])
            right = {"+": a + b, "-": a - b, "times": a * b}.get(found[2], a / b)
            gold = problem.choices["ABCD".index(problem.gold)] if problem.choices else problem.gold
            assert float(gold) == right
            checked += 1
    assert checked > 250


def test_code_tests_are_json_calls_or_programs() -> None:
    kinds = Counter()
    for problem in suite("smoke-code").problems:
        assert 2 <= len(problem.tests) <= 3
        kinds[problem.meta["template"]] += 1
        for test in problem.tests:
            if test.function is None:
                assert test.input.endswith("\n")
                assert test.output.endswith("\n")
            else:
                signature = re.search(r"function (\w+)\((.*?)\)", problem.question)
                assert signature
                assert signature[1] == test.function
                assert len(test.input.splitlines()) == len(signature[2].split(","))
                assert all(json.loads(line) is not None for line in test.input.splitlines())
                json.loads(test.output)
    assert kinds == {"function": 42, "program": 18}


def test_prompts_are_short_enough_for_the_default_profile() -> None:
    for prompt in build(suite("smoke"), range(1), 0):
        assert [m["role"] for m in prompt.messages][-3:] == ["user", "assistant", "user"]
        assert sum(len(m["content"]) for m in prompt.messages) < 1500
