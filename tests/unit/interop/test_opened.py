"""Texts of other tools that begin inside thinking: shown by their prompt, or by the others."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from smallscale_ci.interop.interface import Sample, Wanted
from smallscale_ci.interop.opened import NOTE, opened
from smallscale_ci.judges.interface import JudgeSpec
from smallscale_ci.pipeline import judge, sides
from smallscale_ci.records import FinishReason

ENDED = "maybe \\boxed{41}, no\n</think>\nThe answer is \\boxed{42}."
CUT = "maybe \\boxed{42}, but wait"


def flags(*texts: str, finish: FinishReason | None = None) -> list[bool]:
    samples = [
        Sample("t", str(number), text=text, finish=finish) for number, text in enumerate(texts)
    ]
    return [sample.opened for sample in opened(iter(samples)).samples]


@pytest.mark.parametrize(
    ("texts", "all_are"),
    [
        ((ENDED, ENDED, CUT), True),
        ((ENDED, CUT), False),  # one may have lost its opening mark
        ((ENDED, ENDED, CUT, CUT, CUT), False),  # most do not think at all
        ((ENDED, ENDED, f"<think>{ENDED}", CUT), False),  # the model opens thinking itself
        ((ENDED, ENDED, "</think>The answer is 42.", CUT), False),
        ((CUT, CUT, CUT), False),
        ((), False),
    ],
)
def test_the_texts_that_end_thinking_tell_about_those_that_do_not(
    texts: tuple[str, ...], all_are: bool
) -> None:
    assert flags(*texts) == [all_are] * len(texts)


def test_texts_that_were_cut_off_speak_against_nothing() -> None:
    long = [Sample("t", str(n), text=CUT, finish=FinishReason.LENGTH) for n in range(300)]
    ended = [Sample("t", f"e{n}", text=ENDED, finish=FinishReason.STOP) for n in range(2)]
    found = opened(iter([*ended, *long]))
    assert found.notes == (NOTE,)
    assert all(sample.opened for sample in found.samples)


@pytest.mark.parametrize(
    ("prompt", "inside"),
    [
        ("<|im_start|>user\n6 * 7?<|im_end|>\n<|im_start|>assistant\n<think>\n", True),
        ("<|im_start|>assistant\n<think>\n\n</think>\n\n", False),
        ("6 * 7?", False),
    ],
)
def test_a_prompt_tells_by_its_end(prompt: str, inside: bool) -> None:
    (sample,) = opened(iter([Sample("t", "1", question=prompt, text=CUT)])).samples
    assert sample.opened is inside


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "r1.parquet"
    rows = {
        "question": ["a", "b", "c", "d"],
        "answer": ["42"] * 4,
        "model_output": [ENDED, ENDED, CUT, CUT],
        "finish_reason": ["stop", "stop", "length", "stop"],
    }
    pq.write_table(pa.table(rows), path)
    return path


def test_judge_counts_no_box_in_unfinished_thinking(file, tmp_path) -> None:
    said: list[str] = []

    class Heard:
        def say(self, text: str) -> None:
            said.append(text)

        def progress(self, snapshot: object) -> None:
            del snapshot

    found = judge.judge_foreign(file, tmp_path / "out.parquet", JudgeSpec("math"), Heard())
    assert found.outcomes == {"CORRECT": 2, "TRUNCATED": 1, "UNPARSED": 1}
    assert NOTE in said


def test_a_side_that_is_judged_again_says_so(file) -> None:
    run = sides.load(file, Wanted(), JudgeSpec("math"))
    assert run.manifest is not None
    assert NOTE in run.manifest.warnings
    assert run.summary.outcomes["CORRECT"] == 2
