import json

import pytest

from smallscale_ci.errors import DataError
from smallscale_ci.interop.chat import answers, asked

USER = {"role": "user", "content": "2+2?"}
ASSISTANT = {"role": "assistant", "content": "4", "reasoning_content": "5?"}
PARTS = [{"type": "reasoning", "text": "5?"}, {"type": "text", "text": "4"}]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("4", ["4"]),
        (None, [""]),
        ([], [""]),
        (["4", None], ["4", ""]),
        ([USER, ASSISTANT], ["4"]),
        ([USER, {"role": "assistant", "content": "3"}, USER, ASSISTANT], ["4"]),
        (ASSISTANT, ["4"]),
        ({"messages": [USER, ASSISTANT]}, ["4"]),
        (json.dumps([USER, ASSISTANT]), [json.dumps([USER, ASSISTANT])]),
        ([[USER, ASSISTANT], [ASSISTANT]], ["4", "4"]),
        ({"role": "assistant", "content": PARTS}, ["4"]),
        ({"role": "assistant", "content": None, "tool_calls": []}, [""]),
        ([{"generated_text": "4"}, {"generated_text": "5"}], ["4", "5"]),
        ([{"from": "human", "value": "2+2?"}, {"from": "gpt", "value": "4"}], ["4"]),
    ],
)
def test_answers(output, expected):
    assert answers(output, "row 1") == expected


@pytest.mark.parametrize("output", [5, [USER], [{"x": 1}], b"4", [3.5]])
def test_what_holds_no_answer_is_refused(output):
    with pytest.raises(DataError, match="row 1 holds"):
        answers(output, "row 1")


def test_asked():
    assert asked("2+2?") == "2+2?"
    assert asked([{"role": "system", "content": "s"}, USER, ASSISTANT, USER]) == "2+2?"
    assert asked(json.dumps([USER])) == "2+2?"
    assert asked([{"role": "user", "content": PARTS}]) == "4"
    assert asked("[{not JSON") == "[{not JSON"
