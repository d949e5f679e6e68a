"""Rows of LiveCodeBench: its prompt, and its tests, unpacked without running a pickle."""

from __future__ import annotations

import base64
import binascii
import json
import pickletools
import zlib
from collections.abc import Mapping
from typing import Any

from smallscale_ci.suite.rows import RowError

MAX_BYTES = 1 << 30  # bytes of one problem's unpacked tests: bounds the allocation
# The toolkit's (and LiveCodeBench's) two prompts for code, verbatim.
_WITH_STARTER = (
    "You will use the following starter code to write the solution to the problem and enclose "
    "your code within delimiters."
)
_WITHOUT = (
    "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly "
    "test on the sample inputs). Enclose your code within delimiters as follows. Ensure that when "
    "the python program runs, it reads the inputs, runs the algorithm and writes output to STDOUT."
)
_META = ("question_id", "question_title", "platform", "contest_date", "difficulty")
# The opcodes of a pickled text; any other is refused, and none is executed.
_TEXTS = ("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8")
_HARMLESS = (*_TEXTS, "PROTO", "FRAME", "MEMOIZE", "PUT", "BINPUT", "LONG_BINPUT", "STOP")


def row(source: Mapping[str, Any]) -> dict[str, Any]:
    """One published row in the schema of suites. Raises ``RowError``."""
    content = source.get("question_content")
    if not isinstance(content, str) or not content.strip():
        raise RowError("has no question_content")
    starter = source.get("starter_code") or ""
    asked = f"{_WITH_STARTER}\n```python\n{starter}\n```"
    if not starter:
        asked = f"{_WITHOUT}\n```python\n# YOUR CODE HERE\n```"
    cases = [*_listed(source, "public_test_cases"), *_private(source)]
    function = _object(source, "metadata").get("func_name")
    return {
        "question": f"{content}\n\n{asked}",
        "gold": "",
        "tests": [_test(case, function) for case in cases],
        "meta": {key: str(source[key]) for key in _META if source.get(key) is not None},
    }


def unpack(packed: str) -> str:
    """The text in ``base64(zlib(pickle(text)))``. The pickle is read, never executed.

    Raises ``ValueError`` for anything that is not exactly one text.
    """
    try:
        compressed = base64.b64decode(packed, validate=True)
        inflater = zlib.decompressobj()
        pickled = inflater.decompress(compressed, MAX_BYTES)
    except (binascii.Error, zlib.error) as error:
        raise ValueError(f"is not base64 of zlib: {error}") from error
    if not inflater.eof:
        raise ValueError("ends early" if len(pickled) < MAX_BYTES else "unpacks to over 1 GiB")
    texts = []
    for instruction, argument, _ in pickletools.genops(pickled):
        if instruction.name not in _HARMLESS:
            raise ValueError(f"is a pickle of more than a text ({instruction.name})")
        if instruction.name in _TEXTS:
            texts.append(argument)
    if len(texts) != 1:
        raise ValueError(f"is a pickle of {len(texts)} texts")
    return str(texts[0])


def _private(source: Mapping[str, Any]) -> list[Any]:
    value = source.get("private_test_cases")
    if not isinstance(value, str) or value.lstrip()[:1] in {"", "["}:
        return _listed(source, "private_test_cases")
    try:
        text = unpack(value)
    except ValueError as error:
        raise RowError(f"has private_test_cases that can't be unpacked: it {error}") from error
    return _listed({"private_test_cases": text}, "private_test_cases")


def _listed(source: Mapping[str, Any], column: str) -> list[Any]:
    value = _parsed(source, column)
    if value is None:
        return []
    if not isinstance(value, list):
        raise RowError(f"has {column} that are not a list")
    return value


def _object(source: Mapping[str, Any], column: str) -> dict[str, Any]:
    value = _parsed(source, column)
    if value is not None and not isinstance(value, dict):
        raise RowError(f"has a {column} that is not a JSON object")
    return value or {}


def _parsed(source: Mapping[str, Any], column: str) -> Any:
    value = source.get(column)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else None
    except (ValueError, RecursionError) as error:
        raise RowError(f"has {column} that is not valid JSON: {value!r:.60}") from error


def _test(case: Any, function: Any) -> dict[str, Any]:
    if not isinstance(case, dict) or not {"input", "output"} <= case.keys():
        raise RowError("has a test without 'input' and 'output'")
    functional = case.get("testtype", "functional" if function else "stdin") == "functional"
    if functional and not function:
        raise RowError("has a functional test, but no func_name in its metadata")
    return {
        "input": case["input"],
        "output": case["output"],
        "function": function if functional else None,
    }
