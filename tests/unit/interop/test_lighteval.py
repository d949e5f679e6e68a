"""lighteval's details: a row a document, shuffled."""

import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.foreign import DATA, outcomes, own_scores, read

from smallscale_ci.errors import DataError
from smallscale_ci.interop.interface import Wanted
from smallscale_ci.pipeline import sides
from smallscale_ci.records import Metric, Outcome


def test_lighteval_s_counts_and_score(tmp_path):
    path = DATA / "lighteval-0.13.0"
    log, samples = read(path)
    assert (log.facts.model, len(samples)) == ("dummy", 6)
    assert own_scores(samples) == pytest.approx(log.facts.scores)
    assert outcomes(samples) == {"CORRECT": 2, "WRONG": 4}
    assert log.facts.judges == {"sums|0": "lighteval em"}
    # The rows are shuffled: a document's id is its place in the data set.
    assert sorted(sample.problem for sample in samples) == list("012345")
    assert len({sample.content for sample in samples}) == 6
    run = sides.load(path, Wanted())
    assert {Metric.TOKENS, Metric.TRUNCATION} <= run.samples.unknown
    folder = shutil.copytree(path, tmp_path / "run")
    details = next(folder.glob("details/*/*"))
    shutil.copytree(details, details.with_name("2026-11-30T00-00-00.000000"))
    with pytest.raises(DataError, match="two runs of 'sums"):
        read(folder)


def details(tmp_path, **changes):
    """One document, as lighteval 0.13 writes it."""
    doc = {"id": "0", "query": "2+2?", "choices": ["4"], "gold_index": 0, "instruction": ""}
    doc |= {"fewshot_samples": [], **changes.pop("doc", {})}
    response = {"text": ["It is 4."], "output_tokens": [[1, 2, 3]], **changes.pop("response", {})}
    row = {"doc": doc, "model_response": response, "metric": {"em": 1.0}, **changes}
    path = tmp_path / "details_sums|0_2026-11-29T00-32-46.545015.parquet"
    pq.write_table(pa.Table.from_pylist([row]), path)
    return path


def test_a_document_asked_several_times_has_one_verdict(tmp_path):
    response = {"text": ["4", "5"], "output_tokens": [[1, 2], [3]]}
    first, second = read(details(tmp_path, response=response))[1]
    assert (first.outcome, second.outcome) == (Outcome.CORRECT, None)
    assert (first.tokens, second.tokens) == (2, 1)
    assert first.problem == second.problem == "0"


@pytest.mark.parametrize(
    ("choices", "gold", "golds"),
    [
        (["3", "4"], 1, ("4",)),
        (["4", "four"], [0, 1], ("4", "four")),
        (["4"], [3], ()),
        (["a", "b"], [-1], ()),  # there is no place before the first: not the last one
    ],
)
def test_what_is_right_is_named_by_its_places(tmp_path, choices, gold, golds):
    path = details(tmp_path, doc={"choices": choices, "gold_index": gold})
    assert read(path)[1][0].golds == golds


def test_a_score_may_be_named_and_has_to_be_there(tmp_path):
    path = details(tmp_path, metric={"em": 1.0, "qem": 0.0})
    assert read(path, metric="qem")[1][0].outcome is Outcome.WRONG
    with pytest.raises(DataError, match="row 1 has no score 'f1'") as caught:
        read(path, metric="f1")
    assert caught.value.hint == "It has em, qem."


def test_details_of_before_their_form_are_told(tmp_path):
    path = details(tmp_path)
    pq.write_table(pa.table({"example": ["x"]}), path)
    with pytest.raises(DataError, match=r"a lighteval before 0\.10") as caught:
        read(path)
    assert "lighteval 0.10 or newer" in caught.value.hint
