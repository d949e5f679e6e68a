from __future__ import annotations

import os
from pathlib import Path

import pytest
from helpers.clock import now

from smallscale_ci.judges.code import CodeJudge, same_output
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.pool import JudgePool
from smallscale_ci.judges.stream import within
from smallscale_ci.records import CodeTest, Outcome, Problem
from smallscale_ci.sandbox.choice import choose
from smallscale_ci.sandbox.interface import Finished, Limits, SandboxUnavailable

CHOICE = choose(
    "auto", Path("no image lock"), {}, now, nonce="a1b2c3"
)  # one of this machine: containers need an image
PATIENT = within(JudgeSpec("code", timeout_s=60.0), CHOICE)  # whatever else the machine is doing
SUM = (CodeTest("1 2\n", "3\n"), CodeTest("10 -4\n", "6"), CodeTest("2.5 0.25", "2.75"))
ADD = (CodeTest("1\n2", "3", "add"), CodeTest("[1]\n[2]", "[1, 2]", "add"))
needs_sandbox = pytest.mark.skipif(
    CHOICE.sandbox is None and not os.environ.get("CI"), reason=f"no sandbox: {CHOICE.reason}"
)


def fenced(program: str) -> str:
    return f"<think>```python\nprint(0)\n```</think>Here it is:\n```python\n{program}\n```\nDone."


def rule(
    program: str, tests: tuple[CodeTest, ...] = SUM, spec: JudgeSpec = PATIENT
) -> tuple[str, str]:
    problem = Problem("p", "t", "?", "", tests=tests)
    ruling = CodeJudge().judge(problem, fenced(program), spec)
    return ruling.outcome.value, ruling.reason


@pytest.mark.parametrize(
    ("expected", "given", "same"),
    [
        ("1 2\n3", "1  2 \n3\n\n", True),
        ("1.5", "1.5000001", True),
        ("0.3333333", "0.333333333333", True),
        ("1.5", "1.51", False),
        ("3", "3.0", True),
        ("3.0", "3", True),
        ("3.00 4", "3 4.0", True),
        ("1000", "1e3", True),
        ("3", "3.0000001", False),
        ("50000000000000001", "50000000000000000", False),
        ("9" * 6000, "9" * 6000 + ".0", True),
        ("1_000", "1000", False),
        ("3", "4", False),
        ("1 2", "1\n2", False),
        ("YES", "Yes", False),
        ("", "", True),
        ("1.0", "nan", False),
        ("1.0", "x", False),
    ],
)
def test_output_is_compared_by_tokens(expected: str, given: str, same: bool) -> None:
    assert same_output(expected, given) is same


def test_what_needs_no_run() -> None:
    judge, problem = CodeJudge(), Problem("p", "t", "?", "", tests=SUM)
    assert judge.judge(problem, "no code", PATIENT).outcome is Outcome.UNPARSED
    assert judge.judge(problem, "<think>```\nx\n```", PATIENT).outcome is Outcome.UNPARSED
    empty = Problem("p", "t", "?", "")
    assert judge.judge(empty, fenced("x"), PATIENT).outcome is Outcome.ERRORED


def test_nothing_is_run_without_a_sandbox() -> None:
    assert rule("print(3)", spec=JudgeSpec("code")) == (
        "ERRORED",
        "no sandbox on this machine: none was chosen",
    )


class Slow:
    """A sandbox that takes its time to start, and whose programs take a second each."""

    name = "slow"

    def run(self, program: str, given: bytes, limits: Limits) -> Finished:
        status = 0 if limits.seconds > 1 else None
        return Finished(b"ok" if status == 0 else b"", "", status, min(1.0, limits.seconds))

    def clean(self) -> None: ...


class Broken(Slow):
    def run(self, program: str, given: bytes, limits: Limits) -> Finished:
        raise SandboxUnavailable("no more processes")


def test_the_programs_own_seconds_are_counted_for_all_tests_together() -> None:
    tests = tuple(CodeTest(str(number), "ok") for number in range(9))
    spec = JudgeSpec("code", timeout_s=10.0, sandbox=Slow())
    assert rule("pass", tests[:7], spec) == ("CORRECT", "7 tests passed")
    assert rule("pass", tests, spec) == ("WRONG", "test 8 of 9: time limit of 1.0 s")


def test_a_sandbox_that_fails_is_no_wrong_answer() -> None:
    found = rule("print(3)", spec=JudgeSpec("code", sandbox=Broken()))
    assert found == ("ERRORED", "the sandbox failed: no more processes")


@needs_sandbox
def test_programs_that_read_and_print() -> None:
    good = "a, b = input().split()\nprint(float(a) + float(b) if '.' in a else int(a) + int(b))"
    assert rule(good) == ("CORRECT", "3 tests passed")
    assert rule("print(3)") == ("WRONG", "test 2 of 3: expected '6', got '3'")
    outcome, reason = rule("1/0")
    assert outcome == "WRONG"
    assert "test 1 of 3: ended with status 1: ZeroDivisionError" in reason


