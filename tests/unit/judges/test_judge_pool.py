from __future__ import annotations

import subprocess
import sys

from smallscale_ci.judges.interface import JudgeSpec, Ruling
from smallscale_ci.judges.outcome import outcome
from smallscale_ci.judges.pool import JudgePool
from smallscale_ci.records import FinishReason, Outcome, Problem

SPEC = JudgeSpec("math", timeout_s=2.0)


def problem(gold: str) -> Problem:
    return Problem(gold, "math", "?", gold)


def test_every_item_comes_back_once_with_its_tag() -> None:
    with JudgePool(2) as pool:
        for number in range(200):
            pool.submit(number, problem(f"x+{number}"), f"\\boxed{{{number}+x}}", SPEC)
            if number == 100:
                early = dict(pool.ready())
        rest = dict(pool.drain())
        assert list(pool.drain()) == []
    assert not early.keys() & rest.keys()
    rulings = early | rest
    assert sorted(rulings) == list(range(200))
    assert {ruling.outcome for ruling in rulings.values()} == {Outcome.CORRECT}


def test_outcome_joins_ruling_and_finish_reason() -> None:
    unparsed = Ruling(Outcome.UNPARSED, None, "no answer found")
    right = Ruling(Outcome.CORRECT, "5", "same text")
    assert outcome(unparsed, FinishReason.LENGTH)[0] is Outcome.TRUNCATED
    assert outcome(unparsed, FinishReason.STOP)[0] is Outcome.UNPARSED
    assert outcome(right, FinishReason.LENGTH)[0] is Outcome.CORRECT
    assert outcome(right, FinishReason.ABORT)[0] is Outcome.ERRORED
    assert outcome(right, FinishReason.ERROR)[0] is Outcome.ERRORED


def test_importing_the_judges_loads_no_algebra() -> None:
    code = (
        "import sys; from smallscale_ci.judges.registry import judge_for\n"
        "from smallscale_ci.judges.interface import JudgeSpec\n"
        "from smallscale_ci.records import Problem\n"
        "judge_for('math').quick(Problem('', '', '', '5'), r'\\boxed{5}', JudgeSpec('math'))\n"
        "print(sorted({'sympy', 'math_verify', 'mpmath'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
