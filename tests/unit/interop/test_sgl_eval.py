"""sgl-eval's folders: a file for each repeat."""

import json
import shutil

import pytest
from helpers.foreign import DATA, read

from smallscale_ci.errors import DataError
from smallscale_ci.records import Outcome

SGL = DATA / "sgl-eval-0.1.3"


def test_usage_that_sgl_eval_was_not_told_is_unknown(tmp_path):
    row = json.loads((SGL / "output-rs0.jsonl").read_text().splitlines()[0])
    row |= {"num_generated_tokens": 0, "num_reasoning_tokens": 0}
    (tmp_path / "output-rs0.jsonl").write_text(json.dumps(row))
    (sample,) = read(tmp_path)[1]
    assert (sample.tokens, sample.thinking_tokens) == (None, None)


def test_a_lost_repeat_is_refused(tmp_path):
    folder = shutil.copytree(SGL, tmp_path / "run")
    (folder / "output-rs1.jsonl").unlink()
    with pytest.raises(DataError, match="1 of 2 repeats"):
        read(folder)


def one(tmp_path, **changes):
    row = json.loads((SGL / "output-rs0.jsonl").read_text().splitlines()[0])
    (tmp_path / "output-rs3.jsonl").write_text(json.dumps({**row, **changes}))
    (sample,) = read(tmp_path / "output-rs3.jsonl")[1]
    return sample


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, Outcome.CORRECT),
        ({"symbolic_correct": False}, Outcome.WRONG),
        ({"symbolic_correct": False, "predicted_answer": None}, Outcome.UNPARSED),
        ({"symbolic_correct": False, "finish_reason": "length"}, Outcome.TRUNCATED),
        ({"symbolic_correct": True, "finish_reason": "length"}, Outcome.CORRECT),
        ({"finish_reason": "abort"}, Outcome.ERRORED),
    ],
)
def test_the_tool_s_verdict_beside_how_it_ended(tmp_path, changes, outcome):
    if "abort" in changes.values():
        changes |= {"symbolic_correct": False}
    assert one(tmp_path, **changes).outcome is outcome


def test_an_empty_answer_has_no_tokens_and_a_text_has_some(tmp_path):
    assert one(tmp_path, generation="", num_generated_tokens=0).tokens == 0
    assert one(tmp_path, num_generated_tokens=0).tokens is None


def test_a_file_alone_is_one_repeat_of_nothing_that_was_planned(tmp_path):
    assert one(tmp_path).epoch == 0
    log, _ = read(tmp_path / "output-rs3.jsonl")
    assert log.facts.planned is None


def test_repeats_are_counted_in_the_order_of_their_numbers(tmp_path):
    """The tenth comes after the second."""
    row = json.loads((SGL / "output-rs0.jsonl").read_text().splitlines()[0])
    for number in (2, 10):
        made = {**row, "id": f"of {number}"}
        (tmp_path / f"output-rs{number}.jsonl").write_text(json.dumps(made))
    assert [(s.problem, s.epoch) for s in read(tmp_path)[1]] == [("of 2", 0), ("of 10", 1)]


def test_what_is_not_a_prediction_is_told_by_its_line(tmp_path):
    rows = [json.loads((SGL / "output-rs0.jsonl").read_text().splitlines()[0]), {"x": 1}]
    (tmp_path / "output-rs0.jsonl").write_text("\n".join(map(json.dumps, rows)))
    with pytest.raises(DataError, match="line 2 is not a prediction of sgl-eval"):
        read(tmp_path)
