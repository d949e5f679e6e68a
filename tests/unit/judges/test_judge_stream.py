"""Generations in, judgements out: what a prompt that opens a block of thinking changes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.runs import RIGHT, grid

from smallscale_ci.checkpoint.model import Checkpoint
from smallscale_ci.config.policy import GatePolicy
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.judges.stream import JudgeStream
from smallscale_ci.pipeline.compare import derive
from smallscale_ci.records import FinishReason, Generation, Outcome, Problem
from smallscale_ci.report import wording
from smallscale_ci.run.manifest import Manifest, Status, SuiteId
from smallscale_ci.run.run import Run


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


def test_a_format_of_thinking_that_nobody_knows_is_reported():
    problem = Problem("p", "t", "What is 2 + 2?", "4")
    with JudgeStream([problem], {"t": JudgeSpec("math")}, workers=1) as stream:
        for number in range(300):
            text = "<deep_thought>5</deep_thought>\\boxed{4}" if number % 2 else "\\boxed{4}"
            stream.feed(Generation("p", number, text, (), 1, 1, FinishReason.STOP, 0, 0.1))
        list(stream.drain())
    assert stream.unknown_thinking == {"</deep_thought>": 128}  # of the first 256
    assert "</deep_thought>, which looks like thinking" in wording.unknown_thinking(
        stream.unknown_thinking
    )


def test_a_verdict_notes_thinking_that_nobody_knows():
    manifest = Manifest(
        run_id="r", status=Status.COMPLETE, profile="p", suite=SuiteId("s", "h"),
        checkpoint=Checkpoint("m", Path("/m"), "m", "a", "b", "c", "d"),
        unknown_thinking={"</deep_thought>": 3},
    )  # fmt: skip
    samples = grid(np.full((20, 2), RIGHT))
    baseline = Run("m", samples, replace(manifest, unknown_thinking={}), {}, "b")
    found = derive(
        Run("m", samples, manifest, {}, "c"), baseline, GatePolicy(name="p"), look=1, of=1
    )
    assert any("</deep_thought>" in note for note in wording.notes(found))
    again = derive(baseline, baseline, GatePolicy(name="p"), look=1, of=1)
    assert not any("looks like the end" in note for note in wording.notes(again))