ADDING = "def add(a, b):\n    return a + b"
METHOD = "class Solution:\n    def add(self, a, b):\n        return a + b"
CLASS = "@dataclass\nclass Point:\n    x: int\n"
ADDITION = "a, b = map(float, input().split())\nprint(f'{a + b:g}')"
SCRIPTS = {
    "imports": "import sys\na, b = map(float, sys.stdin.read().split())\nprint(f'{a + b:g}')",
    "main": "def main():\n    print(f'{sum(map(float, input().split())):g}')\n"
    "if __name__ == '__main__':\n    main()",
    "future": f"from __future__ import annotations\n{ADDITION}",
    "no imports": f"d = defaultdict(int)\nassert gcd(pow(2, 5, 7), stdin is None) == 4\n{ADDITION}",
    "recursion": f"def deep(n):\n    return n and deep(n - 1)\ndeep(20_000)\n{ADDITION}",
}


@needs_sandbox
@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_programs_find_what_the_published_harness_imports(name: str) -> None:
    assert rule(SCRIPTS[name]) == ("CORRECT", "3 tests passed")


@needs_sandbox
@pytest.mark.parametrize(
    ("program", "expected"),
    [
        ("def add(a, b):\n    return a + b", "2 tests passed"),
        (METHOD, "2 tests passed"),
        ("def add(a, b):\n    print('3')\n    return a + b", "2 tests passed"),
        ("def add(a: List[int], b: Optional[int]):\n    return a + b", "2 tests passed"),
        (
            "def add(a, b):\n    return tuple([1, 2]) if isinstance(a, list) else 3",
            "2 tests passed",
        ),
        ("def add(a, b):\n    return 3.0", "test 2 of 2: expected '[1, 2]', got '3.0'"),
        ("def add(a, b):\n    return True", "test 1 of 2: expected '3', got 'true'"),
        ("def add(a, b):\n    print(3)", "test 1 of 2: expected '3', got 'null'"),
        ("print(3)\nimport os\nos._exit(0)", "test 1 of 2: expected '3', got ''"),
        (ADDING + "\nif __name__ == '__main__':\n    input()", "2 tests passed"),
        ("from __future__ import annotations\n" + ADDING, "2 tests passed"),
        ("from dataclasses import dataclass\n" + CLASS + ADDING, "2 tests passed"),
        ("def add(a):\n    return 0\n" + METHOD, "2 tests passed"),
        ("class Solution:\n    pass\n" + ADDING, "2 tests passed"),
        ("x = 1", "test 1 of 2: ended with status 1: NameError: the program defines no add"),
    ],
)
def test_functions(program: str, expected: str) -> None:
    assert rule(program, ADD)[1] == expected


HUGE = "7" * 20_000


@needs_sandbox
def test_integers_of_any_size() -> None:
    tests = (CodeTest(f"{HUGE}\n", f"{HUGE[:-1]}8\n"),)
    assert rule("print(int(input()) + 1)", tests) == ("CORRECT", "1 tests passed")
    call = (CodeTest(f"{HUGE}\n1", f"{HUGE[:-1]}8", "add"), CodeTest("1\n1", "[2]", "add"))
    assert rule(ADDING, call)[1] == "test 2 of 2: expected '[2]', got '2'"


@needs_sandbox
def test_the_block_that_answers_is_run() -> None:
    script = "```python\nprint(int(input()) * 2)\n```\nIt prints:\n```\n6\n```\n"
    usage = f"```Py3\n{ADDING}\n```\nUsage:\n```python\nprint(add(1, 2))\n```"
    mark = "```python\nx = int(input())\ns = '</think>'\nprint(x * 2)\n```"
    for text, test in (
        (script, CodeTest("3", "6")),
        (usage, CodeTest("1\n2", "3", "add")),
        (mark, CodeTest("3", "6")),
    ):
        problem = Problem("p", "t", "?", "", tests=(test,))
        assert CodeJudge().judge(problem, text, PATIENT).outcome is Outcome.CORRECT, text


@needs_sandbox
def test_in_the_pool() -> None:
    with JudgePool(2) as pool:
        for number in range(4):
            program = "print(sum(map(float, input().split())))" if number % 2 else "1/0"
            tests = (CodeTest("1 2", "3.0"),)
            pool.submit(number, Problem("p", "t", "?", "", tests=tests), fenced(program), PATIENT)
        outcomes = {number: ruling.outcome for number, ruling in pool.drain()}
    assert outcomes == {n: Outcome.CORRECT if n % 2 else Outcome.WRONG for n in range(4)}
