"""LiveCodeBench's rows: prompt, tests, and packed tests that are read without a pickle machine."""

import base64
import json
import os
import pickle
import zlib
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smallscale_ci.suite.livecodebench import row, unpack
from smallscale_ci.suite.rows import RowError, problem

CASES = [{"input": "1\n", "output": "2\n", "testtype": "stdin"}]
CALLS = [{"input": "[1]\n2", "output": "3", "testtype": "functional"}]


def packed(value: Any, protocol: int = pickle.DEFAULT_PROTOCOL) -> str:
    return base64.b64encode(zlib.compress(pickle.dumps(value, protocol))).decode()


def published(**changes: Any) -> dict[str, Any]:
    return {
        "question_content": "Add one.",
        "question_id": "abc_1",
        "difficulty": "easy",
        "starter_code": "",
        "public_test_cases": json.dumps(CASES),
        "private_test_cases": packed(json.dumps([{**CASES[0], "input": "5\n", "output": "6\n"}])),
        "metadata": "{}",
        **changes,
    }


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch /tmp/evil",)


def test_programs_read_stdin() -> None:
    found = problem(row(published()), "lcb", "code")
    assert found.question == (
        "Add one.\n\nRead the inputs from stdin solve the problem and write the answer to stdout "
        "(do not directly test on the sample inputs). Enclose your code within delimiters as "
        "follows. Ensure that when the python program runs, it reads the inputs, runs the "
        "algorithm and writes output to STDOUT.\n```python\n# YOUR CODE HERE\n```"
    )
    assert [(t.input, t.output, t.function) for t in found.tests] == [
        ("1\n", "2\n", None),
        ("5\n", "6\n", None),
    ]
    assert found.meta == {"question_id": "abc_1", "difficulty": "easy"}


def test_functions_have_starter_code() -> None:
    found = row(
        published(
            starter_code="class Solution:\n    def add(self):\n        ",
            public_test_cases=json.dumps(CALLS),
            private_test_cases=json.dumps(CALLS),
            metadata='{"func_name": "add"}',
        )
    )
    assert found["question"].endswith(
        "```python\nclass Solution:\n    def add(self):\n        \n```"
    )
    assert [test["function"] for test in found["tests"]] == ["add", "add"]


@given(st.text(), st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_every_pickled_text_is_read_back(text: str, protocol: int) -> None:
    assert unpack(packed(text, protocol)) == text


@pytest.mark.parametrize(
    "value",
    [Evil(), ["a"], {"a": "b"}, b"a", 1, None, ("a", "b"), [Evil(), "a"], "a".join, os.system],
)
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_nothing_but_a_text_is_admitted(value: Any, protocol: int) -> None:
    with pytest.raises(ValueError, match="is a pickle of"):
        unpack(packed(value, protocol))


@given(st.binary(max_size=200))
def test_garbage_is_an_error_and_nothing_else(data: bytes) -> None:
    for wrapped in (data, zlib.compress(data)):
        with suppress(ValueError):
            assert isinstance(unpack(base64.b64encode(wrapped).decode()), str)


def test_bombs_and_torn_files(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = zlib.compress(pickle.dumps("x" * 10_000))
    with pytest.raises(ValueError, match="ends early"):
        unpack(base64.b64encode(whole[:-8]).decode())
    monkeypatch.setattr("smallscale_ci.suite.livecodebench.MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="over 1 GiB"):
        unpack(base64.b64encode(whole).decode())
    with pytest.raises(ValueError, match="not base64"):
        unpack("no base64!")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"question_content": " "}, "has no question_content"),
        ({"private_test_cases": packed(Evil())}, "can't be unpacked: it is a pickle of more"),
        ({"private_test_cases": packed("{")}, "not valid JSON"),
        ({"public_test_cases": "{}"}, "public_test_cases that are not a list"),
        ({"public_test_cases": '[{"input": "1"}]'}, "without 'input' and 'output'"),
        ({"public_test_cases": json.dumps(CALLS)}, "no func_name"),
        ({"metadata": "[]"}, "metadata that is not a JSON object"),
    ],
)
def test_unusable_rows_are_told(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(RowError, match=message):
        row(published(**changes))
