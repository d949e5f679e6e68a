"""Generations in, judgements out: what a prompt that opens a block of thinking changes."""

import pytest

from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.stream import JudgeStream
from smallscale_ci.records import FinishReason, Generation, Outcome, Problem


def outcome(text: str, *, thinking: bool, finish: FinishReason = FinishReason.STOP) -> Outcome:
    problem = Problem("p", "t", "What is 2 + 2?", "4")
    given = Generation("p", 0, text, (), 1, 1, finish, 0, 0.1, thinking=thinking)
    with JudgeStream([problem], {"t": JudgeSpec("math")}, workers=1) as stream:
        stream.feed(given)
        ((back, judgement),) = stream.drain()
    assert back == given  # what is stored is the model's text alone
    return judgement.outcome


@pytest.mark.parametrize(
    ("text", "finish", "without", "within"),
    [
        # cut off while thinking: an early box is a guess, and was taken for an answer
        (r"perhaps \boxed{4}? No,", FinishReason.LENGTH, Outcome.CORRECT, Outcome.TRUNCATED),
        (r"perhaps \boxed{4}.", FinishReason.STOP, Outcome.CORRECT, Outcome.UNPARSED),
        ("hm</think>\\boxed{4}", FinishReason.LENGTH, Outcome.CORRECT, Outcome.CORRECT),
        ("\\boxed{5}</think>\\boxed{4}", FinishReason.STOP, Outcome.CORRECT, Outcome.CORRECT),
        ("\\boxed{4}</think>", FinishReason.STOP, Outcome.UNPARSED, Outcome.UNPARSED),
        ("", FinishReason.LENGTH, Outcome.TRUNCATED, Outcome.TRUNCATED),
    ],
)
def test_an_answer_inside_thinking_that_the_prompt_opened_does_not_count(
    text, finish, without, within
):
    assert outcome(text, thinking=False, finish=finish) is without
    assert outcome(text, thinking=True, finish=finish) is within


def test_what_failed_is_errored_with_its_reason():
    problem = Problem("p", "t", "?", "4")
    failed = Generation("p", 0, "4", (), 1, 0, FinishReason.ERROR, 0, 0.1, "no room")
    with JudgeStream([problem], {"t": JudgeSpec("math")}, workers=1) as stream:
        stream.feed(failed)
        ((_, judgement),) = stream.ready()
    assert (judgement.outcome, judgement.reason) == (Outcome.ERRORED, "no room")
