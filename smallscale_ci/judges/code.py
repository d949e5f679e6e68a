"""Code: the program of an answer, run against the problem's tests in a sandbox."""

from __future__ import annotations

import json
import math
import re
from decimal import Decimal
from typing import Any

from smallscale_ci.judges.blocks import program
from smallscale_ci.judges.interface import JudgeSpec, Ruling
from smallscale_ci.records import CodeTest, Outcome, Problem
from smallscale_ci.sandbox.interface import Finished, Limits, Sandbox, SandboxUnavailable
from smallscale_ci.worker.thinking import answer_part

_TEST_SECONDS = 6.0
_SHARE = 0.8  # share of the item's deadline for all its tests together
_SHOWN = 80  # characters of expected and given output in a reason
_TOLERANCE = 1e-6
_LONG = 4000  # digits
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")

# What LiveCodeBench's harness imports for a program; the builtins come last, math has a pow, too.
_PRELUDE = """
from string import *; from re import *; from datetime import *; from collections import *
from heapq import *; from bisect import *; from copy import *; from math import *
from random import *; from statistics import *; from itertools import *; from functools import *
from operator import *; from io import *; from sys import *; from json import *
from builtins import *; from typing import *
import string, re, datetime, collections, heapq, bisect, copy, math, random, statistics
import itertools, functools, operator, io, sys, json
sys.setrecursionlimit(50_000)
getattr(sys, "set_int_max_str_digits", int)(0)  # integers of any size, as tests have them
"""
_SCRIPT = """
exec({prelude!r})
exec(compile({program!r}, "answer.py", "exec"))
"""
# The function's result uses a descriptor of its own, since the program's prints are not an answer.
# The program is a module, not the main one: examples of its use do not run.
_CALL = """
import json as _json, os as _os, sys as _sys, types as _types
_result = _os.dup(1)
_os.dup2(2, 1)
getattr(_sys, "set_int_max_str_digits", int)(0)
_given = [_json.loads(_line) for _line in _sys.stdin.read().split("\\n") if _line.strip()]
_answer = _sys.modules["answer"] = _types.ModuleType("answer")
exec({prelude!r}, _answer.__dict__)
_before = _answer.__dict__.get({name!r})
exec(compile({program!r}, "answer.py", "exec"), _answer.__dict__)
_target = _answer.__dict__.get({name!r})
if hasattr(_answer.__dict__.get("Solution"), {name!r}):
    _target = getattr(_answer.Solution(), {name!r})
elif _target is _before:
    raise NameError("the program defines no " + {name!r})
_os.write(_result, _json.dumps(_target(*_given), default=list).encode())
"""


