"""The judges by name: each is what its name says, and is loaded when it is asked for."""

import re
import subprocess
import sys

import pytest

from smallscale_ci.config.seams import JUDGES
from smallscale_ci.errors import UsageError
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.registry import judge_for, judge_version
from smallscale_ci.records import Outcome, Problem


@pytest.mark.parametrize("name", JUDGES)
def test_every_judge_has_its_name_and_a_version(name: str) -> None:
    judge = judge_for(name)
    assert judge.name == name
    assert judge is judge_for(name)
    assert re.fullmatch(rf"{name}/[1-9]\d*", judge_version(name))


@pytest.mark.parametrize("name", ["math", "mcq", "code"])
@pytest.mark.parametrize("text", ["", "\0", "\ud800", "{" * 5000, "\\boxed{" * 500, "```python\n"])
def test_no_text_raises(name: str, text: str) -> None:
    problem = Problem("p", "t", "Which?", "B", ("x", "y"))
    found = judge_for(name).judge(problem, text, JudgeSpec(name))
    assert found.outcome in (Outcome.WRONG, Outcome.UNPARSED, Outcome.ERRORED)
    assert found.reason


def test_a_misspelt_name_is_told_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"no judge called 'maths' \(did you mean 'math'\?\)") as e:
        judge_for("maths")
    assert e.value.hint == f"Known judges: {', '.join(sorted(JUDGES))}."


def test_the_table_alone_loads_no_judge() -> None:
    code = (
        "import sys, smallscale_ci.judges.registry\n"
        "print(*{'sympy', 'math_verify', 'openai', 'mpmath'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
