"""evalscope's work folders: reviews beside predictions and reports."""

import json
import shutil

import pytest
from helpers.foreign import DATA, read

from smallscale_ci.errors import DataError
from smallscale_ci.interop.interface import Wanted
from smallscale_ci.pipeline import sides
from smallscale_ci.records import FinishReason, Outcome

EVALSCOPE = DATA / "evalscope-1.14.1"


def test_a_lost_review_is_counted(tmp_path):
    folder = shutil.copytree(EVALSCOPE, tmp_path / "run")
    reviews = next(folder.glob("reviews/*/*.jsonl"))
    reviews.write_text("".join(reviews.read_text().splitlines(keepends=True)[1:]))
    run = sides.load(folder, Wanted())
    assert (len(run.samples), run.manifest.planned) == (11, 12)


def test_reviews_alone_tell_neither_tokens_nor_ends(tmp_path):
    shutil.copy(next(EVALSCOPE.glob("reviews/*/*.jsonl")), tmp_path / "reviews.jsonl")
    _, samples = read(tmp_path / "reviews.jsonl")
    assert len(samples) == 12
    assert {sample.tokens for sample in samples} == {None}


def lines(rows):
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_old_reviews_of_evalscope_are_refused_by_name(tmp_path):
    (tmp_path / "a.jsonl").write_text(
        lines([{"index": 0, "model": "m", "choices": [{"review": {"result": 1.0}}]}])
    )
    with pytest.raises(DataError, match=r"evalscope 1\.x"):
        read(tmp_path / "a.jsonl")


def review(**changes):
    """A whole review, as 1.x writes it."""
    score = {"value": {"acc": 1.0}, "main_score_name": "acc", "extracted_prediction": "4"}
    row = {
        "index": 3,
        "target": "4",
        "messages": [
            {"role": "user", "content": "2+2?"},
            {"role": "assistant", "content": "It is 4."},
        ],
        "sample_score": {"group_id": 1, "generation_index": 1, "score": score},
    }
    for path, value in changes.items():
        *above, last = path.split("__")
        place = row
        for key in above:
            place = place[key]
        place[last] = value
    return row


def one(tmp_path, *, prediction=None, **changes):
    """The sample of one review, with its prediction beside it where there is one."""
    folder = tmp_path / "run"
    (folder / "reviews" / "m").mkdir(parents=True)
    (folder / "reviews" / "m" / "task.jsonl").write_text(lines([review(**changes)]))
    if prediction is not None:
        (folder / "predictions" / "m").mkdir(parents=True)
        (folder / "predictions" / "m" / "task.jsonl").write_text(lines([prediction]))
    (sample,) = read(folder)[1]
    return sample


def test_a_review_with_repeats_is_of_its_group(tmp_path):
    sample = one(tmp_path)
    assert (sample.task, sample.problem, sample.epoch) == ("task", "1", 1)
    assert (sample.question, sample.golds) == ("2+2?", ("4",))
    assert sample.outcome is Outcome.CORRECT


def test_without_a_group_the_index_is_the_problem(tmp_path):
    sample = one(tmp_path, sample_score__group_id=None)
    assert (sample.problem, sample.epoch) == ("3", None)


@pytest.mark.parametrize(
    ("value", "extracted", "outcome"),
    [(0.0, "5", Outcome.WRONG), (0.0, "", Outcome.UNPARSED), (0.0, None, Outcome.UNPARSED)],
)
def test_what_was_not_found_in_a_text_is_not_wrong(tmp_path, value, extracted, outcome):
    changes = {"sample_score__score__value": {"acc": value}}
    changes["sample_score__score__extracted_prediction"] = extracted
    assert one(tmp_path, **changes).outcome is outcome


def test_a_scorer_that_failed_is_errored(tmp_path):
    assert one(tmp_path, sample_score__score__status="error").outcome is Outcome.ERRORED


@pytest.mark.parametrize(
    ("stop", "outcome"), [("max_tokens", Outcome.TRUNCATED), ("stop", Outcome.WRONG)]
)
def test_the_prediction_says_how_it_ended_and_how_long_it_was(tmp_path, stop, outcome):
    usage = {"output_tokens": 9, "reasoning_tokens": 4}
    output = {"usage": usage, "choices": [{"stop_reason": stop}], "error": None}
    value = {"sample_score__score__value": {"acc": 0.0}}
    sample = one(tmp_path, prediction={"index": 3, "model_output": output}, **value)
    assert (sample.outcome, sample.tokens, sample.thinking_tokens) == (outcome, 9, 4)


def test_a_prediction_that_failed_is_errored_whatever_its_score(tmp_path):
    output = {"error": "connection refused", "choices": []}
    sample = one(tmp_path, prediction={"index": 3, "model_output": output})
    assert (sample.outcome, sample.error) == (Outcome.ERRORED, "connection refused")
    assert sample.finish is FinishReason.ERROR


def test_a_score_that_is_not_there_is_told_with_those_that_are(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(lines([review()]))
    with pytest.raises(DataError, match="line 1 has no score 'f1'") as caught:
        read(path, metric="f1")
    assert caught.value.hint == "It has acc."


def test_a_folder_without_reviews_is_told(tmp_path):
    (tmp_path / "reviews").mkdir()
    with pytest.raises(DataError, match="holds no reviews") as caught:
        read(tmp_path)
    assert "finished" in caught.value.hint