class CodeJudge:
    """CORRECT when every test passes; stops at the first that fails and says which."""

    name = "code"
    version = 5

    def judge(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling:
        """See ``interface.Judge``. Without a sandbox every program is ERRORED and none is run."""
        quick = self.quick(problem, text, spec)
        if quick is not None:
            return quick
        if spec.sandbox is None:
            return Ruling(Outcome.ERRORED, None, f"no sandbox on this machine: {spec.unboxed}")
        code = program_of(problem, answer_part(text) or "") or ""
        left = spec.timeout_s * _SHARE
        try:
            for number, test in enumerate(problem.tests, 1):
                failure, seconds = _run_test(code, test, left, spec.sandbox)
                left -= seconds
                if failure:
                    reason = f"test {number} of {len(problem.tests)}: {failure}"
                    return Ruling(Outcome.WRONG, code, reason)
        except SandboxUnavailable as error:
            return Ruling(Outcome.ERRORED, code, f"the sandbox failed: {error}")
        return Ruling(Outcome.CORRECT, code, f"{len(problem.tests)} tests passed")

    def quick(self, problem: Problem, text: str, spec: JudgeSpec) -> Ruling | None:
        """Decides only what needs no run: no tests, or no program."""
        if not problem.tests:
            return Ruling(Outcome.ERRORED, None, "the problem has no tests")
        answer = answer_part(text)
        if answer is None:
            return Ruling(Outcome.UNPARSED, None, "thinking was not finished")
        if program_of(problem, answer) is None:
            return Ruling(Outcome.UNPARSED, None, "no complete code block found")
        return None


def program_of(problem: Problem, answer: str) -> str | None:
    """The code of ``answer``, a generation after its thinking, that is run for ``problem``."""
    return program(answer, problem.tests[0].function if problem.tests else None)


def _run_test(code: str, test: CodeTest, left: float, sandbox: Sandbox) -> tuple[str | None, float]:
    """What went wrong (``None`` if the test passes), and the seconds that the program took."""
    if left <= 0:
        return "the time for all tests together was up", 0.0
    frame = _SCRIPT if test.function is None else _CALL
    text = frame.format(prelude=_PRELUDE, program=code, name=test.function)
    limits = Limits(seconds=min(_TEST_SECONDS, left))
    done = sandbox.run(text, test.input.encode(), limits)
    return _failure(test, done, limits), done.seconds


def _failure(test: CodeTest, done: Finished, limits: Limits) -> str | None:
    """Why a run fails ``test``; ``None`` if it passes."""
    if done.status is None:
        return f"time limit of {limits.seconds:.1f} s"
    if len(done.output) >= limits.output_bytes:
        return f"printed more than {limits.output_bytes >> 20} MiB"
    output = done.output.decode("utf-8", "replace")
    if test.function is not None:
        passed = bool(output) and _same_json(test.output, output)
    else:
        passed = same_output(test.output, output)
    if passed and done.status == 0:
        return None
    if done.status:
        lines = done.error.strip().splitlines()
        return f"ended with status {done.status}" + (f": {lines[-1][:200]}" if lines else "")
    return f"expected {_brief(test.output)}, got {_brief(output)}"


def same_output(expected: str, given: str) -> bool:
    """Whether two outputs are the same, line by line and token by token.

    Numbers are compared by value, as LiveCodeBench does (``3.0`` for ``3``); one that should be a
    decimal may differ by 1e-6, relative.
    """
    wanted = [line.split() for line in expected.strip().splitlines()]
    found = [line.split() for line in given.strip().splitlines()]
    if len(wanted) != len(found):
        return False
    return all(
        len(left) == len(right) and all(map(_same_token, left, right))
        for left, right in zip(wanted, found, strict=True)
    )


def _same_token(expected: str, given: str) -> bool:
    if expected == given:
        return True
    if not (_NUMBER.fullmatch(expected) and _NUMBER.fullmatch(given)):
        return False
    if Decimal(expected) == Decimal(given):
        return True
    if not re.fullmatch(r"[-+]?\d{0,400}\.\d{0,400}(?:[eE][-+]?\d{1,3})?", expected):
        return False
    return _close(float(expected), float(given))


def _close(expected: float, given: float) -> bool:
    return math.isclose(expected, given, rel_tol=_TOLERANCE, abs_tol=_TOLERANCE)


def _same_json(expected: str, given: str) -> bool:
    try:
        wanted, found = (json.loads(text, parse_int=_integer) for text in (expected, given))
        return _same_value(wanted, found)
    except (ValueError, RecursionError):
        return False


def _integer(digits: str) -> int | Decimal:
    """An integer of JSON; a very long one as a decimal, which reads it in linear time."""
    return int(digits) if len(digits) < _LONG else Decimal(digits)


def _same_value(expected: Any, given: Any) -> bool:
    if isinstance(expected, bool) or isinstance(given, bool):
        return expected is given
    if isinstance(expected, float) and isinstance(given, int | float):
        return _close(expected, given)
    if isinstance(expected, int) and isinstance(given, float):
        return expected == given
    if isinstance(expected, list) and isinstance(given, list):
        return len(expected) == len(given) and all(map(_same_value, expected, given))
    if isinstance(expected, dict) and isinstance(given, dict):
        return expected.keys() == given.keys() and all(
            _same_value(value, given[key]) for key, value in expected.items()
        )
    return bool(type(expected) is type(given) and expected == given)


def _brief(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "…")
